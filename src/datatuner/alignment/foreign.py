"""What a text says that no triple of its input does: names of other inputs, other names, numbers and dates."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from datatuner.alignment.aliases import HEADS
from datatuner.alignment.gazetteer import Gazetteer
from datatuner.alignment.reading import Reading, Span, places_of
from datatuner.alignment.values import read_value
from datatuner.alignment.words import forms, month_number
from datatuner.example import Triples

_INSIDE_NAME = re.compile(r"[\s\-–'’&/]*(?:(?:of|the|and|de|in|at|for|on)\s+)*")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])|_")


@dataclass(frozen=True)
class Known:
    """What an input explains, wherever it stands: words of its values and predicates, and the months of its dates."""

    words: frozenset[str]
    months: frozenset[int]


@lru_cache(maxsize=4096)
def known(source: Triples) -> Known:
    words: set[str] = set()
    months: set[int] = set()
    for triple in source.triples:
        words.update(forms(_CAMEL.sub(" ", triple.predicate)))
        for written in (triple.subject, triple.object):
            value = read_value(written)
            words.update(value.words, value.acronyms, forms(written.replace("_", " ")))
            words.update(word for name in (*value.names, *value.aliases) for word in name if value.kind != "date")
            months.update(number for name in value.names if (number := month_number(name[0])))
            words.update(_season_end(written))
    return Known(frozenset(words), frozenset(months))


def _season_end(written: str) -> Iterator[str]:
    """ "2014–15_Serie_A" -> 2015"""
    for match in re.finditer(r"(\d\d)(\d\d)[-–/](\d\d)(?!\d)", written):
        yield match[1] + match[3]


@dataclass(frozen=True)
class Foreign:
    """Words at `span` that no triple explains; as a name, known as the object of `slots`.

    `counts` says whether they are an error by themselves; if not, they only tell what is in a missing value's place.
    """

    kind: str  # number, date or name
    span: Span
    slots: frozenset[str] = frozenset()
    counts: bool = True

    def replaces(self, slot: str, kind: str, has_number: bool) -> bool:
        """Whether it is of the sort of a value of `slot`, `kind` and its words."""
        if self.kind == "name":
            return slot in self.slots
        return kind == self.kind or (self.kind == "number" and (has_number or kind == "date"))


def foreign_names(reading: Reading, known: Known, gazetteer: Gazetteer, taken: set[int]) -> Iterator[Foreign]:
    """Names of the training split that the input does not explain whole.

    They are errors where they are written large, or stand in a sentence that says nothing of the input.
    """
    strange = places_of([s for s in reading.sentences if taken.isdisjoint(range(s[0], s[1] + 1))])
    for span, name in gazetteer.find(reading):
        places = range(span[0], span[1] + 1)
        if known.words.issuperset(name) or not taken.isdisjoint(places):
            continue
        large = all(reading.capitals[place] or reading.is_number(place) for place in places)
        proper = large and (len(name) > 1 or name[0] not in gazetteer.common)
        yield Foreign("name", span, gazetteer.slots(name), proper or span[0] in strange)


def is_strange(reading: Reading, known: Known, gazetteer: Gazetteer, place: int) -> bool:
    """Whether a word is written large, explained by nothing of the input, and never written small: part of a name."""
    form = reading.forms[place]
    return reading.capitals[place] and form not in known.words and form not in gazetteer.common and form not in HEADS


def other_names(reading: Reading, known: Known, gazetteer: Gazetteer, taken: set[int]) -> Iterator[Foreign]:
    """Two or more words in a row, written large, of which the input explains none and no text writes one small."""
    run: list[int] = []
    for place, large in enumerate([*reading.capitals, False]):
        if run and large and _is_one_name(reading, run[-1], place):
            run.append(place)
            continue
        if len(run) >= 2 and taken.isdisjoint(run):
            new = {reading.forms[p] for p in run} - known.words - gazetteer.common
            if len(new) >= 2:
                yield Foreign("name", (run[0], run[-1]))
        run = [place] if large else []


def _is_one_name(reading: Reading, place: int, after: int) -> bool:
    """Whether nothing but blanks and what names have in them ("of") stands between two words."""
    start, end = reading.words[place].end, reading.words[after].start
    return end - start == 1 or _INSIDE_NAME.fullmatch(reading.text, start, end) is not None


def foreign_dates(reading: Reading, known: Known, taken: set[int]) -> Iterator[Foreign]:
    """A month that no date of the input has, with the numbers beside it."""
    for place, form in enumerate(reading.forms):
        month = month_number(form)
        if month is None or month in known.months or place in taken or not reading.capitals[place]:
            continue
        first = last = place
        while reading.is_number(first - 1) and first - 1 not in taken and place - first < 2:
            first -= 1
        while reading.is_number(last + 1) and last + 1 not in taken and last - place < 2:
            last += 1
        if first < last:
            yield Foreign("date", (first, last))


def foreign_numbers(reading: Reading, known: Known, taken: set[int]) -> Iterator[Foreign]:
    """Numbers in digits that are in no value and no predicate of the input."""
    for place, form in enumerate(reading.forms):
        if form[0].isdecimal() and form not in known.words and place not in taken and reading.is_number(place):
            yield Foreign("number", (place, place))
