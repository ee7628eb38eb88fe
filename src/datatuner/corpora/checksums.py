"""The checksum of what a reader reads of a split, which names the folders of all stages that depend on it.

It covers whatever a reader's output depends on: its code and what that imports, files that it does not name, rows that
it left out. This package's own readers read the files that they name and nothing else, so their checksums are kept,
and found again by the files' contents and the reader's version; an own reader reads at every planning.
"""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

from datatuner import corpora
from datatuner.corpora.corpus import OnError
from datatuner.corpora.reader import is_own
from datatuner.errors import OutputError
from datatuner.writing import write_text

_DIGITS = hashlib.sha256().digest_size * 2


def checksum(
    name: str,
    folder: Path | None,
    split: str,
    *,
    on_error: OnError,
    reader: Mapping[str, Any] | None,
    cache: Path,
    version: str,
) -> str:
    """`Corpus.checksum` of a split.

    Args:
        cache: the folder that checksums are kept in.
        version: of this package's readers; what another version has read is read again.

    Raises:
        ConfigError, CorpusNotFoundError, CorpusFormatError: as `corpora.read`.
    """
    wanted = json.dumps([name, folder and str(folder), split, on_error, reader])
    if folder is None or is_own(reader):
        return _read(wanted, _stamps(name, folder, split, reader))
    options: Any = {"on_error": on_error, "reader": reader, "version": version}
    key = entry(name, folder, split, **options)
    kept = cache / "corpora" / key
    with suppress(OSError, UnicodeError):
        found = kept.read_text(encoding="ascii").strip()
        if len(found) == _DIGITS:
            return found
    found = _read(wanted, _stamps(name, folder, split, reader))
    if entry(name, folder, split, **options) == key:  # else the files have changed while they were read
        with suppress(OSError, OutputError):  # it is read again next time
            kept.parent.mkdir(parents=True, exist_ok=True)
            write_text(kept, f"{found}\n")
    return found


def entry(
    name: str, folder: Path, split: str, *, on_error: OnError, reader: Mapping[str, Any] | None, version: str
) -> str:
    """The name under which a split's checksum is kept: one of the contents that it was read from."""
    contents = []
    for path in _files(name, folder, split, reader):
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        contents.append([Path(os.path.relpath(path, folder)).as_posix(), digest])
    key = json.dumps([name, split, on_error, reader, version, contents], sort_keys=True)
    return hashlib.sha256(key.encode()).hexdigest()


def _files(name: str, folder: Path, split: str, reader: Mapping[str, Any] | None) -> list[Path]:
    """Those that the split's examples depend on."""
    splits = ["train", split] if corpora.seen_categories_matter(name, split, reader) else [split]
    return [path for each in splits for path in corpora.files(name, folder, each, reader=reader)]


def _stamps(
    name: str, folder: Path | None, split: str, reader: Mapping[str, Any] | None
) -> Sequence[tuple[int, int, int]]:
    """What changes with the files that a reader names."""
    paths = _files(name, folder, split, reader) if folder else []
    return tuple((found.st_mtime_ns, found.st_size, found.st_ino) for found in (path.stat() for path in paths))


@lru_cache(maxsize=16)
def _read(wanted: str, stamps: Sequence[tuple[int, int, int]]) -> str:  # noqa: ARG001 - other files are read again
    """One planning asks for a split several times."""
    name, folder, split, on_error, reader = json.loads(wanted)
    return corpora.read(name, folder and Path(folder), split, on_error=on_error, reader=reader).checksum
