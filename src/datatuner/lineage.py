"""What a stage was made from, by which code, and whether its files are still those that it left.

done.json, a finished stage's last file, holds the sha256 of each of its outputs. Who reads one asks `intact` for it.
A checkpoint is written long before there is a done.json, so its checksum stands beside it, as sha256sum writes it.
"""

import json
import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from datatuner.errors import ChangedError
from datatuner.provenance import code_of
from datatuner.records import BEAMS, COMPARISON, METRICS, PREDICTIONS, SCORED
from datatuner.stages import BEST, CHECKSUM, DONE, METRICS_CSV, PLAN, fingerprint_of, read_plan
from datatuner.weights import sha256
from datatuner.writing import write_text

log = logging.getLogger(__name__)
# What others read of a stage's folder, by its kind; an evaluation of several systems has a folder for each.
OUTPUTS = {
    "train": (BEST, "encoding.json", "tokenizer/**/*", METRICS_CSV),
    "classifier": (BEST, "classifier.json", "tokenizer/**/*", METRICS_CSV),
    "decode": (BEAMS,),
    "score": (SCORED,),
    "evaluate": (METRICS, PREDICTIONS, f"*/{METRICS}", f"*/{PREDICTIONS}", COMPARISON),
}


def ensure_parents(plan: Mapping[str, Any]) -> None:
    """Whether the stages whose output is read are those that the stage of `plan` was planned with.

    Raises:
        ChangedError: another one lies in the folder of one of them.
    """
    for role, fingerprint in plan.get("parents_fingerprints", {}).items():
        folder = Path(plan["parents"][role])
        if fingerprint_of(folder) != fingerprint:
            raise ChangedError(
                f"{folder} is another stage than when this command planned what reads it. Start it again."
            )


def seal(folder: Path, kind: str) -> dict[str, str]:
    """The sha256 of each output of a stage that has done its work, by its path in `folder`.

    Raises:
        ChangedError: the best checkpoint is no longer the one that was saved.
    """
    if (folder / BEST).is_file():
        ensure_saved(folder / BEST, f"Remove {folder}, and train again.")
    paths = {path for pattern in OUTPUTS[kind] for path in folder.glob(pattern) if path.is_file()}
    return {path.relative_to(folder).as_posix(): _checksum(path, _stamp(path)) for path in sorted(paths)}


def intact(path: Path) -> Path:
    """`path`, a file or folder among a finished stage's outputs, once it was held against done.json.

    Raises:
        ChangedError: it is not what the stage left: a file is missing, damaged, changed or added; or done.json is.
    """
    for folder in (path.parent, path.parent.parent):  # the latter of one of several systems
        sealed = (folder / DONE).is_file()
        known = _outputs(folder, _stamp(folder / DONE)) if sealed else None
        known = {} if known is None else known
        name = path.relative_to(folder).as_posix()
        wanted = {each: known[each] for each in known if each == name or each.startswith(f"{name}/")}
        if wanted or (known and folder == path.parent):
            _check(folder, path, wanted)
            return path
    if path.exists():
        _say_unchecked(path.parent)
    return path


def _check(folder: Path, path: Path, wanted: Mapping[str, str]) -> None:
    way_out = f"Remove {folder} and start its command again, or copy it again."
    files = [path] if path.is_file() else [each for each in path.rglob("*") if each.is_file()]
    there = {each.relative_to(folder).as_posix() for each in files}
    for each in sorted(wanted.keys() | there):
        if each not in there:
            raise ChangedError(f"{folder / each} is missing, which its stage left ({DONE}). {way_out}")
        if each not in wanted or _checksum(folder / each, _stamp(folder / each)) != wanted[each]:
            raise ChangedError(
                f"{folder / each} is not the file that its stage left: its sha256 is not the one in {DONE}, so it is "
                f"damaged or was changed. {way_out}"
            )


@cache
def _outputs(folder: Path, stamp: tuple[int, int]) -> Mapping[str, str] | None:  # noqa: ARG001 - another file is read again
    """What done.json says of the outputs; None where an earlier version wrote it."""
    way_out = f"Remove {folder} and start its command again, or copy it again."
    try:
        done: dict[str, Any] = dict(json.loads((folder / DONE).read_text(encoding="utf-8")).items())  # of an object
        outputs = dict(done["outputs"]) if "outputs" in done else None
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise ChangedError(f"{folder / DONE} is damaged. {way_out}") from error
    if outputs == {}:  # no stage leaves nothing
        raise ChangedError(f"{folder / DONE} is damaged: it names no output. {way_out}")
    if (folder / PLAN).is_file() and done.get("fingerprint", "") not in ("", fingerprint_of(folder)):
        raise ChangedError(f"{folder / DONE} is of another stage than {PLAN} beside it. {way_out}")
    return outputs


@cache
def _checksum(path: Path, stamp: tuple[int, int]) -> str:  # noqa: ARG001 - a process reads a large file once
    return sha256([path])


def _stamp(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_mtime_ns, found.st_size


@cache
def _say_unchecked(folder: Path) -> None:
    log.warning("%s holds no checksums, as an earlier version left it: its files are read unchecked", folder)


def checksum_file(checkpoint: Path) -> Path:
    return checkpoint.with_name(checkpoint.name + CHECKSUM)


def note_checksums(checkpoint: Path, checksums: Iterable[str]) -> None:
    """Writes which contents of `checkpoint` are whole: one, or two while the second takes the first one's place."""
    write_text(checksum_file(checkpoint), "".join(f"{each}  {checkpoint.name}\n" for each in checksums))


def noted_checksums(checkpoint: Path) -> list[str]:
    """What `note_checksums` wrote; [] where it never did. Of a damaged file what no content has."""
    try:
        text = checksum_file(checkpoint).read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return []
    return [line.partition(" ")[0] for line in text.splitlines()] or [""]


def ensure_saved(checkpoint: Path, way_out: str) -> None:
    """Whether `checkpoint` is whole, as it was saved.

    Raises:
        ChangedError: it is damaged or was changed; ends with `way_out`.
    """
    noted = noted_checksums(checkpoint)
    if not noted:
        _say_unchecked(checkpoint)
    elif _checksum(checkpoint, _stamp(checkpoint)) not in noted:
        raise ChangedError(
            f"{checkpoint} is not the file that was saved: its sha256 is not the one in "
            f"{checksum_file(checkpoint).name}, so it is damaged or was changed. {way_out}"
        )


def other_code(folder: Path) -> list[str]:
    """The modules that a finished stage's output depends on and that are others today, or were; by their names."""
    with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):  # an earlier version's, or damaged
        made_by: dict[str, str] = json.loads((folder / DONE).read_text(encoding="utf-8"))["code"]
        today = code_of(read_plan(folder)["kind"])
        return sorted(name for name in made_by.keys() | today.keys() if made_by.get(name) != today.get(name))
    return []


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
