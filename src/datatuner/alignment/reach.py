"""Which of many places of a text hold another one, or overlap it, without a look at each of them."""

from bisect import bisect_right
from collections.abc import Iterable
from itertools import accumulate


class Reach:
    """How far places, given as (start, end), reach into a text."""

    def __init__(self, places: Iterable[tuple[int, int]]) -> None:
        ordered = sorted(places)
        self._starts = [start for start, _ in ordered]
        self._ends = list(accumulate((end for _, end in ordered), max))

    def from_before(self, start: int) -> int:
        """The last end of those that start at `start` or before; -1 if none does."""
        number = bisect_right(self._starts, start)
        return self._ends[number - 1] if number else -1

    def overlaps(self, start: int, end: int) -> bool:
        """Whether one of them and this one, whose ends are no longer part of them, have a character in common."""
        return self.from_before(end - 1) > start

    def surrounds(self, start: int, end: int) -> bool:
        """Whether one of them holds this one, and more on either side."""
        return self.from_before(start) > end or self.from_before(start - 1) >= end
