"""Finding words in a text: many patterns at once, names as they are written, the longest of those that overlap."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

START, END = r"(?<!\w)(?<!\w')", r"(?!\w)"  # of whole words; the "t" of "isn't" is none


@dataclass(frozen=True, slots=True)
class Found:
    """`text[start:end]` stands for any of `values`; a weak one may stand for something else altogether."""

    start: int
    end: int
    values: frozenset[str]
    weak: bool = False

    def overlaps(self, other: "Found") -> bool:
        return self.start < other.end and other.start < self.end


def longest(found: Iterable[Found]) -> list[Found]:
    """Without those that overlap a longer one, strong before weak; in order of their places."""
    kept: list[Found] = []
    for each in sorted(found, key=lambda f: (f.weak, f.start - f.end, f.start)):
        if not any(each.overlaps(other) for other in kept):
            kept.append(each)
    return sorted(kept, key=lambda f: f.start)


_PLAIN = str.maketrans("’‘`´“”–—−‐‑éèêáàäöüñ", "''''\"\"-----eeeaaaoun")


@lru_cache(maxsize=1024)
def flatten(text: str) -> str:
    """Lower case, with plain quotes, dashes and letters; of the same length, so that places stay."""
    lowered = text.lower()
    if len(lowered) != len(text):  # "İ" becomes two characters
        lowered = "".join(low if len(low := character.lower()) == 1 else character for character in text)
    return lowered.translate(_PLAIN)


class Lexicon:
    """Patterns of lower-case whole words, scanned for together: one pass for all, then which of them fits there.

    A blank in a pattern is any run of blanks and hyphens, or none where a question mark follows.
    """

    def __init__(self, patterns: Mapping[str, str]) -> None:
        spread = {key: _spread(pattern) for key, pattern in patterns.items() if pattern}
        self._all = re.compile(rf"{START}(?=(?:{'|'.join(spread.values())}){END})") if spread else None
        self._each = {key: re.compile(rf"(?:{pattern}){END}") for key, pattern in spread.items()}

    def find(self, text: str) -> Iterator[tuple[str, int, int]]:
        """(key, start, end) of every pattern at every place where it fits."""
        if self._all is None:
            return
        for place in self._all.finditer(text):
            for key, pattern in self._each.items():
                if match := pattern.match(text, place.start()):
                    yield key, match.start(), match.end()


def _spread(pattern: str) -> str:
    return pattern.replace(" ?", r"[\s-]*").replace(" ", r"[\s-]+")


def key_of(name: str) -> str:
    """What stays of a name when case, blanks, punctuation and accents are gone."""
    return "".join(_TOKEN.findall(flatten(name)))


class NameFinder:
    """Names as whole words; up to three blanks and punctuation marks between their words may be there or not."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names: dict[str, set[str]] = {}
        for name in names:
            if key := key_of(name):
                self._names.setdefault(key, set()).add(name)
        spelled = sorted({_spelled(name) for group in self._names.values() for name in group}, key=len, reverse=True)
        self._any = re.compile(rf"(?<!\w)(?<!\d[.,])(?:{'|'.join(spelled)})(?!\w)(?![.,]\d)") if spelled else None

    def find(self, plain: str) -> Iterator[Found]:
        """In a flattened text; a place stands for all names that differ in case and punctuation alone."""
        for match in self._any.finditer(plain) if self._any else ():
            yield Found(match.start(), match.end(), frozenset(self._names[key_of(match[0])]))


_TOKEN = re.compile(r"[^\W_]+")


def _spelled(name: str) -> str:
    return r"[\W_]{0,3}".join(map(re.escape, _TOKEN.findall(flatten(name))))


@lru_cache(maxsize=4096)
def finder_of(names: tuple[str, ...]) -> NameFinder:
    """One for the names of a source, kept: the same source comes with many texts."""
    return NameFinder(names)
