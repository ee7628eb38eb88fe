"""Finding words in a text: many patterns at once, names as they are written, the longest of those that overlap."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache

START, END = r"(?<!\w)(?<!\w')", r"(?!\w)"  # of whole words; the "t" of "isn't" is none


@dataclass(frozen=True, slots=True)
class Found:
    """`text[start:end]` stands for any of `values`; a weak one may stand for something else altogether."""

    start: int
    end: int
    values: frozenset[str]
    weak: bool = False


def longest(found: list[Found]) -> list[Found]:
    """Without those that overlap a longer one, strong before weak; in order of their places.

    Those of one place are one that stands for all their values.
    """
    if len(found) < 2:
        return found
    kept: list[Found] = []
    taken = bytearray(max(each.end for each in found))  # a character: whether it is in a kept one
    for each in sorted(found, key=lambda f: (f.weak, f.start - f.end, f.start)):
        last = kept[-1] if kept else None
        if last and (last.start, last.end, last.weak) == (each.start, each.end, each.weak):
            kept[-1] = replace(last, values=last.values | each.values)
        elif not any(taken[each.start : each.end]):
            kept.append(each)
            taken[each.start : each.end] = b"\1" * (each.end - each.start)
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
    """Patterns of whole words, scanned for together: one pass for all, then which of them fit there.

    A blank in a pattern is any run of blanks and hyphens, or none where a question mark follows.
    """

    def __init__(self, patterns: Iterable[tuple[str, frozenset[str], bool]]) -> None:
        """Each pattern with what it stands for, and whether it is weak."""
        spread = [(_spread(pattern), values, weak) for pattern, values, weak in patterns if pattern]
        self._all = re.compile(rf"{START}(?=(?:{'|'.join(each[0] for each in spread)}){END})") if spread else None
        self._each = [(re.compile(rf"(?:{pattern}){END}").match, values, weak) for pattern, values, weak in spread]

    def find(self, text: str) -> list[Found]:
        """Every pattern at every place where it fits."""
        if self._all is None:
            return []
        return [
            Found(start, match.end(), values, weak)
            for start in [place.start() for place in self._all.finditer(text)]
            for matches, values, weak in self._each
            if (match := matches(text, start))
        ]


def _spread(pattern: str) -> str:
    return pattern.replace(" ?", r"[\s-]*").replace(" ", r"[\s-]+")


def key_of(name: str) -> str:
    """What stays of a name when case, blanks, punctuation and accents are gone."""
    return "".join(_TOKEN.findall(flatten(name)))


class NameFinder:
    """Names as whole words; up to three blanks and punctuation marks between their words may be there or not."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names: dict[str, frozenset[str]] = {}
        for name in names:
            if key := key_of(name):
                self._names[key] = self._names.get(key, frozenset()) | {name}
        spelled = sorted({_spelled(name) for group in self._names.values() for name in group}, key=len, reverse=True)
        self._any = re.compile(rf"(?<!\w)(?<!\d[.,])(?:{'|'.join(spelled)})(?!\w)(?![.,]\d)") if spelled else None

    def find(self, plain: str) -> list[Found]:
        """In a flattened text; a place stands for all names that differ in case and punctuation alone."""
        matches = self._any.finditer(plain) if self._any else ()
        return [Found(m.start(), m.end(), self._names[key_of(m[0])]) for m in matches]


_TOKEN = re.compile(r"[^\W_]+")


def _spelled(name: str) -> str:
    return r"[\W_]{0,3}".join(map(re.escape, _TOKEN.findall(flatten(name))))


@lru_cache(maxsize=4096)
def finder_of(names: tuple[str, ...]) -> NameFinder:
    """One for the names of a source, kept: the same source comes with many texts."""
    return NameFinder(names)
