"""Slots and values against a text: what is said of each slot, what is not, and what is said besides.

A rule says how the values of one slot are put into words. An expression that several values share ("affordable") stands
for any of them. A weak one ("average", which may be of the price or of the rating) can say that a value is there, but
is never held against a text.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from datatuner.alignment.findings import Alignment, Mention, SlotError
from datatuner.example import SlotValues, Source

# Where the reach of a "not" ends: the next sentence, or a part of it with a subject or a verb of its own.
_SUBJECT = (
    r"(?:it|it's|there|there's|this|the game|you|they|players?|users?|i|we|is|was|has|have|can|also|comes|even)\b"
)
CLAUSE_END = re.compile(
    r"[.!?;:]\s|[,(]?\s(?:but|though|although|however|while|whereas|yet|plus|instead|because|since|so)\b|\)|"
    rf",\s(?:and\s)?{_SUBJECT}|\sand\s{_SUBJECT}|"
    r"\sand\s(?:features?|includes?|offers?|boasts?|does)\b|\swith\b|\s-+\s|—",
    re.IGNORECASE,
)
NEGATION = re.compile(
    r"\b(?:no|not|non|never|neither|nor|none|without|lacks?|lacking|cannot|unable|unavailable|unsupported|minus|nope|"
    r"skipp?\w*|omits?|misses|missing|excludes?|excluding|except|absent|absence|sans|out of luck)\b|"
    r"n['’]t\b|\bun(?=\w+able)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Found:
    """Words in the text that stand for any of `values`; `surface` tells a repetition from another way to say it."""

    start: int
    end: int
    values: frozenset[str]
    weak: bool = False


@dataclass(frozen=True)
class Phrases:
    """A slot whose values are known: `table` and `weak` map "value|other value" to a pattern of words.

    `many` marks a slot whose value is a list ("PlayStation, PC"): each element counts by itself.
    """

    table: Mapping[str, str]
    weak: Mapping[str, str] = field(default_factory=dict)
    many: bool = False

    def find(self, text: str) -> list[Found]:
        return longest(
            Found(match.start(), match.end(), frozenset(values.split("|")), weak)
            for table, weak in ((self.table, False), (self.weak, True))
            for values, pattern in table.items()
            for match in words(pattern).finditer(text)
        )


@dataclass(frozen=True)
class YesNo:
    """A slot that a text affirms or denies: `topic` is denied where a negation reaches it.

    `no` and `yes` are expressions that need no negation ("single-player") or survive one.
    """

    topic: str
    yes: str = ""
    no: str = ""
    many = False

    def find(self, text: str) -> list[Found]:
        found = [
            Found(match.start(), match.end(), frozenset([value]))
            for value, pattern in (("yes", self.yes), ("no", self.no))
            if pattern
            for match in words(pattern).finditer(text)
        ]
        for match in words(self.topic).finditer(text):
            value = "no" if is_denied(text, match.start(), match.end()) else "yes"
            found.append(Found(match.start(), match.end(), frozenset([value])))
        return longest(found)


@dataclass(frozen=True)
class Names:
    """A slot with any number of values, each said as it is written: names, years, dates.

    `known` are the values of the training split: another one of them in a text is a wrong one.
    """

    known: frozenset[str] = frozenset()
    many = False

    def find(self, text: str, also: Iterable[str] = ()) -> list[Found]:
        plain = flatten(text)
        return longest(
            Found(match.start(), match.end(), frozenset([value]))
            for value in {*self.known, *also}
            if value.strip()
            for match in name_pattern(value).finditer(plain)
        )


Rule = Phrases | YesNo | Names


def words(pattern: str) -> re.Pattern[str]:
    """The pattern as whole words; a blank in it is any run of blanks and hyphens."""
    spaced = pattern.replace(" ?", r"[\s-]*").replace(" ", r"[\s-]+")
    return re.compile(rf"(?<![\w'’])(?:{spaced})(?!\w)", re.IGNORECASE)


def is_denied(text: str, start: int, end: int) -> bool:
    """Whether a negation reaches the words at `start`: one in the same clause, before them or after."""
    left = max((match.end() for match in CLAUSE_END.finditer(text, 0, start)), default=0)
    after = CLAUSE_END.search(text, end)
    return bool(NEGATION.search(text, left, after.start() if after else len(text)))


def longest(found: Iterable[Found]) -> list[Found]:
    """Without those that overlap a longer one."""
    kept: list[Found] = []
    for each in sorted(found, key=lambda f: (f.weak, f.start - f.end, f.start)):
        if all(each.end <= other.start or other.end <= each.start for other in kept):
            kept.append(each)
    return sorted(kept, key=lambda f: f.start)


_PLAIN = str.maketrans("’‘`´“”–—−éèêáàäöüñ", "''''\"\"---eeeaaaoun")


def flatten(text: str) -> str:
    """Lower case, with plain quotes, dashes and letters; of the same length, so that places stay."""
    lowered = "".join(low if len(low := character.lower()) == 1 else character for character in text)
    return lowered.translate(_PLAIN)


def name_pattern(value: str) -> re.Pattern[str]:
    """A name as whole words; punctuation and blanks between its words may be left out or replaced."""
    parts = re.findall(r"\w+", flatten(value))
    return (
        re.compile(r"(?<!\w)" + r"[\W_]{0,3}".join(map(re.escape, parts)) + r"(?!\w)") if parts else re.compile("(?!)")
    )


def align_slots(source: SlotValues, text: str, rules: Mapping[str, Rule]) -> Alignment:
    """What `text` says of the slots that have a rule, and of those of `source` that have none, as names.

    Names are looked for first, and their words are then gone: "Xbox" in a title is no platform.
    """
    wanted: dict[str, list[str]] = {}
    for slot in source.slots:
        rule = rules.get(slot.name, Names())
        values = slot.value.split(", ") if rule.many else [slot.value]
        wanted.setdefault(slot.name, []).extend(values)
    found: dict[str, list[Found]] = {}
    named = {name: rule for name in {*rules, *wanted} if isinstance(rule := rules.get(name, Names()), Names)}
    everywhere = {name: rule.find(text, wanted.get(name, ())) for name, rule in named.items()}
    spans = [(each.start, each.end) for places in everywhere.values() for each in places]
    for name, places in everywhere.items():
        whole = [
            p for p in places if not any(s <= p.start and p.end <= e and (s, e) != (p.start, p.end) for s, e in spans)
        ]
        # A restaurant that stands nearby is no other name of this one.
        elsewhere = {value for other in named if other != name for value in wanted.get(other, ())}
        found[name] = [p for p in whole if p.values & {*wanted.get(name, ())} or not p.values & elsewhere]
    rest = text
    for start, end in spans:
        rest = rest[:start] + "\0" * (end - start) + rest[end:]
    for name, rule in rules.items():
        if not isinstance(rule, Names):
            found[name] = rule.find(rest)
    mentions: list[Mention] = []
    errors: list[SlotError] = []
    for name, places in found.items():
        said, wrong = _compare(name, wanted.get(name, []), places)
        mentions += said
        errors += wrong
    return Alignment(tuple(sorted(mentions, key=lambda m: m.start)), tuple(errors), sum(map(len, wanted.values())))


@dataclass(frozen=True)
class SlotAligner:
    """Aligns slots by `rules`, from slot names to how their values are said."""

    rules: Mapping[str, Rule]

    def align(self, source: Source, text: str) -> Alignment:
        if not isinstance(source, SlotValues):
            raise TypeError(f"slots are aligned here, not {type(source).__name__}")
        return align_slots(source, text, self.rules)


def _compare(name: str, values: Sequence[str], places: Sequence[Found]) -> tuple[list[Mention], list[SlotError]]:
    mentions = [
        Mention(name, value, place.start, place.end) for value in values for place in places if value in place.values
    ]
    known = {*values}
    missing = [value for value in values if value and not any(mention.value == value for mention in mentions)]
    others = [place for place in places if not place.weak and not known & place.values and "" not in known]
    errors = []
    for value in missing:
        if others:
            other = others.pop(0)
            errors.append(SlotError("wrong", name, value, "|".join(sorted(other.values)), other.start, other.end))
        else:
            errors.append(SlotError("missing", name, value))
    seen: set[frozenset[str]] = set()
    for other in others:
        if other.values not in seen:
            seen.add(other.values)
            errors.append(SlotError("added", name, "", "|".join(sorted(other.values)), other.start, other.end))
    return mentions, errors
