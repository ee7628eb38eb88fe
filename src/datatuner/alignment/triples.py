"""Triples against a text: which subjects and objects are said where, which are not, and what no triple says."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import pairwise
from typing import Any

from datatuner.alignment import foreign
from datatuner.alignment.foreign import Foreign, Known
from datatuner.alignment.gazetteer import Gazetteer
from datatuner.alignment.reading import Reading, Span, places_of
from datatuner.alignment.repeats import repetitions
from datatuner.alignment.said import part_spans, whole_spans
from datatuner.alignment.values import Value, read_value
from datatuner.example import Source, Triples
from datatuner.findings import Alignment, Mention, SlotError


@dataclass(frozen=True)
class Entity:
    """A distinct subject or object; one that is both goes by "subject", an object by its first predicate."""

    slot: str
    written: str
    value: Value

    def is_replaced_by(self, other: Foreign) -> bool:
        return other.replaces(self.slot, self.value.kind, any(word.isdecimal() for word in self.value.words))


@lru_cache(maxsize=4096)
def entities(source: Triples) -> tuple[Entity, ...]:
    """The slots of an input: its distinct subjects, then its distinct objects that are not blank."""
    found = {triple.subject: "subject" for triple in source.triples}
    for triple in source.triples:
        found.setdefault(triple.object, triple.predicate)
    read = ((slot, written, read_value(written)) for written, slot in found.items())
    return tuple(Entity(slot, written, value) for slot, written, value in read if value.names)


class TripleAligner:
    """Knows the names of a training split, which a text may say in the place of its own."""

    def __init__(self, gazetteer: Gazetteer) -> None:
        self._gazetteer = gazetteer

    def known(self) -> dict[str, Any]:
        """What it has from the training split, as JSON."""
        predicates = {written: sorted(slots) for written, slots in self._gazetteer.predicates.items()}
        return {"common": sorted(self._gazetteer.common), "predicates": predicates}

    def align(self, source: Source, text: str) -> Alignment:
        """What `text` says of the subjects and objects of `source`.

        Raises:
            TypeError: `source` is no Triples.
        """
        if not isinstance(source, Triples):
            raise TypeError(f"triples are aligned here, not {type(source).__name__}")
        wanted, reading, known = entities(source), Reading(text), foreign.known(source)
        spans = whole_spans([entity.value for entity in wanted], reading)
        names = list(foreign.foreign_names(reading, known, self._gazetteer, _places(spans)))
        long = places_of(name.span for name in names if name.span[1] > name.span[0])
        taken = _places(spans) | long
        strange = partial(foreign.is_strange, reading, known, self._gazetteer)
        for number, entity in enumerate(wanted):
            if not spans[number]:
                weights = self._gazetteer.weights(entity.value.words)
                spans[number] = part_spans(entity.value, reading, weights, taken, strange)
        missing = [entity for entity, found in zip(wanted, spans, strict=True) if not found]
        others = self._others(names, reading, known, _places(spans))
        mentions = tuple(
            Mention(entity.slot, entity.written, *reading.characters(span))
            for entity, found in zip(wanted, spans, strict=True)
            for span in sorted(found)
        )
        again = [*repetitions(reading), *_stuttered(wanted, spans, reading)]
        return Alignment(mentions, (*_compare(missing, others, reading), *again), len(wanted))

    def _others(self, names: Sequence[Foreign], reading: Reading, known: Known, taken: set[int]) -> list[Foreign]:
        """All that no triple explains, no two of them of the same words, in the order of the text."""
        others = [name for name in names if taken.isdisjoint(places_of([name.span]))]
        for find in (foreign.foreign_dates, foreign.foreign_numbers, self._other_names):
            others += list(find(reading, known, taken | places_of(other.span for other in others)))
        return sorted(others, key=lambda other: other.span)

    def _other_names(self, reading: Reading, known: Known, taken: set[int]) -> Iterator[Foreign]:
        return foreign.other_names(reading, known, self._gazetteer, taken)


def _stuttered(wanted: Sequence[Entity], spans: Sequence[Iterable[Span]], reading: Reading) -> Iterator[SlotError]:
    """Values that are said again right after themselves: "Hawaii Hawaii"."""
    for entity, found in zip(wanted, spans, strict=True):
        for one, other in pairwise(sorted(found)):
            same = reading.forms[one[0] : one[1] + 1] == reading.forms[other[0] : other[1] + 1]
            if same and other[0] == one[1] + 1 and not reading.gap(other[0]).strip():
                start, end = reading.characters(other)
                yield SlotError("repeated", entity.slot, entity.written, reading.text[start:end], start, end)
                break


def _places(spans: Iterable[Iterable[Span]]) -> set[int]:
    return {place for found in spans for place in places_of(found)}


def _compare(missing: Sequence[Entity], others: Sequence[Foreign], reading: Reading) -> list[SlotError]:
    """What is missing is wrong where something foreign of its sort is said; the rest of that is added."""
    errors = []
    free = list(others)
    for entity in missing:
        other = next((other for other in free if entity.is_replaced_by(other)), None)
        if other is None:
            errors.append(SlotError("missing", entity.slot, entity.written))
            continue
        free.remove(other)
        start, end = reading.characters(other.span)
        errors.append(SlotError("wrong", entity.slot, entity.written, reading.text[start:end], start, end))
    for other in free:
        if other.counts:
            start, end = reading.characters(other.span)
            slot = min(other.slots, default=other.kind)
            errors.append(SlotError("added", slot, "", reading.text[start:end], start, end))
    return errors
