"""`datatuner decode`: n-best lists from a finished training."""

from typing import TypeVar

from datatuner.commands.run import ensure_all, say_other_code
from datatuner.composing import command
from datatuner.config import Config
from datatuner.errors import CheckpointError
from datatuner.parents import planned_classifier, planned_training
from datatuner.planning import decode_stage
from datatuner.stages import Finished, Stage, ensure_same, is_done


def decode(config: Config) -> None:
    ensure_all([decode_stage(config, trained(config))])


S = TypeVar("S", Stage, Stage | Finished, Stage | Finished | None)


def trained(config: Config) -> Stage | Finished:
    return finished(planned_training(config), "training", "train", "checkpoint=FOLDER")


def finished(stage: S, what: str, command: str, instead: str) -> S:
    """The stage, once it is done.

    Raises:
        CheckpointError: it is not; names the command that does it, and what can be passed instead.
        ChangedError: its folder is another stage's.
    """
    if stage is None:
        return stage
    if not is_done(stage.folder):
        raise CheckpointError(
            f"there is no finished {what} in {stage.folder}: start `datatuner {command}` with these overrides, or pass "
            f"{instead}."
        )
    if isinstance(stage, Stage):
        ensure_same(stage)
    say_other_code(stage.folder)
    return stage


def finished_classifier(config: Config) -> Stage | Finished | None:
    return finished(planned_classifier(config), "classifier", "train stage=classifier", "fidelity=FOLDER")


if __name__ == "__main__":
    command("decode", decode)
