"""The recipe of the published code, operation by operation, with its weaknesses: nothing is checked.

Values are found as plain character strings, words are cut, and a corruption may leave the meaning as it was.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from random import Random

from datatuner.corruptions.facts import spoken
from datatuner.corruptions.pair import Edit
from datatuner.corruptions.pool import Case
from datatuner.corruptions.said_twice import put_sentence
from datatuner.corruptions.splicing import cuts_a_character
from datatuner.example import SlotValues

_COMMA_PHRASE = re.compile(r",[^,.!?]+(?=[,.!?]|$)")
_NOT = re.compile(r" not\b|n't\b")


def shortest_sentence_removed(case: Case, _: Random) -> Iterator[Edit]:
    if len(case.sentences) > 1:
        start, end = min(case.sentences, key=lambda span: span[1] - span[0])
        text = " ".join(filter(None, [case.text[:start].strip(), case.text[end:].strip()]))
        place = min(start, len(text))
        yield Edit(case.source, text, place, place)


def comma_phrase_cut(case: Case, _: Random) -> Iterator[Edit]:
    for match in _COMMA_PHRASE.finditer(case.text):
        yield Edit(case.source, case.text[: match.start()] + case.text[match.end() :], match.start(), match.start())


def sentence_again(case: Case, rng: Random) -> Iterator[Edit]:
    for start, end in case.sentences:
        yield put_sentence(case, case.text[start:end], rng.randrange(len(case.sentences)))


def foreign_sentence(case: Case, rng: Random) -> Iterator[Edit]:
    sentence = _foreign(case, rng)
    if sentence and case.sentences:
        yield put_sentence(case, sentence, rng.randrange(len(case.sentences)))


def foreign_sentence_in_place(case: Case, rng: Random) -> Iterator[Edit]:
    sentence = _foreign(case, rng)
    if sentence and case.sentences:
        start, end = rng.choice(case.sentences)
        yield Edit(case.source, case.text[:start] + sentence + case.text[end:], start, start + len(sentence))


def _foreign(case: Case, rng: Random) -> str:
    """A sentence of any other input; "" where the one drawn has none."""
    other = rng.choice(case.pool.cases)
    if other.example.id == case.example.id or not other.sentences:
        return ""
    return other.text[slice(*rng.choice(other.sentences))]


def values_mixed(case: Case, rng: Random) -> Iterator[Edit]:
    values = _values(case)
    for value in values:
        others = [other for other in values if other != value]
        if value in case.text and others:
            new = rng.choice(others)
            start = case.text.index(value)
            yield Edit(case.source, case.text.replace(value, new), start, start + len(new))


def value_cut(case: Case, rng: Random) -> Iterator[Edit]:
    for value in _values(case):
        if value in case.text and len(value) > 2:
            cut = rng.randrange(1, len(value))
            while cut < len(value) and cuts_a_character(value, cut):
                cut += 1
            new = value[:cut].rstrip()
            start = case.text.index(value)
            yield Edit(case.source, case.text.replace(value, new), start, start + len(new))


def not_deleted(case: Case, _: Random) -> Iterator[Edit]:
    for match in _NOT.finditer(case.text):
        yield Edit(case.source, case.text[: match.start()] + case.text[match.end() :], match.start(), match.start())


def yes_no_flipped(case: Case, _: Random) -> Iterator[Edit]:
    """In the data; values of other corpora than slots are never yes or no."""
    if isinstance(case.source, SlotValues):
        for i, slot in enumerate(case.source.slots):
            if slot.value in ("yes", "no"):
                flipped = slot._replace(value="no" if slot.value == "yes" else "yes")
                slots = (*case.source.slots[:i], flipped, *case.source.slots[i + 1 :])
                yield Edit(replace(case.source, slots=slots), case.text, 0, 0)


def _values(case: Case) -> list[str]:
    values = (spoken(fact.value) for fact in case.facts)
    return [value for value in dict.fromkeys(values) if value not in ("", "yes", "no", "-")]
