"""Triples against a text: which subjects and objects are said where, which are not, and what no triple says.

A value is said where the text has one of its names (`values`), or enough of its words: see ENOUGH. Words that belong to
the name of another value of the same input do not count, unless it ends in them: "Akron, Ohio" says "Ohio" as well.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from datatuner.alignment.findings import Alignment, Mention, SlotError
from datatuner.alignment.foreign import Foreign, Gazetteer, Said, Span, foreign_spans, known
from datatuner.alignment.values import Value, read_value
from datatuner.alignment.words import Word, month_number, split_words
from datatuner.example import Example, Source, Triples

# The share of a name's words, weighted by rarity, that stands for it: "Obama" for Barack Obama, "UT Austin" for one's
# degree, two thirds of a long list. At a half, swaps by names that share a generic word ("County") are still seen.
ENOUGH = 0.5


@dataclass(frozen=True)
class Entity:
    """A distinct subject or object; one that is both goes by "subject", an object by its first predicate."""

    slot: str
    written: str
    value: Value


@lru_cache(maxsize=4096)
def entities(source: Triples) -> tuple[Entity, ...]:
    """The slots of an input, in the order of its triples, subjects first."""
    found = {triple.subject: "subject" for triple in source.triples}
    for triple in source.triples:
        if triple.object.strip():
            found.setdefault(triple.object, triple.predicate)
    return tuple(Entity(slot, written, read_value(written)) for written, slot in found.items())


class TripleAligner:
    """Knows the names of a training split, which texts may name wrongly, and how common their words are."""

    def __init__(self, train: Iterable[Example]) -> None:
        self._gazetteer = Gazetteer.of(train)

    def align(self, source: Source, text: str) -> Alignment:
        """What `text` says of the subjects and objects of `source`.

        Raises:
            TypeError: `source` is no Triples.
        """
        if not isinstance(source, Triples):
            raise TypeError(f"triples are aligned here, not {type(source).__name__}")
        words = split_words(text)
        wanted = entities(source)
        spans = self._find(wanted, words, text)
        mentions = tuple(
            Mention(entity.slot, entity.written, words[first].start, words[last].end)
            for entity, found in zip(wanted, spans, strict=True)
            for first, last in sorted(found)
        )
        missing = [entity for entity, found in zip(wanted, spans, strict=True) if not found]
        said = Said(text, words, {span for found in spans for span in found}, known(source))
        errors = self._errors(missing, foreign_spans(said, self._gazetteer, [e.slot for e in missing]), said)
        return Alignment(mentions, tuple(errors), len(wanted))

    def _find(self, wanted: Sequence[Entity], words: list[Word], text: str) -> list[list[Span]]:
        """Where each of `wanted` is said, as (first word, last word)."""
        index: dict[str, list[int]] = {}
        for place, word in enumerate(words):
            index.setdefault(word.form, []).append(place)
        spans = [list(whole_names(entity.value, words, index, text)) for entity in wanted]
        longest = [max((last - first for first, last in found), default=0) for found in spans]
        taken = {span for found in spans for span in found if span[1] > span[0]}
        if any(longest):
            spans = [[span for span in found if not _is_inside(span, taken, words, text)] for found in spans]
        covered = {place for first, last in taken for place in range(first, last + 1)}
        for number, entity in enumerate(wanted):
            if not spans[number]:
                spans[number] = self._parts(entity.value, words, index, covered)
        return spans

    def _parts(
        self, value: Value, words: list[Word], index: dict[str, list[int]], covered: set[int]
    ) -> list[Span]:
        """The words of a name that is not said whole, where they are enough to stand for it."""
        if value.kind == "date":
            return _year_alone(value, words, index)
        if value.kind == "number":
            return []
        weights = self._gazetteer.weights(value.words)
        places = {word: free[0] for word in weights if (free := [p for p in index.get(word, ()) if p not in covered])}
        if not places or sum(weights[word] for word in places) < ENOUGH * sum(weights.values()):
            return []
        return _runs(sorted(places.values()))

    def _errors(self, missing: Sequence[Entity], foreign: list[Foreign], said: Said) -> list[SlotError]:
        errors = []
        for entity in missing:
            other = next((f for f in foreign if f.could_be(entity.slot, entity.value.kind)), None)
            if other is None:
                errors.append(SlotError("missing", entity.slot, entity.written))
                continue
            foreign.remove(other)
            errors.append(SlotError("wrong", entity.slot, entity.written, other.found, other.start, other.end))
        errors += [SlotError("added", f.slot, "", f.found, f.start, f.end) for f in foreign if f.counts]
        return errors


def whole_names(value: Value, words: list[Word], index: dict[str, list[int]], text: str) -> Iterator[Span]:
    """Where one of the value's names stands, word for word."""
    for name in value.names:
        for first in index.get(name[0], ()):
            last = first + len(name) - 1
            if last < len(words) and all(words[first + n].form == name[n] for n in range(1, len(name))):
                yield first, last
    for name in value.acronyms:
        for place in index.get(name, ()):
            if is_capital(text[words[place].start : words[place].end]):
                yield place, place


def is_capital(written: str) -> bool:
    return written.replace(".", "").isupper()


def _is_inside(span: Span, taken: set[Span], words: list[Word], text: str) -> bool:
    """Whether `span` is part of another value's longer name, and not what a comma sets apart at its end."""
    first, last = span
    for start, end in taken:
        if start <= first and last <= end and end - start > last - first:
            if last == end and "," in text[words[first - 1].end : words[first].start]:
                continue
            return True
    return False


def _year_alone(value: Value, words: list[Word], index: dict[str, list[int]]) -> list[Span]:
    """The year of a date, where no month and no other number stands beside it."""
    year = next(word for word in value.words if len(word) == 4)
    return [
        (place, place)
        for place in index.get(year, ())
        if not any(
            0 <= near < len(words) and (month_number(words[near].form) or words[near].form.isdecimal())
            for near in (place - 1, place + 1)
        )
    ]


def _runs(places: list[int]) -> list[Span]:
    """Neighbouring places as spans."""
    runs: list[Span] = []
    for place in places:
        if runs and runs[-1][1] == place - 1:
            runs[-1] = (runs[-1][0], place)
        else:
            runs.append((place, place))
    return runs
