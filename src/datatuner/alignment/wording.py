"""In which words a text says a value: whether it says it again is a question of these."""

import re
from bisect import bisect_left, bisect_right
from functools import lru_cache

from datatuner.alignment.matching import Found, flatten
from datatuner.alignment.slot_rules import Repeats

_MARKS = re.compile(r"([.!?]+)(\s*)")


def wording(text: str, place: Found, by: Repeats) -> tuple[str, int]:
    """The words that say a value; by sentence, all of its words and where among them the value stands."""
    plain = flatten(text)
    if by == "words":
        return plain[place.start : place.end], 0
    start, end = _sentences(plain).around(place)
    return _words(plain, start, end), place.start - start


@lru_cache(maxsize=16)  # the values of one sentence share its words, and their hash
def _words(plain: str, start: int, end: int) -> str:
    return plain[start:end]


class Sentences:
    """Where the sentences of a text end: at marks that blanks follow, or the end of the text."""

    def __init__(self, plain: str) -> None:
        self._length = len(plain)
        self._marks = [(match.start(), match.end(1), match.end()) for match in _MARKS.finditer(plain)]
        self._ends = [each for each in self._marks if each[1] < each[2] or each[2] == self._length]
        self._last_marks = [last for _, last, _ in self._ends]

    def around(self, place: Found) -> tuple[int, int]:
        """Start and end of the sentence with a value in it; marks right before the value end one in any case."""
        return self._start(place.start), self._end(place.end)

    def _start(self, place: int) -> int:
        before = bisect_left(self._marks, (place,))
        if before and place <= self._marks[before - 1][2]:
            return place
        before = bisect_left(self._ends, (place,))
        return self._ends[before - 1][2] if before else 0

    def _end(self, place: int) -> int:
        after = bisect_right(self._last_marks, place)
        return max(place, self._ends[after][0]) if after < len(self._ends) else self._length


_sentences = lru_cache(maxsize=256)(Sentences)
