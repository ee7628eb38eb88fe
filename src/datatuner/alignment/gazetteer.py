"""The subjects and objects of a training split: by their names, with the predicates they are known under."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from math import log

from datatuner.alignment.reading import Reading, Span
from datatuner.alignment.values import Form, read_value
from datatuner.alignment.words import stem
from datatuner.example import Example, Triples

_LOWER = re.compile(r"(?<!\S)[^\W\d_A-Z][^\W\d_A-Z]+")


class Gazetteer:
    """`common` are words that the training texts write small: no names by themselves.

    `predicates` has the subjects and objects as the data write them, each with "subject" or the predicates it follows.
    """

    def __init__(self, common: Iterable[str], predicates: Mapping[str, Iterable[str]]) -> None:
        self.common, self.predicates = frozenset(common), predicates
        self._slots: dict[Form, set[str]] = defaultdict(set)
        self._counts: Counter[str] = Counter()
        for written, slots in predicates.items():
            value = read_value(written)
            self._counts.update(value.words)
            if value.kind == "name":
                for name in (*value.names, *value.aliases):
                    self._slots[name].update(slots)
        self._by_word: dict[str, list[Form]] = defaultdict(list)
        for name in sorted(self._slots, key=len, reverse=True):
            self._by_word[name[0]].append(name)

    def slots(self, name: Form) -> frozenset[str]:
        """The predicates whose object goes by `name`, and "subject" where it is one."""
        return frozenset(self._slots.get(name, ()))

    def weights(self, words: Iterable[str]) -> dict[str, float]:
        """1 for a word of no known name, less for those of many names ("County")."""
        return {word: 1 / (1 + log(1 + self._counts[word])) for word in words}

    def find(self, reading: Reading) -> Iterator[tuple[Span, Form]]:
        """The names in a text from left to right, always the longest, none in another."""
        end = 0
        for place, form in enumerate(reading.forms):
            if place < end or form not in self._by_word:
                continue
            for name in self._by_word[form]:
                if reading.forms[place : place + len(name)] == name:
                    end = place + len(name)
                    yield (place, end - 1), name
                    break

    @classmethod
    def of(cls, train: Iterable[Example]) -> "Gazetteer":
        common: set[str] = set()
        predicates: dict[str, set[str]] = defaultdict(set)
        for example in train:
            if isinstance(example.source, Triples):
                for triple in example.source.triples:
                    predicates[triple.subject].add("subject")
                    predicates[triple.object].add(triple.predicate)
                for text in example.references:
                    common.update(map(stem, _LOWER.findall(text)))
        return cls(common, predicates)
