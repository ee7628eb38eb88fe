"""What a source says, piece by piece, and the source with one piece changed, taken away or put in.

A piece is a slot's value (or an element of a list), a triple's object, or a node, name or constant of a graph.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from datatuner.corruptions import graphs
from datatuner.example import AmrGraph, Slot, SlotValues, Source, Triple, Triples

_DATE = re.compile(r"\d{4}-\d\d?-\d\d?|.*\b(?:January|February|March|April|May|June|July|August|September|October|"
                   r"November|December)\b.*\d.*")  # fmt: skip
_NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?\b(?!\w)(?: ?\(?[a-z ]+\)?)?")


class Fact(NamedTuple):
    """`value` of `slot` (or predicate, or role); `place` is where it stands in its source."""

    slot: str
    value: str
    place: tuple[int, ...]


def facts(source: Source, lists: Collection[str] = ()) -> list[Fact]:
    """All pieces in order; slots named in `lists` hold values joined by ", "."""
    if isinstance(source, SlotValues):
        return [
            Fact(slot.name, part, (i, j))
            for i, slot in enumerate(source.slots)
            for j, part in enumerate(_parts(slot, lists))
            if part
        ]
    if isinstance(source, Triples):
        return [Fact(triple.predicate, triple.object, (i,)) for i, triple in enumerate(source.triples)]
    return [Fact(*piece) for piece in graphs.pieces(source)]


def with_value(source: Source, fact: Fact, value: str, lists: Collection[str] = ()) -> Source:
    """The source that says `value` in place of the fact's."""
    match source:
        case SlotValues():
            parts = _parts(source.slots[fact.place[0]], lists)
            parts[fact.place[1]] = value
            return _with_slot(source, fact.place[0], parts)
        case Triples():
            i = fact.place[0]
            changed = source.triples[i]._replace(object=value)
            return Triples((*source.triples[:i], changed, *source.triples[i + 1 :]))
        case AmrGraph():
            return graphs.with_value(source, fact.place, value)


def without(source: Source, fact: Fact, lists: Collection[str] = ()) -> Source | None:
    """The source without the fact; None where nothing would be left, or other pieces hang on it."""
    match source:
        case SlotValues():
            parts = _parts(source.slots[fact.place[0]], lists)
            del parts[fact.place[1]]
            if not parts and len(source.slots) == 1:
                return None
            return _with_slot(source, fact.place[0], parts)
        case Triples():
            i = fact.place[0]
            rest = (*source.triples[:i], *source.triples[i + 1 :])
            return Triples(rest) if rest else None
        case AmrGraph():
            return graphs.without(source, fact.place)


def with_slot(source: SlotValues, name: str, value: str, place: int, lists: Collection[str]) -> SlotValues:
    """With one more slot at `place`, or one more element where the slot is a list and there already."""
    for i, slot in enumerate(source.slots):
        if slot.name == name and name in lists and slot.value:
            return _with_slot(source, i, [*_parts(slot, lists), value])
    return replace(source, slots=(*source.slots[:place], Slot(name, value), *source.slots[place:]))


def with_triple(source: Triples, triple: Triple, place: int) -> Triples:
    return Triples((*source.triples[:place], triple, *source.triples[place:]))


def renamed(source: Triples, old: str, new: str) -> Triples:
    """With another entity in all places of one."""
    return Triples(
        tuple(
            Triple(new if subject == old else subject, predicate, new if obj == old else obj)
            for subject, predicate, obj in source.triples
        )
    )


def spoken(value: str) -> str:
    """A value as a text would write it: quotes and underscores are the data's."""
    return " ".join(value.strip('"').replace("_", " ").split())


def kind(value: str) -> str:
    """ "year", "date", "number", "yes/no" or "words": a value is only ever replaced by one of its kind."""
    plain = spoken(value)
    if re.fullmatch(r"[12]\d{3}", plain):
        return "year"
    if _DATE.fullmatch(plain):
        return "date"
    if _NUMBER.fullmatch(plain):
        return "number"
    return "yes/no" if plain in ("yes", "no") else "words"


def _parts(slot: Slot, lists: Collection[str]) -> list[str]:
    return slot.value.split(", ") if slot.name in lists else [slot.value]


def _with_slot(source: SlotValues, i: int, parts: Sequence[str]) -> SlotValues:
    slots: Iterator[Slot] = iter([Slot(source.slots[i].name, ", ".join(parts))] if parts else [])
    return replace(source, slots=(*source.slots[:i], *slots, *source.slots[i + 1 :]))
