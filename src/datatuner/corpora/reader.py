"""A reader class that a config names (`corpus.reader`): how own data comes in without a line changed here."""

import hashlib
import importlib
import inspect
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from datatuner.corpora.corpus import Corpus, OnError, Tally
from datatuner.errors import ConfigError, CorpusFormatError
from datatuner.example import Example

TARGET = "_target_"


class Reader(Protocol):
    """Made from `{_target_: module.Class, ...}`, whose other keys are its arguments."""

    def files(self, folder: Path, split: str) -> Sequence[Path]:
        """The raw files of a split (train, validation or test); their contents are part of a stage's fingerprint."""
        ...

    def read(self, folder: Path, split: str, tally: Tally) -> Iterable[Example]:
        """The split's examples, in order; a malformed row is a CorpusFormatError.

        A row that is read inside `with tally.row():` is left out and counted under `corpus.on_error=skip`.
        """
        ...


def load_reader(spec: Mapping[str, Any]) -> Reader:
    """The object that `spec` describes.

    Raises:
        ConfigError: its class cannot be imported or made, or lacks a method.
    """
    target = str(spec.get(TARGET) or "")
    module, _, name = target.rpartition(".")
    arguments = {key: value for key, value in spec.items() if key != TARGET}
    try:
        reader: Reader = getattr(importlib.import_module(module), name)(**arguments)
    except (ImportError, AttributeError, ValueError, TypeError) as error:
        raise ConfigError(
            f"corpus.reader.{TARGET}={target}: no reader can be made of it ({error}). Name module.Class; the module "
            "must lie in the folder you start from or be installed, and the other keys are the class's arguments."
        ) from error
    for method in ("files", "read"):
        if not callable(getattr(reader, method, None)):
            raise ConfigError(f"corpus.reader.{TARGET}={target}: the class has no method {method}(folder, split, …).")
    return reader


def source_checksum(spec: Mapping[str, Any]) -> str:
    """sha256 of the reader's module, whose code the examples depend on."""
    path = inspect.getsourcefile(type(load_reader(spec)))
    return hashlib.sha256(Path(path).read_bytes() if path else b"").hexdigest()


def read_with(reader: Reader, folder: Path, split: str, on_error: OnError) -> Corpus:
    """What `reader` yields, checked: own examples must keep the promises of every other corpus.

    Raises:
        CorpusFormatError: a wrong split, an id that stands twice, a text that is blank, or no text at all.
    """
    tally = Tally(on_error)
    examples: list[Example] = []
    ids: set[str] = set()
    for example in reader.read(folder, split, tally):
        with tally.row():
            problem = _problem(example, split, ids)
            if problem:
                expected, found = problem
                raise CorpusFormatError(folder, None, expected, found, "Mend the reader, or the data it reads.")
            ids.add(example.id)
            examples.append(example)
    tally.counts["rows"] = tally.counts["rows"] or len(examples)
    return tally.corpus(examples)


def _problem(example: object, split: str, ids: set[str]) -> tuple[str, str] | None:
    """What was expected of an own reader's example, and what was found."""
    if not isinstance(example, Example):
        return "the reader to yield Example objects", type(example).__name__
    if example.split != split:
        return f"examples of split {split}", f"{example.id} of {example.split}"
    if example.id in ids:
        return "each id once", example.id
    if not example.references or not all(text.strip() for text in example.references):
        return "one or more reference texts, none blank", example.id
    return None
