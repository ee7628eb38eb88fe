"""A corpus split in memory, and the tally its reader keeps while rows come in. Knows no file format."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, overload

from datatuner.errors import CorpusFormatError, CorpusNotFoundError
from datatuner.example import Example

SPLITS = ("train", "validation", "test")

OnError = Literal["raise", "skip"]

MESSAGES_KEPT = 1000  # a file of another format can have a malformed row in every two bytes

FIX_ROW = "Fix the row, or pass corpus.on_error=skip to leave it out (counted)."
FIX_FILE = "Replace the file with the corpus's original, or convert it to UTF-8 if it is your own."


@dataclass(frozen=True)
class Corpus(Sequence[Example]):
    """The examples of one split, in file order.

    `counts` holds at least `rows` (raw records: entries, CSV records, graphs), `examples`, `references` (kept),
    `empty_references` (left out), `without_reference` (entries left out because no text of theirs is kept) and
    `skipped` (malformed rows left out, only under `on_error="skip"`); `skipped` says why, one message for each of the
    first MESSAGES_KEPT rows.
    """

    examples: tuple[Example, ...]
    counts: Mapping[str, int]
    skipped: tuple[str, ...] = ()

    @overload
    def __getitem__(self, index: int) -> Example: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[Example, ...]: ...

    def __getitem__(self, index: int | slice) -> Example | tuple[Example, ...]:
        return self.examples[index]

    def __len__(self) -> int:
        return len(self.examples)

    @cached_property
    def checksum(self) -> str:
        """sha256 over ids, sources, references and attributes, in order: over all that a stage can depend on."""
        digest = hashlib.sha256()
        for each in self.examples:
            row = [each.id, each.source, each.references, dict(each.attributes)]
            digest.update(json.dumps(row, sort_keys=True, default=_plain).encode())
            digest.update(b"\n")
        return digest.hexdigest()


def _plain(source: Any) -> list[Any]:
    """A dataclass of an Example's source for JSON, which writes named tuples as lists itself."""
    return [type(source).__name__, *(getattr(source, each.name) for each in fields(source))]


class Tally:
    """What a reader counts while it reads, and the malformed rows it may leave out."""

    def __init__(self, on_error: OnError) -> None:
        self.counts: Counter[str] = Counter()
        self._on_error = on_error
        self.skipped_rows = 0
        self._messages: list[str] = []
        self._ids: set[str] = set()

    @contextmanager
    def row(self) -> Iterator[None]:
        """Around the work on one row: under "skip" its CorpusFormatError is noted and goes no further."""
        try:
            yield
        except CorpusFormatError as error:
            if self._on_error == "raise":
                raise
            self.skipped_rows += 1
            if len(self._messages) < MESSAGES_KEPT:
                self._messages.append(str(error))

    def claim(self, identifier: str, path: Path, line: int) -> None:
        """Refuses an id that an earlier row of the split has."""
        if identifier in self._ids:
            raise row_error(path, line, "an id that no earlier row has", identifier)
        self._ids.add(identifier)

    def references(self, texts: Iterable[str]) -> tuple[str, ...]:
        """The texts that are not blank, each run of whitespace one space; the blank ones are counted."""
        tidy = [normalize_spaces(text) for text in texts]
        kept = tuple(text for text in tidy if text)
        self.counts["empty_references"] += len(tidy) - len(kept)
        return kept

    def corpus(self, examples: Sequence[Example]) -> Corpus:
        counts = dict.fromkeys(("rows", "empty_references", "without_reference"), 0) | dict(self.counts)
        counts["examples"] = len(examples)
        counts["references"] = sum(len(example.references) for example in examples)
        counts["skipped"] = self.skipped_rows
        return Corpus(tuple(examples), counts, tuple(self._messages))


def normalize_spaces(text: str) -> str:
    """`text` without outer whitespace, each inner run of it (line breaks too) one space."""
    return " ".join(text.split())


def row_error(path: Path, line: int, expected: str, found: str, *, quote: bool = True) -> CorpusFormatError:
    """The error of one row: skipping it is a way out."""
    return CorpusFormatError(path, line, expected, found, FIX_ROW, quote=quote)


def file_error(path: Path, line: int | None, expected: str, found: str) -> CorpusFormatError:
    """The error of a whole file, raised under "skip" too: what its rows are is not known."""
    return CorpusFormatError(path, line, expected, found, FIX_FILE)


def read_bytes(path: Path) -> bytes:
    """The content of a corpus file that must not be empty.

    Raises:
        CorpusNotFoundError: the file cannot be opened.
        CorpusFormatError: there is nothing in it.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CorpusNotFoundError(f"{path}: cannot be read ({error.strerror}). Check its permissions.") from error
    if not content.strip():
        raise file_error(path, None, "a corpus file", "an empty file")
    return content


def read_text(path: Path) -> str:
    """The content of a UTF-8 text file, line breaks as written, a byte order mark dropped.

    Raises:
        CorpusFormatError: empty, not UTF-8, or with NUL characters; names the line.
    """
    content = read_bytes(path)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise file_error(path, line, "UTF-8 text", f"the byte 0x{content[error.start]:02x}") from error
    if not text.strip():
        raise file_error(path, None, "a corpus file", "an empty file")
    if "\0" in text:
        raise file_error(path, text.count("\n", 0, text.index("\0")) + 1, "UTF-8 text", "a NUL character")
    return text
