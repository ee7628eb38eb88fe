"""Slots of own data, for which nobody has written rules: names, numbers and yes/no slots.

A slot whose values in the training split are all yes or no is looked for by the words of its name ("dogs_allowed":
"dogs"), affirmed or denied. Every other value is looked for as it is written; another value that the training split
has for the slot is a foreign one, unless a second slot has it too.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from datatuner.alignment.slot_rules import Names, Rule, YesNo
from datatuner.example import Example, SlotValues, Source

_YES, _NO = ("yes", "true"), ("no", "false")
_COMMON = {
    "has",
    "have",
    "is",
    "are",
    "on",
    "in",
    "of",
    "for",
    "the",
    "a",
    "available",
    "allowed",
    "allows",
    "with",
    "can",
}
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")


def known_values(sources: Iterable[Source], slots: Sequence[str] | None = None) -> dict[str, frozenset[str]]:
    """The values that sources have for each of `slots` (for all of their slots, if None)."""
    known: dict[str, set[str]] = {slot: set() for slot in slots or ()}
    for source in sources:
        for name, value in source.slots if isinstance(source, SlotValues) else ():
            if slots is None or name in known:
                known.setdefault(name, set()).add(value)
    return {name: frozenset(values - {""}) for name, values in known.items()}


def rules(train: Iterable[Example]) -> dict[str, Rule]:
    """One rule for each slot of the training split; the slot that mostly comes first names the subject."""
    sources = [example.source for example in train if isinstance(example.source, SlotValues)]
    known, lists = known_values(sources), list_slots(sources)
    first = Counter(source.slots[0].name for source in sources if source.slots)
    subject = max(first, key=lambda name: first[name], default="")
    elements = {name: split_all(values) if name in lists else values for name, values in known.items()}
    shared = Counter(value for values in elements.values() for value in values)
    return {
        name: yes_no(name, values)
        if values and {value.lower() for value in values} <= {*_YES, *_NO}
        else Names(
            frozenset(value for value in values if shared[value] == 1),
            many=name in lists,
            repeats="sentence" if name == subject else "words",
        )
        for name, values in elements.items()
    }


def list_slots(sources: Iterable[Source]) -> frozenset[str]:
    """The slots whose values are lists with ", " between their elements."""
    return frozenset(name for name, values in known_values(sources).items() if _are_lists(values))


def _are_lists(values: Iterable[str]) -> bool:
    """Whether most of the values with a ", " have no part of their own: "Paris, France" has one, and so has a date."""
    parts = [value.split(", ") for value in values]
    counts = Counter(part for each in parts for part in {*each})
    several = [each for each in parts if len(each) > 1]
    return 2 * sum(all(counts[part] > 1 for part in each) for each in several) > len(several)


def split_all(values: Iterable[str]) -> frozenset[str]:
    return frozenset(element for value in values for element in value.split(", "))


def yes_no(name: str, values: Iterable[str]) -> YesNo:
    """`dogs_allowed`, `hasParking`: the telling words of the name, inflected; answers as `values` write them."""
    yes = next((value for value in values if value.lower() in _YES), "yes")
    no = next((value for value in values if value.lower() in _NO), "no")
    words = [word.lower() for word in _WORD.findall(name)]
    telling = [word for word in words if word not in _COMMON] or words
    return YesNo(" ?".join(map(_inflected, telling)) or re.escape(name.lower()), answers=(yes, no))


def _inflected(word: str) -> str:
    stem = re.sub(r"(?<=\w{3})s$|(?<=\w{4})(?:ing|ed)$", "", word)
    return re.escape(stem) + r"\w{0,3}" if len(stem) > 3 else re.escape(word.removesuffix("s")) + "s?"
