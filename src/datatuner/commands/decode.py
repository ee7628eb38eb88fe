"""`datatuner decode`: n-best lists from a finished training."""

from typing import TypeVar

from datatuner.commands.run import ensure_all
from datatuner.composing import command
from datatuner.config import Config
from datatuner.errors import CheckpointError
from datatuner.parents import planned_training
from datatuner.planning import decode_stage
from datatuner.stages import Finished, Stage, is_done


def decode(config: Config) -> None:
    ensure_all([decode_stage(config, trained(config))])


def trained(config: Config) -> Stage | Finished:
    return finished(planned_training(config), "train", " or pass checkpoint=FOLDER.")


S = TypeVar("S", Stage, Stage | Finished, Stage | Finished | None)


def finished(stage: S, command: str, way_out: str = "") -> S:
    """The stage, once it is done.

    Raises:
        CheckpointError: it is not; names the command that does it.
    """
    if stage is not None and not is_done(stage.folder):
        raise CheckpointError(
            f"{stage.folder} is not there or not finished: start `datatuner {command}` with these overrides,"
            f"{way_out or ' or `datatuner run`.'}"
        )
    return stage


if __name__ == "__main__":
    command("decode", decode)
