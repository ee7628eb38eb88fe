"""Operations that make a value wrong: in the text, or in the data that the text then no longer fits."""

import re
from collections.abc import Iterator
from random import Random

from datatuner.alignment import Mention
from datatuner.corruptions import graphs
from datatuner.corruptions.facts import Fact, kind, renamed, spoken, with_value
from datatuner.corruptions.negation import DENIAL, opposites
from datatuner.corruptions.pair import Edit
from datatuner.corruptions.pool import Case, surface, surface_slot
from datatuner.corruptions.splicing import splice
from datatuner.example import AmrGraph, Source, Triples

_NUMBER = re.compile(r"(?<![\w.,£-])\d+(?:[.,]\d+)*(?![\w%])")
SHORT = 4  # letters: shorter words of a graph's text are mostly pronouns and the like, which nothing can replace
_TRIES = 4  # other words for one mention


def value_swapped(case: Case, rng: Random) -> Iterator[Edit]:
    """Another value of the same slot, or words for one, in all places that say a value."""
    mentions = list(dict.fromkeys((m.slot, m.value) for m in case.aligned.mentions))
    for slot, value in rng.sample(mentions, len(mentions)):
        places = [m for m in case.aligned.mentions if (m.slot, m.value) == (slot, value)]
        for words in _other_words(case, places[0], rng):
            edit = in_places(case, places, words)
            verbatim = _is_verbatim(case, places[0]) and not isinstance(case.source, AmrGraph)
            if verbatim or case.pool.reads_well(edit.text, edit.start, edit.end):
                yield edit


def _is_verbatim(case: Case, mention: Mention) -> bool:
    return case.text[mention.start : mention.end].lower() == spoken(mention.value).lower()


def _other_words(case: Case, mention: Mention, rng: Random) -> list[str]:
    if _is_verbatim(case, mention) and not isinstance(case.source, AmrGraph):
        return [spoken(value) for value in case.pool.others(case, Fact(mention.slot, mention.value, ()), rng, _TRIES)]
    words = surface(case.text, mention)
    if (isinstance(case.source, AmrGraph) and len(words) < SHORT) or mention.slot == "subject":
        return []
    slot = surface_slot(case.source, mention, words)
    own = {fact.value for fact in case.facts} | {m.value for m in case.aligned.mentions}
    known = [each for value, each in case.pool.surfaces.get(slot, {}).items() if value not in own]
    return [rng.choice(each) for each in rng.sample(known, min(len(known), 4 * _TRIES))]


def in_places(case: Case, places: list[Mention], words: str) -> Edit:
    """`words` in all of `places`; the span is that of the first."""
    text, start, end = case.text, 0, 0
    for place in sorted(places, key=lambda m: -m.start):
        start, new = case.pool.with_article(text, place.start, words)
        text, start, end = splice(text, start, place.end, new)
    return Edit(case.source, text, start, end)


def number_changed(case: Case, rng: Random) -> Iterator[Edit]:
    """Another number of the same length in a value's words: a day, a year, a count."""
    places = [
        (m.start + n.start(), m.start + n.end(), n[0])
        for m in case.aligned.mentions
        for n in _NUMBER.finditer(case.text[m.start : m.end])
        if "out of" not in case.text[m.start : m.end]
    ]
    for start, end, number in rng.sample(places, len(places)):
        yield Edit(case.source, *splice(case.text, start, end, other_number(number, rng)))


def other_number(number: str, rng: Random) -> str:
    """A number written alike: a year near it, a day up to 28, or one with other digits in its first places."""
    if re.fullmatch(r"[12]\d{3}", number):
        return str(int(number) + rng.choice([-9, -7, -5, -4, -3, -2, -1, 1, 2, 3, 4, 5]))
    if number.isdecimal() and 0 < int(number) <= 31:
        return str(rng.choice([n for n in range(1, 29) if n != int(number)]))
    digits = [i for i, character in enumerate(number) if character.isdecimal()]
    changed = list(number)
    for i in digits[:2]:
        changed[i] = rng.choice([d for d in "123456789" if d != number[i]])
    return "".join(changed)


def negated(case: Case, rng: Random) -> Iterator[Edit]:
    """The clause of a yes/no value says the opposite; in graphs, which deny in other ways, any clause.

    Not for triples: their texts deny nothing, so that a "not" alone would give the label away.
    """
    if isinstance(case.source, AmrGraph):
        yield from _denied(case, case.source)
        return
    answers = [f.slot for f in case.facts if kind(f.value) == "yes/no"]
    mentions = [m for m in case.aligned.mentions if m.slot in answers]
    for mention in rng.sample(mentions, len(mentions)):
        for start, end, words in opposites(case.text, mention.start, mention.end):
            edit = Edit(case.source, *splice(case.text, start, end, words))
            if case.pool.reads_well(edit.text, edit.start, edit.end):
                yield edit


def _denied(case: Case, graph: AmrGraph) -> Iterator[Edit]:
    """One clause denied where nothing is, or the one denial of text and graph taken out."""
    denials = len(DENIAL.findall(case.text))
    if denials != len(graphs.denied(graph)) or denials > 1:
        return
    for start, end, words in opposites(case.text, 0, len(case.text)):
        edit = Edit(case.source, *splice(case.text, start, end, words))
        if len(DENIAL.findall(edit.text)) != denials and case.pool.reads_well(edit.text, edit.start, edit.end):
            yield edit


def data_value(case: Case, rng: Random) -> Iterator[Edit]:
    """Another value in the data: one of its slot and kind in other inputs, or another number."""
    for fact in rng.sample(case.facts, len(case.facts)):
        others = case.pool.others(case, fact, rng)
        if not others and (match := _NUMBER.search(fact.value)):
            others = [fact.value[: match.start()] + other_number(match[0], rng) + fact.value[match.end() :]]
        for value in others[:2]:
            yield Edit(changed(case, fact, value), case.text, 0, 0)


def changed(case: Case, fact: Fact, value: str) -> Source:
    if isinstance(case.source, Triples) and fact.slot == "subject":
        return renamed(case.source, fact.value, value)
    return with_value(case.source, fact, value, case.pool.lists)


def polarity(case: Case, rng: Random) -> Iterator[Edit]:
    """Data that deny what the text says, or say what it denies: the other answer of a yes/no slot; a graph's negation.

    An operation of its own beside `data_value`, whose slots are seldom yes/no: a classifier must see many such pairs.
    """
    if not isinstance(case.source, AmrGraph):
        answers = [fact for fact in case.facts if kind(fact.value) == "yes/no"]
        for fact in rng.sample(answers, len(answers)):
            for value in case.pool.others(case, fact, rng):
                yield Edit(changed(case, fact, value), case.text, 0, 0)
        return
    denied, words = graphs.denied(case.source), list(DENIAL.finditer(case.text))
    if len(denied) == len(words) == 1:
        source = graphs.without(case.source, denied[0])
        assert source is not None
        yield Edit(source, case.text, words[0].start(), words[0].end())
    elif not denied and not words:
        frames = [f for f in case.facts if f.slot == ":root-01"]
        for fact in frames:
            yield Edit(graphs.with_polarity(case.source, fact.place), case.text, 0, 0)
