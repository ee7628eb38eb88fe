"""A text as words that can be compared: folded, without grammar's small words, each with its place.

Both sides go through the same fold, the value and the text. It is not linguistics, only the same treatment twice:
"Universities" becomes "university", and "Texas" becomes "texa" on either side.
"""

import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple


def listed(words: str) -> tuple[str, ...]:
    """The words of a table's line."""
    return tuple(words.split())


# Words that names gain and lose without a change ("University of Texas at Austin", "almonds and jam").
SMALL = frozenset(listed("the of a an and in at for on s"))
MONTHS = listed("january february march april may june july august september october november december")
_MONTH_NUMBER = {name: number for number, name in enumerate(MONTHS, 1)}
_MONTH_NUMBER |= {name[:3]: number for name, number in _MONTH_NUMBER.items()} | {"sept": 9}

_UNITS = listed("zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen")
_TEENS = listed("sixteen seventeen eighteen nineteen")
_TENS = listed("twenty thirty forty fifty sixty seventy eighty ninety")
_ORDINALS = listed("first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth")
NUMBER_WORDS = {
    **{word: str(number) for number, word in enumerate([*_UNITS, *_TEENS])},
    **{word: str(10 * number) for number, word in enumerate(_TENS, 2)},
    **{word: str(number) for number, word in enumerate(_ORDINALS, 1)},
}

_SAME = {"saint": "st", "mount": "mt", "fort": "ft", "junior": "jr", "senior": "sr", "doctor": "dr", "versus": "vs"}

_MARKS = "\u0300-\u036f"  # combining accents, where a text has them apart from their letters
_LETTER = rf"[^\W\d_{_MARKS}]"
_WORD = re.compile(
    rf"(?P<initials>(?<![\w']){_LETTER}(?:\.{_LETTER}(?!\w)|\.\s{_LETTER}(?=\.)|(?<!a)\s{_LETTER}(?!\w)(?<!a))+\.?)"
    r"|(?P<number>\d{1,3}(?:,\d{3})+(?!\d)(?:\.\d+)?|\d+(?:\.\d+)?(?!\.\d)|\d+)(?:(?:st|nd|rd|th)(?![^\W_]))?"
    rf"|(?P<word>{_LETTER}(?:{_LETTER}|[{_MARKS}]|'(?!s(?!\w))(?={_LETTER}))*)"
)
_NOT_LETTERS = re.compile(rf"[.\s'{_MARKS}]+")
_SPECIAL = {"ł": "l", "ø": "o", "đ": "d", "ð": "d", "ß": "s", "ı": "i", "þ": "t", "’": "'", "‘": "'", "`": "'"}


class Word(NamedTuple):
    """`text[start:end]` as it is compared. Numbers are canonical: "1,500.0" is "1500"."""

    form: str
    start: int
    end: int


class _Fold(dict[int, str]):
    """Lower case without accents, one character for each, so that places stay. Filled as characters come."""

    def __missing__(self, code: int) -> str:
        low = chr(code).lower()
        plain = _SPECIAL.get(low) or unicodedata.normalize("NFKD", low)[0]
        self[code] = plain if len(plain) == 1 else low[0]
        return self[code]


_FOLD = _Fold()


def fold(text: str) -> str:
    """`text` in lower case without accents, as long as it was."""
    return text.translate(_FOLD)


def split_words(text: str) -> list[Word]:
    """The words of `text` in their order, small ones left out."""
    words = []
    for match in _WORD.finditer(fold(text)):
        kind = match.lastgroup
        raw = match[0]
        if kind == "word":
            if raw in SMALL:
                continue
            form = stem(raw)
        elif kind == "number":
            form = canonical_number(match["number"])
        else:
            form = _NOT_LETTERS.sub("", raw)
        words.append(Word(form, match.start(), match.end()))
    return words


@lru_cache(maxsize=100_000)
def forms(text: str) -> tuple[str, ...]:
    """The words of a value or name, to be compared with those of a text."""
    return tuple(word.form for word in split_words(text))


@lru_cache(maxsize=100_000)
def stem(word: str) -> str:
    """A folded word without its plural, a number word as its digits."""
    word = _NOT_LETTERS.sub("", word)
    if word in NUMBER_WORDS or word in _SAME:
        return NUMBER_WORDS.get(word) or _SAME[word]
    if len(word) > 4 and word.endswith(("ies", "ie")):
        return word.removesuffix("s")[:-2] + "y"
    if len(word) > 5 and word.endswith(("oes", "shes", "ches", "xes", "sses")):
        return word[:-2]
    if len(word) > 3 and word.endswith("s") and not word.endswith("ss"):
        return word[:-1]
    return word


def canonical_number(digits: str) -> str:
    """Without thousands separators, outer zeros and a final point: "08" is "8", "3,500.0" is "3500"."""
    plain = digits.replace(",", "")
    if "." in plain:
        plain = plain.rstrip("0").rstrip(".")
    stripped = plain.lstrip("0")
    return stripped if stripped[:1].isdigit() else f"0{stripped}"


def month_number(form: str) -> int | None:
    """1 to 12 for a month's name or its first three letters."""
    return _MONTH_NUMBER.get(form)
