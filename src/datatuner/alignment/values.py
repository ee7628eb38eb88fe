"""A value of triple data -> the ways in which a text may say it.

"1923-11-18"              -> November 18 1923, 18 November 1923, 1923 11 18, 18/11/1923, ...
39500.0 (square metres)   -> 39500
Azerbaijan_(country)      -> Azerbaijan, Azerbaijani
Akron,_Ohio               -> Akron Ohio, Akron
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from datatuner.alignment.aliases import ALIASES, COUNTRIES, HEADS, TAILS
from datatuner.alignment.words import MONTHS, canonical_number, forms, month_number

Form = tuple[str, ...]  # words as `words.forms` gives them

_SUFFIX = re.compile(r'(?<=")(?:@[a-zA-Z-]+|\^\^\S+)$')  # a literal's language tag or datatype
_QUALIFIER = re.compile(r"\(([^()]*)\)")
_ISO_DATE = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?:T[\d:.Z+-]*)?$")
_NUMBER = re.compile(
    r"[-~+$£€]?\s*(?P<digits>\d[\d,]*(?:\.\d+)?(?:[eE][+-]?\d+)?)\s*(?P<scale>thousand|million|billion)?\b"
    r"\s*(?P<unit>\([^()]*\)|[a-zA-Z°%]{1,3})?$"
)
_LARGEST = 1e15  # longer ones are codes, said digit by digit
# A number in another unit, where the text names it: 2776 (metres) is 2.776 km, 1.85 is 185 cm. The data's own unit is
# mostly left to the predicate, and what it counts as well.
_UNITS = {0.001: ("km", "kilometres", "kilometers", "kg", "kilograms"), 100: ("cm", "centimetres", "centimeters")}
_SCALES = {"thousand": 1_000, "million": 1_000_000, "billion": 1_000_000_000}


@dataclass(frozen=True)
class Value:
    """One subject or object: `kind` is date, number or name.

    `names` says it whole, the first one as the data do; `aliases` in other words; `acronyms` too, but only in capitals.
    `words` are what the value consists of, a part of which may stand for it (see `said`).
    `is_list` marks one with several parts, each of which may be a value of its own: "Aarhus, Denmark".
    `converted` says a number in other units.
    """

    kind: str
    names: tuple[Form, ...]
    aliases: tuple[Form, ...] = ()
    acronyms: frozenset[str] = frozenset()
    words: frozenset[str] = frozenset()
    is_list: bool = False
    converted: tuple[Form, ...] = ()


@lru_cache(maxsize=100_000)
def read_value(written: str) -> Value:
    """The ways to say a subject or object, as written in the data."""
    text = _SUFFIX.sub("", written.strip()).replace("_", " ").replace("\\", "").replace('"', " ").strip(" '")
    if date := _date(text):
        return Value("date", tuple(_dates(*date)), words=frozenset(forms(text)))
    if (number := _NUMBER.match(text)) and float(number["digits"].replace(",", "")) < _LARGEST:
        return Value("number", tuple(_numbers(number)), words=frozenset(forms(text)), converted=_converted(number))
    return _name(text, is_list="," in text or ('"' in written and " and " in text))


def _date(text: str) -> tuple[int, int, int] | None:
    """(year, month, day); the day is 0 where only a month is given."""
    if match := _ISO_DATE.match(text):
        year, month, day = map(int, match.groups())
        return (year, month, day) if 1 <= month <= 12 and 1 <= day <= 31 else None
    words = forms(text)
    months = [number for word in words if (number := month_number(word))]
    numbers = [int(word) for word in words if word.isdecimal()]
    if len(months) == 1 and len(words) == 1 + len(numbers) and 1 <= len(numbers) <= 2 and max(numbers) > 31:
        return max(numbers), months[0], min(numbers) if len(numbers) == 2 else 0
    return None


def _dates(year: int, month: int, day: int) -> list[Form]:
    y, m, d = str(year), str(month), str(day)
    written: list[Form] = []
    for name in (MONTHS[month - 1], MONTHS[month - 1][:3], *(["sept"] if month == 9 else [])):
        written += [(name, d, y), (d, name, y), (y, name, d), (y, d, name)] if day else [(name, y), (y, name)]
    figures = [(y, m, d), (d, m, y), (m, d, y), (d, m, y[2:]), (m, d, y[2:])] if day else [(m, y), (y, m)]
    return written + figures


def _numbers(match: re.Match[str]) -> list[Form]:
    """The number, and as people round it: without decimals, up or down, or with one of them."""
    value = float(match["digits"].replace(",", ""))
    found: dict[str, None] = {}
    if re.search("[eE]", match["digits"]):
        found[_plain(value)] = None
    else:
        found[canonical_number(match["digits"])] = None
    for digits in (2, 1, 0):
        found[_plain(round(value, digits))] = None
    found[_plain(int(value))] = None
    whole: list[Form] = [(number,) for number in found]
    if scale := match["scale"]:
        return [(number, scale) for number in found] + [(_plain(value * _SCALES[scale]),)]
    for word, size in _SCALES.items():
        if value >= 10_000 and value >= size and value % (size / 10) == 0:
            whole.append((_plain(value / size), word))
    if value == int(value) and 20 < value < 1e12:
        spelled = _spelled(int(value))
        whole += [spelled, spelled[1:]] if spelled[0] == "1" else [spelled]  # "a hundred"
    return whole


def _converted(match: re.Match[str]) -> tuple[Form, ...]:
    value = float(match["digits"].replace(",", ""))
    return tuple((_plain(value * size), *forms(unit)) for size, units in _UNITS.items() for unit in units)


def _spelled(number: int) -> Form:
    """A number above 0 in words, each as `words.forms` has it: 326 gives 3 hundred 20 6."""
    for size, word in ((10**9, "billion"), (10**6, "million"), (1000, "thousand"), (100, "hundred")):
        if number >= size:
            rest = number % size
            return (*_spelled(number // size), word, *(_spelled(rest) if rest else ()))
    if number <= 20 or number % 10 == 0:
        return (str(number),)
    return (str(number - number % 10), str(number % 10))


def _plain(value: float) -> str:
    return canonical_number(f"{value:.6f}")


def _name(text: str, *, is_list: bool) -> Value:
    qualifiers = _QUALIFIER.findall(text)
    plain = _QUALIFIER.sub(" ", text)
    base = forms(plain) or forms(text)
    names = {base: None, forms(text): None}
    for mark in ",/:;":
        if re.search(r"[^\W\d_]{3}", cut := plain.split(mark)[0]):
            names[forms(cut)] = None
    names.pop((), None)
    for name in list(names):
        if name not in ALIASES or name[-1] == "people":
            names.update(dict.fromkeys(_shortened(name)))
    others = {alias for name in names for alias in ALIASES.get(name, ())}
    if base[-1:] in (("cuisine",), ("people",)) or text.endswith("s"):
        others |= {country for name in names if (country := COUNTRIES.get(name))}
        others |= {alias for country in list(others) for alias in ALIASES.get(country, ()) if base[-1:] == ("cuisine",)}
    acronyms = {alias[0] for alias in others if len(alias) == 1 and len(alias[0]) <= 3}
    aliases = tuple(sorted(alias for alias in others if alias[0] not in acronyms and alias not in names))
    acronyms |= {initials for cut in (plain, *qualifiers) if (initials := _initials(cut))}
    acronyms |= {qualifier.lower() for qualifier in qualifiers if re.fullmatch(r"[A-Z]{2,6}", qualifier)}
    return Value("name", tuple(names), aliases, frozenset(acronyms), frozenset(base), is_list)


def _shortened(name: Form) -> list[Form]:
    """Without words that a name may lose at its ends, one after the other; never down to a number."""
    shorter = []
    start, end = 0, len(name)
    while end - start > 1 and name[end - 1] in TAILS:
        end -= 1
        shorter.append(name[start:end])
    while end - start > 1 and (name[start] in HEADS or (name[start].isdecimal() and name[start + 1] in HEADS)):
        start += 1
        shorter += [name[start:end], name[start:]]
    return [form for form in shorter if any(len(word) > 2 and word.isalpha() for word in form)]


def _initials(text: str) -> str:
    """Of three or more capitalised words, "" for fewer."""
    letters = re.findall(r"\b[A-Z](?=[a-z'.])", text)
    return "".join(letters).lower() if len(letters) >= 3 else ""
