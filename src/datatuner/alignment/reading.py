"""A text taken apart once: its words, where each stands, and which are written large."""

import re
from collections.abc import Iterable
from functools import cached_property
from itertools import pairwise

from datatuner.alignment.words import split_words

_END = re.compile(r"""[.!?]["'”’)]*\s+(?=["'“‘(]*[A-Z\d])""")

Span = tuple[int, int]  # first and last word, by their places


class Reading:
    """`words` in their order, their `forms`, and the `places` of each form."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.words = split_words(text)
        self.forms = tuple(word.form for word in self.words)
        self.places: dict[str, list[int]] = {}
        for place, form in enumerate(self.forms):
            self.places.setdefault(form, []).append(place)

    def find(self, name: tuple[str, ...]) -> list[Span]:
        """Where the words of `name` stand in a row."""
        found, length = self.places.get(name[0], ()), len(name)
        if length == 1:
            return [(place, place) for place in found]
        return [(place, place + length - 1) for place in found if self.forms[place : place + length] == name]

    @cached_property
    def capitals(self) -> list[bool]:
        """Which words begin with a capital."""
        return [self.text[word.start].isupper() for word in self.words]

    @cached_property
    def pairs(self) -> dict[str, list[int]]:
        """The first places of two words in a row, by both forms in one."""
        found: dict[str, list[int]] = {}
        for place, (one, two) in enumerate(pairwise(self.forms)):
            found.setdefault(one + two, []).append(place)
        return found

    def is_acronym(self, place: int) -> bool:
        word = self.words[place]
        return self.text[word.start : word.end].replace(".", "").isupper()

    def is_number(self, place: int) -> bool:
        """Whether a number stands there in digits; `place` may lie outside of the text."""
        return 0 <= place < len(self.words) and self.text[self.words[place].start].isdecimal()

    def gap(self, place: int) -> str:
        """What stands before a word, after the one before; all at either end of the text is "\\n"."""
        if not 0 < place < len(self.words):
            return "\n"
        return self.text[self.words[place - 1].end : self.words[place].start]

    def characters(self, span: Span) -> tuple[int, int]:
        """Where a span starts and ends in the text."""
        return self.words[span[0]].start, self.words[span[1]].end

    @cached_property
    def sentences(self) -> list[Span]:
        """First and last word of each sentence, which a mark ends and a capital or digit follows."""
        ends = [match.start() for match in _END.finditer(self.text)]
        found, first = [], 0
        for place, word in enumerate(self.words):
            if ends and word.start > ends[0]:
                while ends and word.start > ends[0]:
                    end = ends.pop(0)
                # The point of "A.S. Roma" belongs to its first word.
                if place > first and self.words[place - 1].end <= end:
                    found.append((first, place - 1))
                    first = place
        return [*found, (first, len(self.words) - 1)] if self.words else []


def places_of(spans: Iterable[Span]) -> set[int]:
    return {place for first, last in spans for place in range(first, last + 1)}
