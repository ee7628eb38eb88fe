"""Files that are written whole or not at all: to a temporary name in the same folder, then renamed."""

import json
import os
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from datatuner.errors import OutputError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


def write_jsonl(path: Path, rows: Iterable["DataclassInstance"]) -> None:
    """Write one JSON object per row, in place of any older file; a failure leaves the older one as it was.

    Raises:
        OutputError: the folder cannot be written, or a row holds NaN, an infinity or half a surrogate pair.
    """
    _write_json(path, map(asdict, rows), indent=None)


def write_json(path: Path, content: object) -> None:
    """Write one indented JSON document, with `write_jsonl`'s promises and errors."""
    _write_json(path, [content], indent=2)


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8, with `write_jsonl`'s promises and errors."""
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content`, with `write_jsonl`'s promises.

    Raises:
        OutputError: the folder cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)  # noqa: PTH105 - the name everyone knows as atomic
    except BaseException as error:
        with suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError):
            raise OutputError(
                f"cannot write {path}: {error.strerror or error}. Free space there, or name a folder you may write to."
            ) from error
        raise


def make_writable(folder: Path, way_out: str = "name a folder you may write to") -> None:
    """Makes `folder`, if it is not there, before any work for it is done.

    Raises:
        OutputError: it cannot be written; names `way_out`.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OutputError(
            f"cannot write to {folder}: {error.strerror or error}. Free space there, or {way_out}."
        ) from error


def _write_json(path: Path, values: Iterable[object], indent: int | None) -> None:
    """Each value as JSON with a line end."""
    encoder = json.JSONEncoder(ensure_ascii=False, allow_nan=False, indent=indent)
    try:
        text = "".join(f"{encoder.encode(value)}\n" for value in values)
        write_text(path, text)
    except ValueError as error:  # of json (NaN, infinity) or of the encoder (lone surrogate)
        raise OutputError(f"cannot write {path}: a value has no place in JSON ({error}).") from error
