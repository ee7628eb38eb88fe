"""How the values of one slot are put into words: by a table, by affirming or denying, or as they are written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any, Literal

from datatuner.alignment.matching import Found, Lexicon, NameFinder, finder_of, flatten, longest
from datatuner.alignment.negation import is_denied

Repeats = Literal["words", "sentence"]


@dataclass(frozen=True)
class Phrases:
    """A slot whose values are known. Patterns are of lower-case words; `cased` ones see the text as written.

    A key "value|other value" stands for any of the two: "affordable" may be cheap or moderate; the key "" for words
    that say nothing of the slot, though a part of them would. A `weak` expression ("average", of the price or of the
    rating) can satisfy a value, but is not held against data that lack the slot, nor does it count inside another
    slot's words. `many` marks a slot whose value is a list: each element counts.
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

    def find(self, text: str, _wanted: Sequence[str] = ()) -> list[Found]:
        found = self._lexicon.find(flatten(text)) + self._as_written.find(text)
        return [each for each in longest(found) if "" not in each.values]

    @cached_property
    def _lexicon(self) -> Lexicon:
        tables = ((self.table, False), (self.weak, True))
        return Lexicon((pattern, values_of(key), weak) for table, weak in tables for key, pattern in table.items())

    @cached_property
    def _as_written(self) -> Lexicon:
        return Lexicon((pattern, values_of(key), False) for key, pattern in self.cased.items())


def values_of(key: str) -> frozenset[str]:
    return frozenset(key.split("|"))


NOTHING, NO, YES, TOPIC = (frozenset([each]) for each in ("", "no", "yes", "topic"))


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

    def find(self, text: str, _wanted: Sequence[str] = ()) -> list[Found]:
        plain = flatten(text)
        return [self._answer(plain, each) for each in longest(self._lexicon.find(plain)) if each.values != NOTHING]

    def _answer(self, plain: str, place: Found) -> Found:
        denied = place.values == NO or (place.values == TOPIC and is_denied(plain, place.start, place.end))
        return replace(place, values=frozenset([self.answers[denied]]))

    @cached_property
    def _lexicon(self) -> Lexicon:
        patterns = ((self.nothing, NOTHING), (self.no, NO), (self.yes, YES), (self.topic, TOPIC))
        return Lexicon((pattern, meaning, False) for pattern, meaning in patterns)


@dataclass(frozen=True)
class Names:
    """A slot with any number of values, each said as it is written: names, years, dates.

    `known` are the values of the training split: another of them in a text is a foreign one, if it begins with a
    capital as they do. `shape` is a pattern of values that need not be known.
    """

    known: frozenset[str] = frozenset()
    shape: str = ""
    asked: str = ""
    many: bool = False
    repeats: Repeats = "words"

    def find(self, text: str, wanted: Sequence[str] = ()) -> list[Found]:
        plain = flatten(text)
        shaped = [replace(each, values=frozenset([text[each.start : each.end]])) for each in self._shape.find(plain)]
        foreign = [place for place in self._known.find(plain) if is_name(text, place)]
        own = finder_of(tuple(wanted)).find(plain) if wanted else []
        return longest([*own, *foreign, *shaped])

    @cached_property
    def _known(self) -> NameFinder:
        return NameFinder(self.known)

    @cached_property
    def _shape(self) -> Lexicon:
        return Lexicon([(self.shape, NOTHING, False)])


Rule = Phrases | YesNo | Names
_KINDS: dict[str, type[Rule]] = {"phrases": Phrases, "yes_no": YesNo, "names": Names}


def as_stored(rule: Rule) -> dict[str, Any]:
    """A rule as JSON."""
    (kind,) = (name for name, own in _KINDS.items() if type(rule) is own)
    values = {each.name: getattr(rule, each.name) for each in fields(rule)}
    return {"kind": kind} | {k: sorted(v) if isinstance(v, frozenset) else v for k, v in values.items()}


def stored_rule(stored: Mapping[str, Any]) -> Rule:
    """The rule that `as_stored` made this of.

    Raises:
        KeyError, TypeError: it is none.
    """
    values = dict(stored)
    kind = _KINDS[values.pop("kind")]
    kept = {"known": frozenset, "answers": tuple}
    return kind(**{name: kept.get(name, lambda same: same)(value) for name, value in values.items()})


def is_name(text: str, place: Found) -> bool:
    """Whether the words are written like a name that is: "the room" is no "The Room"."""
    return text[place.start].isupper() or not all(value[:1].isupper() for value in place.values)
