"""Operations after which the text says what the data do not: put into the text, or taken out of the data."""

import re
from collections.abc import Iterator
from random import Random

from datatuner.corruptions.clauses import appendable, removable
from datatuner.corruptions.facts import spoken, without
from datatuner.corruptions.pair import Edit
from datatuner.corruptions.pool import Case
from datatuner.corruptions.said_twice import append, put_sentence
from datatuner.corruptions.splicing import splice
from datatuner.example import SlotValues, Triples

_TRIES = 8
_GAP = re.compile(r"(?<=\w) (?=\w)")


def sentence_inserted(case: Case, rng: Random) -> Iterator[Edit]:
    """A sentence of another input of the same sort, with the name of this one."""
    for _ in range(_TRIES):
        other = case.pool.neighbour(case, rng)
        start, end = rng.choice(other.sentences or [(0, 0)])
        if other.example.id == case.example.id or start == end or not case.sentences:
            continue
        sentence = _about(case, other, other.text[start:end])
        if sentence is not None:
            yield put_sentence(case, sentence, rng.randrange(len(case.sentences)))


def _about(case: Case, other: Case, words: str) -> str | None:
    """`words` of another case with this one's name in place of its own; None where this one has no name."""
    theirs, own = _name(other), _name(case)
    if theirs and theirs in words:
        return words.replace(theirs, own) if own else None
    return words


def _name(case: Case) -> str:
    """What a case is about: its slot "name", or the subject of its first triple."""
    match case.source:
        case SlotValues(slots):
            return next((slot.value for slot in slots if slot.name == "name"), "")
        case Triples(triples):
            return spoken(triples[0].subject)
        case _:
            return ""


def clause_inserted(case: Case, rng: Random) -> Iterator[Edit]:
    """A part of another text's sentence, at the end of a sentence that ends with the same mark."""
    for _ in range(2 * _TRIES):
        other = case.pool.neighbour(case, rng)
        start, end = rng.choice(other.sentences or [(0, 0)])
        parts = [p for p in removable(other.text, start, end) if appendable(other.text[p.start : p.end].rstrip(","))]
        if other.example.id == case.example.id or not parts:
            continue
        mark = other.text[end - 1]
        numbers = [i for i, (_, stop) in enumerate(case.sentences) if case.text[stop - 1] == mark]
        part = rng.choice(parts)
        words = _about(case, other, other.text[part.start : part.end].rstrip(","))
        if numbers and words is not None:
            yield from append(case, words, rng.choice(numbers))


def value_inserted(case: Case, rng: Random) -> Iterator[Edit]:
    """Words for a value that the data lack, where such words can stand."""
    own = {fact.slot for fact in case.facts}
    lists = case.pool.lists
    values = {fact.value for fact in case.facts}
    slots = [slot for slot in case.pool.surfaces if slot not in own or slot in lists]
    gaps = [match.end() for match in _GAP.finditer(case.text)]
    for slot in rng.sample(slots, min(len(slots), _TRIES)):
        known = [words for value, words in case.pool.surfaces[slot].items() if value not in values]
        for words in (rng.choice(expressions) for expressions in rng.sample(known, min(len(known), _TRIES))):
            for place in rng.sample(gaps, len(gaps)):
                if any(m.start < place < m.end for m in case.aligned.mentions):
                    continue
                edit = Edit(case.source, *splice(case.text, place, place, words + " "))
                edit = Edit(edit.source, edit.text, edit.start, edit.end - 1)
                if case.pool.reads_well(edit.text, edit.start, edit.end):
                    yield edit
                    break


def data_removed(case: Case, rng: Random) -> Iterator[Edit]:
    """Data without something that the text says."""
    for fact in rng.sample(case.facts, len(case.facts)):
        if fact.place:
            source = without(case.source, fact, case.pool.lists)
            if source is not None:
                yield Edit(source, case.text, 0, 0)
