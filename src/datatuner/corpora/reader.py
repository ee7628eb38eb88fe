"""A reader class that a config names (`corpus.reader`): how own data comes in without a line changed here."""

import importlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from datatuner.corpora.corpus import Corpus, OnError, Tally
from datatuner.errors import ConfigError, CorpusFormatError
from datatuner.example import AmrGraph, AmrNode, Example, Slot, SlotValues, Triple, Triples

TARGET = "_target_"


class Reader(Protocol):
    """Made from `{_target_: module.Class, ...}`, whose other keys are its arguments."""

    def files(self, folder: Path, split: str) -> Sequence[Path]:
        """The raw files of a split (train, validation or test), which must be there before it is read."""
        ...

    def read(self, folder: Path, split: str, tally: Tally) -> Iterable[Example]:
        """The split's examples, in order; a malformed row is a CorpusFormatError.

        A row that is read inside `with tally.row():` is left out and counted under `corpus.on_error=skip`.
        """
        ...


def is_own(spec: Mapping[str, Any] | None) -> bool:
    """Whether `spec` names a class of the user's, not one of this package's own."""
    return spec is not None and not str(spec.get(TARGET)).startswith("datatuner.")


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
    except (Exception, SystemExit) as error:  # whatever its module does when it is imported
        reason = str(error) if isinstance(error, ImportError | AttributeError | ValueError | TypeError) else repr(error)
        raise ConfigError(
            f"corpus.reader.{TARGET}={target}: no reader can be made of it ({reason}). Name module.Class; the module "
            "must lie in the folder you start from or be installed, and the other keys are the class's arguments."
        ) from error
    for method in ("files", "read"):
        if not callable(getattr(reader, method, None)):
            raise ConfigError(f"corpus.reader.{TARGET}={target}: the class has no method {method}(folder, split, …).")
    return reader


def files_of(reader: Reader, folder: Path, split: str) -> tuple[Path, ...]:
    """Raises: ConfigError, where `files` does not return a list of paths."""
    with _staying(reader):
        found = reader.files(folder, split)
    if isinstance(found, str | Path) or not isinstance(found, Iterable):
        raise ConfigError(f"{type(reader).__name__}.files(folder, split) must return a list of paths, not {found!r}.")
    return tuple(map(Path, found))


def read_with(reader: Reader, folder: Path, split: str, on_error: OnError) -> Corpus:
    """What `reader` yields, checked: own examples must keep the promises of every other corpus.

    Raises:
        CorpusFormatError: an example whose id, split, source, references or attributes are not what Example says.
        ConfigError: `read` returns no examples.
    """
    tally = Tally(on_error)
    examples: list[Example] = []
    ids: set[str] = set()
    with _staying(reader):
        yielded = reader.read(folder, split, tally)
    if not isinstance(yielded, Iterable):
        raise ConfigError(f"{type(reader).__name__}.read(folder, split, tally) must yield examples, not {yielded!r}.")
    for example in _each(reader, yielded):
        with tally.row():
            problem = _problem(example, split, ids)
            if problem:
                expected, found = problem
                raise CorpusFormatError(folder, None, expected, found, "Mend the reader, or the data it reads.")
            ids.add(example.id)
            examples.append(example)
    tally.counts["rows"] = tally.counts["rows"] or len(examples) + tally.skipped_rows
    return tally.corpus(examples)


@contextmanager
def _staying(reader: Reader) -> Iterator[None]:
    """An own reader's exit would pass for a command that has done its work."""
    try:
        yield
    except SystemExit as error:
        raise ConfigError(
            f"{type(reader).__name__} calls exit({error.code!r}): raise an error that says why."
        ) from error


def _each(reader: Reader, yielded: Iterable[Example]) -> Iterator[Example]:
    with _staying(reader):
        yield from yielded


def _problem(example: object, split: str, ids: set[str]) -> tuple[str, str] | None:
    """What was expected of an own reader's example, and what was found."""
    if not isinstance(example, Example):
        return "the reader to yield Example objects", type(example).__name__
    name, texts, attributes = example.id, example.references, example.attributes
    are_texts = isinstance(texts, tuple | list) and _are_strings(*texts) and all(text.strip() for text in texts)
    checks = (
        (isinstance(name, str) and name, "an id that is a string, and not empty", repr(name)),
        (example.split == split, f"examples of split {split}", f"{name} of {example.split}"),
        (str(name) not in ids, "each id once", str(name)),
        (_is_source(example.source), _SOURCE, f"{name}: {example.source}"),
        (are_texts and texts, "a tuple of one or more reference texts, none blank", f"{name}: {texts!r}"),
        (
            isinstance(attributes, Mapping) and _are_strings(*attributes, *attributes.values()),
            "attributes that are strings by name",
            f"{name}: {attributes!r}",
        ),
    )
    return next(((expected, found) for holds, expected, found in checks if not holds), None)


_SOURCE = "a source that is Triples of Triple, SlotValues of Slot, or an AmrGraph: of strings, and not empty"


def _is_source(source: object) -> bool:
    match source:
        case Triples(triples):
            return bool(triples) and all(isinstance(each, Triple) and _are_strings(*each) for each in triples)
        case SlotValues(slots, act):
            named = all(isinstance(each, Slot) and _are_strings(*each) for each in slots)
            return named and (isinstance(act, str) if act is not None else bool(slots))
        case AmrGraph(root):
            return isinstance(root, AmrNode)
        case _:
            return False


def _are_strings(*values: object) -> bool:
    return all(isinstance(value, str) for value in values)
