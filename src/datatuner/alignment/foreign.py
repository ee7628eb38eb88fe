"""What a text says that no triple of its input does: other names of the training split, other names, other numbers."""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from math import log

from datatuner.alignment.values import Form, read_value
from datatuner.alignment.words import Word, forms, month_number, split_words, stem
from datatuner.example import Example, Triples

Span = tuple[int, int]  # first and last word

_LOWER = re.compile(r"(?<!\S)[^\W\d_A-Z][^\W\d_A-Z]+")
_GAP_IN_NAME = re.compile(r"[\s\-–'’&/]*(?:(?:of|the|and|de|in|at|for|on)\s+)*")


@dataclass(frozen=True)
class Said:
    """A text whose words in `spans` are those of the input's values."""

    text: str
    words: list[Word]
    spans: set[Span]
    known: "Known"

    @property
    def covered(self) -> set[int]:
        return {place for first, last in self.spans for place in range(first, last + 1)}


@dataclass(frozen=True)
class Known:
    """What an input's values and predicates explain, wherever it stands: words, numbers, months."""

    words: frozenset[str]
    months: frozenset[int]


@dataclass(frozen=True)
class Foreign:
    """`text[start:end]` says `found`, which is of no triple; known in training data as object of `slots`.

    `counts` says whether it is an error by itself; if not, it only explains what stands in a missing value's place.
    """

    kind: str
    found: str
    start: int
    end: int
    slots: frozenset[str] = frozenset()
    counts: bool = True

    def could_be(self, slot: str, kind: str) -> bool:
        """Whether it may stand in the place of a value of `slot`."""
        return slot in self.slots if self.kind == "name" else kind == self.kind

    @property
    def slot(self) -> str:
        return min(self.slots, default=self.kind)


@dataclass
class Gazetteer:
    """The subjects and objects of a training split by their names, and the words its texts have in lower case."""

    by_word: dict[str, list[tuple[Form, str]]] = field(default_factory=lambda: defaultdict(list))
    slots: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    common: set[str] = field(default_factory=set)
    counts: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, train: Iterable[Example]) -> "Gazetteer":
        gazetteer = cls()
        for example in train:
            if not isinstance(example.source, Triples):
                continue
            for triple in example.source.triples:
                gazetteer.slots[triple.subject].add("subject")
                gazetteer.slots[triple.object].add(triple.predicate)
            for text in example.references:
                gazetteer.common.update(stem(word) for word in _LOWER.findall(text))
        names: dict[tuple[Form, str], None] = {}
        for written in gazetteer.slots:
            value = read_value(written)
            gazetteer.counts.update(value.words)
            if value.kind == "name":
                names.update(dict.fromkeys((name, written) for name in value.names))
        for name, written in names:
            gazetteer.by_word[name[0]].append((name, written))
        for entries in gazetteer.by_word.values():
            entries.sort(key=lambda entry: -len(entry[0]))
        return gazetteer

    def weights(self, words: frozenset[str]) -> dict[str, float]:
        return {word: 1 / (1 + log(1 + self.counts[word])) for word in words}


@lru_cache(maxsize=4096)
def known(source: Triples) -> Known:
    words: set[str] = set()
    months: set[int] = set()
    for triple in source.triples:
        words.update(forms(re.sub(r"(?<=[a-z])(?=[A-Z])|_", " ", triple.predicate)))
        for written in (triple.subject, triple.object):
            value = read_value(written)
            words.update(word for name in value.names for word in name)
            words.update(value.words, value.acronyms, forms(written.replace("_", " ")))
            if value.kind == "date":
                months.update(number for name in value.names if (number := month_number(name[0])))
    return Known(frozenset(words), frozenset(months))


def foreign_spans(said: Said, gazetteer: Gazetteer, missing: Collection[str]) -> list[Foreign]:
    """What no triple explains, in the order of the text."""
    covered = said.covered
    found = [*_dates(said, covered)]
    taken = {place for first, last, _ in found for place in range(first, last + 1)}
    for finder in (_named(said, covered | taken, gazetteer), ):
        found += finder
    taken = {place for first, last, _ in found for place in range(first, last + 1)}
    found += _numbers(said, covered | taken)
    found += _capitals(said, covered | taken, gazetteer)
    return [foreign for _, _, foreign in sorted(found, key=lambda f: f[0])]


def _dates(said: Said, covered: set[int]) -> Iterator[tuple[int, int, Foreign]]:
    """A month that no date has, beside a number."""
    for place, word in enumerate(said.words):
        month = month_number(word.form)
        if not month or place in covered or month in said.known.months or not said.text[word.start].isupper():
            continue
        first = last = place
        while first and said.words[first - 1].form.isdecimal() and place - first < 2 and first - 1 not in covered:
            first -= 1
        while last + 1 < len(said.words) and said.words[last + 1].form.isdecimal() and last - place < 2 and last + 1 not in covered:
            last += 1
        if first < last:
            yield first, last, _foreign(said, "date", first, last)


def _numbers(said: Said, covered: set[int]) -> Iterator[tuple[int, int, Foreign]]:
    for place, word in enumerate(said.words):
        if word.form[0].isdecimal() and place not in covered and word.form not in said.known.words:
            if said.text[word.start].isdecimal():
                yield place, place, _foreign(said, "number", place, place)


def _named(said: Said, covered: set[int], gazetteer: Gazetteer) -> Iterator[tuple[int, int, Foreign]]:
    """Names of the training split, the longest first."""
    end = 0
    for first, word in enumerate(said.words):
        if first < end:
            continue
        for name, written in gazetteer.by_word.get(word.form, ()):
            last = first + len(name) - 1
            if last >= len(said.words) or any(said.words[first + n].form != name[n] for n in range(1, len(name))):
                continue
            if covered.isdisjoint(range(first, last + 1)) and not said.known.words.issuperset(name):
                many = len(name) > 1 and is_name(said, first, last)
                foreign = _foreign(said, "name", first, last)
                slots = frozenset(s for n, w in gazetteer.by_word[word.form] if n == name for s in gazetteer.slots[w])
                yield first, last, Foreign("name", foreign.found, foreign.start, foreign.end, slots, many)
            end = last + 1
            break


def is_name(said: Said, first: int, last: int) -> bool:
    return all(said.text[word.start].isupper() or said.text[word.start].isdecimal() for word in said.words[first : last + 1])


def _capitals(said: Said, covered: set[int], gazetteer: Gazetteer) -> Iterator[tuple[int, int, Foreign]]:
    """Two or more words in capitals that stand together."""
    run: list[int] = []
    for place in range(len(said.words) + 1):
        if place < len(said.words) and said.text[said.words[place].start].isupper() and (
            not run or _GAP_IN_NAME.fullmatch(said.text, said.words[run[-1]].end, said.words[place].start)
        ):
            run.append(place)
            continue
        unexplained = [
            p for p in run if p not in covered and said.words[p].form not in said.known.words and said.words[p].form not in gazetteer.common
        ]
        if len(unexplained) >= 2 and covered.isdisjoint(run):
            yield run[0], run[-1], _foreign(said, "name", run[0], run[-1])
        run = [place] if place < len(said.words) and said.text[said.words[place].start].isupper() else []


def _foreign(said: Said, kind: str, first: int, last: int) -> Foreign:
    start, end = said.words[first].start, said.words[last].end
    return Foreign(kind, said.text[start:end], start, end)
