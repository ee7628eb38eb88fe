"""`predictions=`: the files of texts that an evaluation is given, by the system that wrote them."""

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from datatuner.errors import RecordError
from datatuner.lineage import intact
from datatuner.locking import LOCK
from datatuner.records import COMPARISON, PREDICTIONS
from datatuner.stages import DONE, LOG, PLAN, REFERENCES
from datatuner.weights import sha256


def given_files(predictions: Any) -> tuple[Any, dict[str, str]]:
    """The files that are evaluated: none, `references`, one, or one for each of several systems; their checksums.

    Raises:
        RecordError: a file cannot be read, or a folder is no evaluation's.
    """
    if predictions in (None, REFERENCES):
        return predictions, {}
    if isinstance(predictions, list) and len(predictions) > 1:
        systems = _named([_file(text) for text in predictions])
        checksums = [_inputs(path, f".{name}") for name, path in systems.items()]
        return {name: str(path) for name, path in systems.items()}, {
            k: v for each in checksums for k, v in each.items()
        }
    path = _file(predictions[0] if isinstance(predictions, list) else predictions)
    return str(path), _inputs(path)


def word_for(predictions: object) -> str:
    """What an evaluation without a decoding is of: a word in its folder's name."""
    if isinstance(predictions, dict):
        return "comparison"
    return "references" if predictions == REFERENCES else "predictions"


def _file(given: str) -> Path:
    """The file itself, or a folder's predictions.jsonl: that of an evaluation.

    Raises:
        RecordError: a folder without one.
        ChangedError: it is not the file that the evaluation left.
    """
    path = Path(given).expanduser().resolve()
    if not path.is_dir():
        return path
    if not (path / PREDICTIONS).is_file():
        raise RecordError(f"predictions={path} is a folder without {PREDICTIONS}: name a file, or an evaluation.")
    return intact(path / PREDICTIONS)


def _inputs(path: Path, which: str = "") -> dict[str, str]:
    """Checksum and format; the name's ending says how the file is read."""
    try:
        return {f"predictions{which}": sha256([path]), f"predictions_format{which}": path.suffix}
    except OSError as error:
        raise RecordError(f"predictions={path} cannot be read: {error.strerror or error}.") from error


def _named(paths: Sequence[Path]) -> dict[str, Path]:
    """Systems by their file's name without ending, or the name of an evaluation's folder; -2, -3 … for the same again.

    The name becomes a folder beside the evaluation's own files.
    """
    taken = {COMPARISON, PLAN, DONE, LOCK, LOG}
    systems = {}
    for path in paths:
        stem = path.parent.name if path.name == PREDICTIONS else path.stem
        names = (stem if number == 1 else f"{stem}-{number}" for number in itertools.count(1))
        name = next(name for name in names if name.casefold() not in taken)
        taken.add(name.casefold())
        systems[name] = path
    return systems
