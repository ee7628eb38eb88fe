"""Operations after which the text says what the data do not: put into the text, or taken out of the data."""

import re
from collections.abc import Iterator
from random import Random

from datatuner.corruptions.clauses import appendable, removable
from datatuner.corruptions.facts import Fact, kind, spoken, without
from datatuner.corruptions.pair import Edit
from datatuner.corruptions.pool import Case, root_of
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
    """`words` of another case with this one's name in place of its own; None where it has none, or has no place there.

    What triples are about is another sort of thing than what else they name: it only ever begins a sentence.
    """
    theirs, own = _name(other), _name(case)
    if not theirs or theirs not in words:
        return words
    if isinstance(case.source, Triples) and not words.startswith(theirs):
        return None
    return words.replace(theirs, own) if own else None


def _name(case: Case) -> str:
    """What a case is about: its slot "name", or the subject of its first triple."""
    match case.source:
        case SlotValues(slots):
            return next((slot.value for slot in slots if slot.name == "name"), "")
        case Triples():
            return spoken(root_of(case.source))
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
    """A value that the data lack: one more element of an enumeration, or words where such words can stand."""
    if isinstance(case.source, SlotValues):
        ways = [_words_inserted, _element_inserted]
        for way in rng.sample(ways, len(ways)):
            yield from way(case, rng)
    elif isinstance(case.source, Triples):
        yield from _element_inserted(case, rng)


def _words_inserted(case: Case, rng: Random) -> Iterator[Edit]:
    own = {fact.slot for fact in case.facts} - case.pool.lists
    values = {fact.value for fact in case.facts}
    slots = [slot for slot in case.pool.surfaces if slot not in own]
    gaps = [m.end() for m in _GAP.finditer(case.text)]
    gaps = [place for place in gaps if not any(m.start < place < m.end for m in case.aligned.mentions)]
    for slot in rng.sample(slots, min(len(slots), _TRIES)):
        places = [place for place in gaps if case.pool.fits(slot, case.text, place, place)]
        known = [words for value, words in case.pool.surfaces[slot].items() if value not in values]
        for place, expressions in zip(rng.sample(places, len(places)), rng.sample(known, len(known)), strict=False):
            text, start, end = splice(case.text, place, place, rng.choice(expressions) + " ")
            if case.pool.reads_well(text, start, end - 1):
                yield Edit(case.source, text, start, end - 1)


def _element_inserted(case: Case, rng: Random) -> Iterator[Edit]:
    """ "A and B" for "A", "A, B and C" for "A and C", where A stands word for word and is no name of the input."""
    mentions = [
        m
        for m in case.aligned.mentions
        if m.slot not in ("name", "subject")
        and case.text[m.start : m.end].lower() == spoken(m.value).lower()
        and (m.slot in case.pool.lists or isinstance(case.source, Triples))
        and kind(m.value) == "words"
    ]
    for mention in rng.sample(mentions, len(mentions)):
        others = case.pool.others(case, Fact(mention.slot, mention.value, ()), rng, 2)
        joined = re.match(r",? and ", case.text[mention.end :])
        if joined and not any(m.start == mention.end + joined.end() for m in mentions):
            continue
        listed = re.match(r"[,/-]", case.text[mention.end :]) or re.search(
            r"(?:,|and|or|/) $", case.text[: mention.start]
        )
        for value in others:
            if joined is None and not listed:
                text, start, end = splice(case.text, mention.end, mention.end, f" and {spoken(value)}")
                yield Edit(case.source, text, start + len(" and "), end)
            elif joined:
                text, start, end = splice(case.text, mention.end, mention.end, f", {spoken(value)}")
                yield Edit(case.source, text, start + len(", "), end)


def data_removed(case: Case, rng: Random) -> Iterator[Edit]:
    """Data without something that the text says."""
    for fact in rng.sample(case.facts, len(case.facts)):
        if fact.place:
            source = without(case.source, fact, case.pool.lists)
            if source is not None:
                yield Edit(source, case.text, 0, 0)
