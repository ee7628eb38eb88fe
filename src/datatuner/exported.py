"""An exported model's folder: its manifest, sealed when it is written and checked before anything in it is used."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from datatuner.errors import ExportError
from datatuner.weights import sha256
from datatuner.writing import write_json

FORMAT = 1  # raised when an older datatuner could not read it
MANIFEST, CARD, ALIGNER, GENERATOR, CLASSIFIER = "export.json", "README.md", "aligner.json", "generator", "classifier"
TAGS, STATES, WEIGHTS, CONFIG = "tags.json", "states.safetensors", "model.safetensors", "config.json"
WAY_OUT = "Export it again with `datatuner export`, or copy it again."


def seal(folder: Path, content: Mapping[str, Any]) -> None:
    """Writes the manifest: `content`, the checksum of every file that is there, and one of all that."""
    files = {
        path.relative_to(folder).as_posix(): sha256([path]) for path in sorted(folder.rglob("*")) if path.is_file()
    }
    sealed = {"format": FORMAT, **content, "files": files}
    write_json(folder / MANIFEST, {**sealed, "checksum": _checksum(sealed)})


def opened(folder: Path) -> dict[str, Any]:
    """The manifest of a folder whose files are all there, and none but those beside the models, as they were exported.

    Raises:
        ExportError: it is no exported model, or an incomplete, changed or newer one; names the file.
    """
    path = folder / MANIFEST
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        newest, files, checksum = int(content["format"]), dict(content["files"]), content["checksum"]
    except FileNotFoundError as error:
        raise ExportError(f"{folder} is no exported model: {MANIFEST} is not there. {WAY_OUT}") from error
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ExportError(f"{path} cannot be read, so the export is damaged. {WAY_OUT}") from error
    if newest > FORMAT:
        raise ExportError(
            f"{folder} has format {newest}, written by datatuner {content.get('datatuner')}; this one reads formats up "
            f"to {FORMAT}. Install a newer datatuner."
        )
    if checksum != _checksum(content):
        raise ExportError(f"{path} was changed after the export. {WAY_OUT}")
    for name, expected in files.items():
        _check(folder, name, expected)
    for part in (GENERATOR, CLASSIFIER):
        for found in sorted((folder / part).rglob("*")):
            name = found.relative_to(folder).as_posix()
            if found.is_file() and name not in files:
                raise ExportError(f"{folder}: {name} is not part of the export, and might be loaded. Remove it.")
    return content


def _check(folder: Path, name: str, expected: object) -> None:
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise ExportError(f"{folder / MANIFEST} names {name}, outside of the export. {WAY_OUT}")
    if not path.is_file():
        raise ExportError(f"{folder}: {name} is missing, so the export is incomplete. {WAY_OUT}")
    if sha256([path]) != expected:
        raise ExportError(f"{folder}: {name} is not the file that was exported: damaged or changed. {WAY_OUT}")


def _checksum(content: Mapping[str, Any]) -> str:
    """Of all but itself."""
    own = {key: value for key, value in content.items() if key != "checksum"}
    return hashlib.sha256(json.dumps(own, sort_keys=True).encode()).hexdigest()
