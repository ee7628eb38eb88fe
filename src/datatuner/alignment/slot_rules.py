"""How the values of one slot are put into words: by a table, by affirming or denying, or as they are written."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from datatuner.alignment.matching import Found, Lexicon, NameFinder, finder_of, flatten, longest
from datatuner.alignment.negation import is_denied

Repeats = Literal["words", "sentence"]


@dataclass(frozen=True)
class Phrases:
    """A slot whose values are known. Patterns are of lower-case words; `cased` ones see the text as it is written.

    A key "value|other value" stands for any of the two: "affordable" may be cheap or moderate; the key "" for words that
    say nothing of the slot, though a part of them would. A `weak` expression
    ("average", of the price or of the rating) can satisfy a value, but is not held against a text that lacks the slot,
    nor does it count inside another slot's words. `many` marks a slot whose value is a list: each element counts.
    `asked` are the words for the slot itself, in a text that asks for its value. `repeats` says when a second mention
    is an error: where the same `words` say the value again, or only with a whole `sentence` that is said again, for
    words that serve as the subject ("the restaurant").
    """

    table: Mapping[str, str]
    weak: Mapping[str, str] = field(default_factory=dict)
    cased: Mapping[str, str] = field(default_factory=dict)
    asked: str = ""
    many: bool = False
    repeats: Repeats = "words"

    def find(self, text: str, _wanted: Iterable[str] = ()) -> list[Found]:
        plain = flatten(text)
        lexicons = ((self._strong, plain, False), (self._cased, text, False), (self._weak, plain, True))
        found = merged(
            Found(start, end, self._values[key], weak)
            for lexicon, where, weak in lexicons
            for key, start, end in lexicon.find(where)
        )
        return [each for each in found if "" not in each.values]

    @cached_property
    def _values(self) -> dict[str, frozenset[str]]:
        return {key: frozenset(key.split("|")) for key in (*self.table, *self.cased, *self.weak)}

    @cached_property
    def _strong(self) -> Lexicon:
        return Lexicon(self.table)

    @cached_property
    def _cased(self) -> Lexicon:
        return Lexicon(self.cased)

    @cached_property
    def _weak(self) -> Lexicon:
        return Lexicon(self.weak)


@dataclass(frozen=True)
class YesNo:
    """A slot that a text affirms or denies: `topic` is denied where a negation reaches it.

    `yes` and `no` are expressions that say it without one, or in spite of one ("single-player"). `answers` are the
    values that mean yes and no; `nothing` are words that hold the topic without saying either.
    """

    topic: str
    yes: str = ""
    no: str = ""
    nothing: str = ""
    answers: tuple[str, str] = ("yes", "no")
    asked = ""
    many = False
    repeats: Repeats = "words"

    def find(self, text: str, _wanted: Iterable[str] = ()) -> list[Found]:
        plain = flatten(text)
        found = []
        for key, start, end in self._lexicon.find(plain):
            denied = key == "no" or (key == "topic" and is_denied(plain, start, end))
            found.append(Found(start, end, frozenset([""] if key == "nothing" else [self.answers[denied]])))
        return [each for each in longest(found) if "" not in each.values]

    @cached_property
    def _lexicon(self) -> Lexicon:
        return Lexicon({"nothing": self.nothing, "no": self.no, "yes": self.yes, "topic": self.topic})


@dataclass(frozen=True)
class Names:
    """A slot with any number of values, each said as it is written: names, years, dates.

    `known` are the values of the training split: another of them in a text is a foreign one, if it begins with a
    capital as they do. `shape` is a pattern of values that need not be known.
    """

    known: frozenset[str] = frozenset()
    shape: str = ""
    asked: str = ""
    many = False
    repeats: Repeats = "words"

    def find(self, text: str, wanted: Iterable[str] = ()) -> list[Found]:
        plain = flatten(text)
        own = finder_of(tuple(wanted)).find(plain)
        shaped = (Found(start, end, frozenset([text[start:end]])) for _, start, end in self._shape.find(plain))
        foreign = (place for place in self._known.find(plain) if is_name(text, place))
        return merged([*own, *foreign, *shaped])

    @cached_property
    def _known(self) -> NameFinder:
        return NameFinder(self.known)

    @cached_property
    def _shape(self) -> Lexicon:
        return Lexicon({"shape": self.shape})


Rule = Phrases | YesNo | Names


def is_name(text: str, place: Found) -> bool:
    """Whether the words are written like a name that is: "the room" is no "The Room"."""
    return text[place.start].isupper() or not all(value[:1].isupper() for value in place.values)


def merged(found: Iterable[Found]) -> list[Found]:
    """The longest, where those of one place are one that stands for all their values."""
    places: dict[tuple[int, int, bool], frozenset[str]] = {}
    for each in found:
        place = each.start, each.end, each.weak
        places[place] = places.get(place, frozenset()) | each.values
    return longest(Found(start, end, values, weak) for (start, end, weak), values in places.items())


