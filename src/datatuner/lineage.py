"""The folders of the stages that an evaluation was made from, as far as they are there."""

from collections.abc import Iterator
from pathlib import Path

from datatuner.stages import read_plan


def made_from(folder: Path) -> dict[str, Path]:
    """By role (score, decode, train, classifier), for what chose and wrote the texts of the evaluation in `folder`."""
    return dict(_parents(folder))


def _parents(folder: Path) -> Iterator[tuple[str, Path]]:
    try:
        parents = read_plan(folder)["parents"]
    except (OSError, ValueError, KeyError, TypeError):  # copied without the others, or another system's
        return
    for role, parent in parents.items():
        if role != "validation":  # what a weight was tuned on
            yield role, Path(parent)
            yield from _parents(Path(parent))
