"""Corpus files -> Example: the one registry of corpora, by name. Each release of a corpus has a name of its own."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from datatuner.corpora import e2e, ldc2017t10, viggo, webnlg
from datatuner.corpora.corpus import SPLITS, Corpus, OnError, Tally, row_error
from datatuner.corpora.reader import Reader, files_of, load_reader, read_with
from datatuner.errors import CorpusNotFoundError, did_you_mean

__all__ = [
    "NAMES",
    "SPLITS",
    "Corpus",
    "OnError",
    "Reader",
    "Tally",
    "files",
    "layout",
    "read",
    "row_error",
    "seen_categories_matter",
]


@dataclass(frozen=True)
class _FileReader:
    layout: str
    files: Callable[[Path, str], Sequence[Path]]
    read: Callable[[Path, str, OnError], Corpus]


_FILE_READERS = {
    **{name: _FileReader(release.layout, release.files, release.read) for name, release in webnlg.RELEASES.items()},
    **{name: _FileReader(release.layout, release.files, release.read) for name, release in e2e.RELEASES.items()},
    "viggo": _FileReader(viggo.LAYOUT, viggo.files, viggo.read),
    "ldc2017t10": _FileReader(ldc2017t10.LAYOUT, ldc2017t10.files, ldc2017t10.read),
}
_EMBEDDED = "demo"  # has no files
NAMES = (*_FILE_READERS, _EMBEDDED)


def read(
    name: str, folder: Path | None, split: str, *, on_error: OnError = "raise", reader: Mapping[str, Any] | None = None
) -> Corpus:
    """The examples of one split (train, validation or test), in the order of the files.

    `folder` is the corpus's own, such as `<data_dir>/webnlg`; `demo` needs none. With `on_error="skip"` a malformed
    row is left out, counted, and its message kept; a file that cannot be read as a whole is an error all the same.
    `reader` describes a class for own data (see `Reader`); then `name` is any word.

    Raises:
        ConfigError: `reader` cannot be made.
        CorpusNotFoundError: unknown corpus or split, or a folder or file that is not there.
        CorpusFormatError: a file or row that is not what its format asks for, with file and line.
    """
    found = _known(name, split, reader)
    if found is None:
        return _read_embedded(split, on_error)
    _existing_files(name, folder, split, found)
    if seen_categories_matter(name, split, reader):
        files(name, folder, "train")
    return found.read(_existing_folder(name, folder, found), split, on_error)


def files(name: str, folder: Path | None, split: str, *, reader: Mapping[str, Any] | None = None) -> tuple[Path, ...]:
    """The raw files of a split in reading order; () for `demo`.

    Raises:
        CorpusNotFoundError: unknown corpus or split, or a folder or file that is not there.
    """
    found = _known(name, split, reader)
    return _existing_files(name, folder, split, found) if found else ()


def seen_categories_matter(name: str, split: str, reader: Mapping[str, Any] | None = None) -> bool:
    """Whether the examples depend on the training split too: its categories are WebNLG's seen ones."""
    return name in webnlg.RELEASES and split == "test" and not reader


def _known(name: str, split: str, spec: Mapping[str, Any] | None) -> _FileReader | None:
    """The reader of a corpus; None for the embedded one."""
    if name not in NAMES and not spec:
        raise CorpusNotFoundError(f"No corpus {name!r}.{did_you_mean(name, NAMES)} There are: {', '.join(NAMES)}.")
    if split not in SPLITS:
        raise CorpusNotFoundError(f"No split {split!r} of {name}. There are: {', '.join(SPLITS)}.")
    if not spec:
        return None if name == _EMBEDDED else _FILE_READERS[name]
    own = load_reader(spec)
    layout = getattr(own, "layout", f"what {spec['_target_']}.files() names")

    def read_own(folder: Path, split: str, on_error: OnError) -> Corpus:
        return read_with(own, folder, split, on_error)

    return _FileReader(layout, partial(files_of, own), read_own)


def _read_embedded(split: str, on_error: OnError) -> Corpus:
    from datatuner.corpora import demo

    examples = demo.read(split)
    tally = Tally(on_error)
    tally.counts["rows"] = len(examples)
    return tally.corpus(examples)


def _existing_folder(name: str, folder: Path | None, reader: _FileReader) -> Path:
    if folder is None or not Path(folder).is_dir():
        where = "needs a folder" if folder is None else f"is not in {folder}: no such folder"
        raise CorpusNotFoundError(f"Corpus {name} {where}. {_way_out(name, reader)}")
    return Path(folder)


def _existing_files(name: str, folder: Path | None, split: str, reader: _FileReader) -> tuple[Path, ...]:
    root = _existing_folder(name, folder, reader)
    way_out = _way_out(name, reader)
    try:
        paths = tuple(reader.files(root, split))
        missing = [path for path in paths if not path.is_file()]
        others = [other for other in _FILE_READERS if _has(other, root, split)] if missing or not paths else []
    except OSError as error:
        raise CorpusNotFoundError(f"{error.filename}: cannot be read ({error.strerror}). {way_out}") from error
    if missing or not paths:
        lacks = (
            f"the file {os.path.relpath(missing[0], root)} of split {split}" if missing else f"files of split {split}"
        )
        there = f"What is there is {' and '.join(f'corpus={other}' for other in others)}. " if others else ""
        raise CorpusNotFoundError(f"Corpus {name} lacks {lacks} in {root}. {there}{way_out}")
    return paths


def _has(name: str, root: Path, split: str) -> bool:
    paths = _FILE_READERS[name].files(root, split)
    return bool(paths) and all(path.is_file() for path in paths)


def layout(name: str) -> str:
    """The files of a corpus, as paths in its folder."""
    return _FILE_READERS[name].layout


def _way_out(name: str, reader: _FileReader) -> str:
    return (
        f"Expected layout: {reader.layout}. "
        f"Pass corpus.folder=FOLDER, or data_dir=PARENT where PARENT/{name} is that folder."
    )
