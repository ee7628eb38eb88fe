"""How the demo corpus's values are put into words: as its grammar writes them, which no text of another may foil."""

import re
from collections.abc import Iterable

from datatuner.alignment.slot_rules import Names, Phrases, Rule, YesNo
from datatuner.corpora.demo_grammar import NAME_PARTS, REGIONS, SIGHTS, TYPES
from datatuner.example import Example


def _any(words: Iterable[str]) -> str:
    return "|".join(map(re.escape, words))


_STARTS, _ENDS, _KINDS = (_any(word.lower() for word in part) for part in NAME_PARTS)

RULES: dict[str, Rule] = {
    "name": Names(shape=rf"(?:{_STARTS})(?:{_ENDS}) (?:{_KINDS})", repeats="sentence"),
    "type": Phrases({kind: re.escape(kind).replace(r"\ ", " ") for kind in TYPES}, repeats="sentence"),
    "region": Phrases({region: region.lower() for region in REGIONS}),
    "length": Names(shape=r"\d+(?:\.\d)? km"),
    "climb": Names(shape=r"\d+ m"),
    "opened": Names(shape=r"(?:19|20)\d\d"),
    "sights": Phrases({sight: rf"{sight}s?" for sight in SIGHTS}, many=True),
    "dogs": YesNo(r"dogs?", no=r"dogs have to stay at home"),
    "camping": YesNo(r"camping|camp|tents?"),
    "rating": Names(shape=r"\d(?:\.\d)? out of 5"),
}


def rules(_train: Iterable[Example]) -> dict[str, Rule]:
    """The table: the grammar's own words, so nothing is taken from the training split."""
    return RULES
