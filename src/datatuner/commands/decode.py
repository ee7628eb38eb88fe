"""`datatuner decode`: n-best lists from a finished training."""

from datatuner.commands.run import ensure_all
from datatuner.composing import command
from datatuner.config import Config
from datatuner.errors import CheckpointError
from datatuner.planning import decode_stage, planned_training
from datatuner.stages import Finished, Stage, is_done


def decode(config: Config) -> None:
    ensure_all([decode_stage(config, trained(config))])


def trained(config: Config) -> Stage | Finished:
    training = planned_training(config)
    if not is_done(training.folder):
        raise CheckpointError(
            f"there is no finished training in {training.folder}: start `datatuner train` with these overrides, or "
            "pass checkpoint=FOLDER."
        )
    return training


if __name__ == "__main__":
    command("decode", decode)
