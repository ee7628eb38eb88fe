"""`datatuner train`: fine-tune a generator, or find the finished training again."""

from datatuner.commands.run import ensure_all
from datatuner.composing import command
from datatuner.config import Config
from datatuner.planning import train_stage


def train(config: Config) -> None:
    ensure_all([train_stage(config)])


if __name__ == "__main__":
    command("train", train)
