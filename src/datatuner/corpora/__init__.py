"""Corpus files -> Example: the one registry of corpora, by name."""

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from datatuner.corpora import e2e, ldc2017t10, viggo, webnlg
from datatuner.corpora.corpus import SPLITS, Corpus, OnError, Tally
from datatuner.errors import CorpusNotFoundError

__all__ = ["NAMES", "SPLITS", "Corpus", "OnError", "files", "layout", "read"]


@dataclass(frozen=True)
class _FileReader:
    layout: str
    files: Callable[[Path, str], tuple[Path, ...]]
    read: Callable[[Path, str, OnError], Corpus]


_FILE_READERS = {
    "webnlg": _FileReader(webnlg.LAYOUT, webnlg.files, webnlg.read),
    "e2e": _FileReader(e2e.LAYOUT, e2e.files, e2e.read),
    "viggo": _FileReader(viggo.LAYOUT, viggo.files, viggo.read),
    "ldc2017t10": _FileReader(ldc2017t10.LAYOUT, ldc2017t10.files, ldc2017t10.read),
}
_EMBEDDED = "demo"  # has no files
NAMES = (*_FILE_READERS, _EMBEDDED)


def read(name: str, folder: Path | None, split: str, *, on_error: OnError = "raise") -> Corpus:
    """The examples of one split (train, validation or test), in the order of the files.

    `folder` is the corpus's own, such as `<data_dir>/webnlg`; `demo` needs none. With `on_error="skip"` a malformed
    row is left out, counted, and its message kept; a file that cannot be read as a whole is an error all the same.

    Raises:
        CorpusNotFoundError: unknown corpus or split, or a folder or file that is not there.
        CorpusFormatError: a file or row that is not what its format asks for, with file and line.
    """
    files(name, folder, split)
    if name == _EMBEDDED:
        return _read_embedded(split, on_error)
    if name == "webnlg" and split == "test":
        files(name, folder, "train")  # its categories are the seen ones
    return _FILE_READERS[name].read(_existing_folder(name, folder), split, on_error)


def files(name: str, folder: Path | None, split: str) -> tuple[Path, ...]:
    """The raw files of a split in reading order; () for `demo`.

    Raises:
        CorpusNotFoundError: unknown corpus or split, or a folder or file that is not there.
    """
    if name not in NAMES:
        close = get_close_matches(name, NAMES, n=3)
        hint = f" Did you mean {' or '.join(close)}?" if close else ""
        raise CorpusNotFoundError(f"No corpus {name!r}.{hint} There are: {', '.join(NAMES)}.")
    if split not in SPLITS:
        raise CorpusNotFoundError(f"No split {split!r} of {name}. There are: {', '.join(SPLITS)}.")
    if name == _EMBEDDED:
        return ()
    return _existing_files(name, folder, split)


def _read_embedded(split: str, on_error: OnError) -> Corpus:
    from datatuner.corpora import demo

    examples = demo.read(split)
    tally = Tally(on_error)
    tally.counts["rows"] = len(examples)
    return tally.corpus(examples)


def _existing_folder(name: str, folder: Path | None) -> Path:
    if folder is None or not Path(folder).is_dir():
        where = "needs a folder" if folder is None else f"is not in {folder}: no such folder"
        raise CorpusNotFoundError(f"Corpus {name} {where}. {_way_out(name)}")
    return Path(folder)


def _existing_files(name: str, folder: Path | None, split: str) -> tuple[Path, ...]:
    root = _existing_folder(name, folder)
    try:
        paths = _FILE_READERS[name].files(root, split)
        missing = [path for path in paths if not path.is_file()]
    except OSError as error:
        raise CorpusNotFoundError(f"{error.filename}: cannot be read ({error.strerror}). {_way_out(name)}") from error
    if missing or not paths:
        what = f"the file {missing[0].name}" if missing else f"files of split {split}"
        raise CorpusNotFoundError(f"Corpus {name} lacks {what} in {root}. {_way_out(name)}")
    return paths


def layout(name: str) -> str:
    """The files of a corpus, as paths in its folder."""
    return _FILE_READERS[name].layout


def _way_out(name: str) -> str:
    return (
        f"Expected layout: {layout(name)}. "
        f"Pass corpus.folder=FOLDER, or data_dir=PARENT where PARENT/{name} is that folder."
    )
