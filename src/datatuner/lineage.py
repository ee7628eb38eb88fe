"""What a stage was made from: its parents, and theirs."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from datatuner.stages import read_plan


def ancestors(plan: Mapping[str, Any]) -> Iterator[tuple[str, Path, dict[str, Any]]]:
    """(role, folder, plan) of every stage that the one of `plan` was made from, nearest first; one may come twice.

    Raises:
        OSError, ValueError: a folder has no plan that can be read.
    """
    for role, parent in plan["parents"].items():
        folder = Path(parent)
        theirs = read_plan(folder)
        yield role, folder, theirs
        yield from ancestors(theirs)


def made_from(folder: Path) -> dict[str, Path]:
    """By role (score, decode, train, …) the nearest stage that an evaluation was made from, as far as it is known."""
    found: dict[str, Path] = {}
    with suppress(OSError, ValueError, KeyError, TypeError):  # copied without the others, or another system's
        plan = read_plan(folder)
        found = {role: Path(parent) for role, parent in plan["parents"].items()}
        for role, parent, _ in ancestors(plan):
            found.setdefault(role, parent)
    return found
