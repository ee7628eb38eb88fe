"""`datatuner train`: fine-tune a generator or a fidelity classifier, or find the finished training again."""

from datatuner.commands.run import ensure_all
from datatuner.composing import command
from datatuner.config import Config, Training
from datatuner.planning import classifier_stage, train_stage


def train(config: Config) -> None:
    ensure_all([classifier_stage(config) if config.stage is Training.classifier else train_stage(config)])


if __name__ == "__main__":
    command("train", train)
