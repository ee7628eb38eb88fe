"""Slots of own data, for which nobody has written rules: names, numbers and yes/no slots.

A slot whose values in the training split are all yes or no is looked for by the words of its name ("dogs_allowed":
"dogs"), affirmed or denied. Every other value is looked for as it is written; another value that the training split
has for the slot is a foreign one, unless a second slot has it too.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from datatuner.alignment.slot_rules import Names, Rule, YesNo
from datatuner.example import Example, SlotValues

_YES, _NO = ("yes", "true"), ("no", "false")
_COMMON = {"has", "have", "is", "are", "on", "in", "of", "for", "the", "a", "available", "allowed", "allows", "with", "can"}
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")


def known_values(train: Iterable[Example], slots: Sequence[str] | None = None) -> dict[str, frozenset[str]]:
    """The values that the training split has for each of `slots` (for all of its slots, if None)."""
    known: dict[str, set[str]] = {slot: set() for slot in slots or ()}
    for example in train:
        if isinstance(example.source, SlotValues):
            for name, value in example.source.slots:
                if slots is None or name in known:
                    known.setdefault(name, set()).add(value)
    return {name: frozenset(values - {""}) for name, values in known.items()}


def rules(train: Iterable[Example]) -> dict[str, Rule]:
    """One rule for each slot of the training split."""
    known = known_values(train)
    shared = Counter(value for values in known.values() for value in values)
    return {
        name: yes_no(name, values)
        if values and {value.lower() for value in values} <= {*_YES, *_NO}
        else Names(frozenset(value for value in values if shared[value] == 1))
        for name, values in known.items()
    }


def yes_no(name: str, values: Iterable[str]) -> YesNo:
    """`dogs_allowed`, `hasParking`: the telling words of the name, singular or plural; answers as `values` write them."""
    yes = next((value for value in values if value.lower() in _YES), "yes")
    no = next((value for value in values if value.lower() in _NO), "no")
    words = [word.lower() for word in _WORD.findall(name)]
    telling = [word for word in words if word not in _COMMON] or words
    stems = [re.escape(word.removesuffix("s")) + r"s?" for word in telling]
    return YesNo(" ?".join(stems) or re.escape(name.lower()), answers=(yes, no))
