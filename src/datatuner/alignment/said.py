"""Where the values of an input are said in a text, by their names or by enough of their words."""

from collections.abc import Callable, Mapping, Sequence
from difflib import SequenceMatcher

from datatuner.alignment.aliases import COUNTRY_NAMES
from datatuner.alignment.reach import Reach
from datatuner.alignment.reading import Reading, Span
from datatuner.alignment.values import Value
from datatuner.alignment.words import month_number

# The share of a name's words, weighted by rarity, that stands for it: "Obama" for Barack Obama, "UT Austin" for a
# degree taken there, half of a long list. Below it "County" would stand for any, above it surnames fail.
ENOUGH = 0.5
ALIKE = 0.7  # two thirds of the letters in common, in their order: "Shephard" for Shepard


def whole_spans(values: Sequence[Value], reading: Reading) -> list[set[Span]]:
    """Where each value's names stand, word for word.

    Words inside another value's longer name say that one only, unless that is a list, or a comma or "in" sets them
    apart at its end: "Adams County, Pennsylvania" says "Pennsylvania" as well. An alias that is another's proper name
    says that one ("Spain" is no Spaniard), unless it stands there again.
    """
    own = [{s for name in (*value.names, *value.converted) for s in reading.find(name)} for value in values]
    by_alias = [_alias_spans(value, reading) - spans for value, spans in zip(values, own, strict=True)]
    long = Reach(
        span
        for value, *both in zip(values, own, by_alias, strict=True)
        for spans in both
        for span in spans
        if span[1] > span[0] and not value.is_list
    )
    own = [{span for span in spans if not _is_inside(span, long, reading)} for spans in own]
    by_alias = [{span for span in spans if not _is_inside(span, long, reading)} for spans in by_alias]
    _add_aliases(own, by_alias)
    return own


def _add_aliases(own: Sequence[set[Span]], by_alias: Sequence[set[Span]]) -> None:
    """Adds to each value's `own` places those of its aliases that say no other value, or only again."""
    owners: dict[Span, set[int]] = {}
    for number, spans in enumerate(own):
        for span in spans:
            owners.setdefault(span, set()).add(number)
    for number, spans in enumerate(by_alias):
        free = spans.difference(owners)
        if own[number]:
            new = free
        else:
            others = {other for span in spans for other in owners.get(span, ())}
            new = spans if free or len(spans) > len(others) else free
        own[number].update(new)
        for span in new:
            owners.setdefault(span, set()).add(number)


def _alias_spans(value: Value, reading: Reading) -> set[Span]:
    spans = {span for name in value.aliases for span in reading.find(name)}
    for name in value.acronyms:
        spans.update((place, place) for place in reading.places.get(name, ()) if reading.is_acronym(place))
    return spans


def _is_inside(span: Span, long: Reach, reading: Reading) -> bool:
    first, last = span
    if long.from_before(first) > last:
        return True
    if long.from_before(first - 1) != last:
        return False
    gap = reading.gap(first)
    return not ("," in gap or " in " in gap)


def part_spans(
    value: Value, reading: Reading, weights: Mapping[str, float], taken: set[int], strange: Callable[[int], bool]
) -> set[Span]:
    """The words that stand for a value without being its name; none of them at a `taken` place.

    Beside a `strange` word, which belongs to other names, one word of a name does not stand for it: in "Alan Smith" no
    Alan Bean is meant. "Alan Been" is let pass, as misspelt.
    """
    if value.kind == "date":
        return _year_alone(value, reading)
    if value.kind == "number":
        return set()
    if (joined := _joined(value, reading)) or value.names[0] in COUNTRY_NAMES:  # "United" is none
        return joined
    own = {place for word in value.words for place in reading.places.get(word, ()) if place not in taken}
    places: dict[str, int] = {}
    for place in sorted(own, reverse=True):
        if not _is_in_other_name(place, own, value, reading, strange):
            places[reading.forms[place]] = place
    if not places or sum(weights[word] for word in places) < ENOUGH * sum(weights.values()):
        return set()
    return set() if _has_other_number(value, places, reading) else _runs(sorted(places.values()))


def _is_in_other_name(
    place: int, own: set[int], value: Value, reading: Reading, strange: Callable[[int], bool]
) -> bool:
    """Whether a word written large has a strange neighbour, and none of its own name."""
    if not reading.capitals[place] or place - 1 in own or place + 1 in own:
        return False
    neighbours = [near for near, gap in ((place - 1, place), (place + 1, place + 1)) if reading.gap(gap) in (" ", "-")]
    return any(strange(near) and not _is_misspelt(reading.forms[near], value) for near in neighbours)


def _is_misspelt(word: str, value: Value) -> bool:
    return any(SequenceMatcher(None, word, own).ratio() > ALIKE for own in value.words)


def _has_other_number(value: Value, places: Mapping[str, int], reading: Reading) -> bool:
    """ "Apollo 15" is not Apollo 14, though most of the name is there."""
    if not any(word.isdecimal() for word in value.words - places.keys()):
        return False
    chosen = set(places.values())
    return any(reading.is_number(near) for place in chosen for near in {place - 1, place + 1} - chosen)


def _joined(value: Value, reading: Reading) -> set[Span]:
    """Where the name stands with other blanks: "Ajo blanco", "ChievoVerona"."""
    wanted = {"".join(name) for name in value.names if len(name) < 3 and len("".join(name)) > 5}
    found = {(place, place) for name in wanted for place in reading.places.get(name, ())}
    return found | {(place, place + 1) for name in wanted for place in reading.pairs.get(name, ())}


def _year_alone(value: Value, reading: Reading) -> set[Span]:
    """The year of a date, where neither a month nor another number stands beside it."""
    years = [place for word in value.words if len(word) == 4 for place in reading.places.get(word, ())]
    return {(place, place) for place in years if not (_in_date(place - 1, reading) or _in_date(place + 1, reading))}


def _in_date(place: int, reading: Reading) -> bool:
    return reading.is_number(place) or (
        0 <= place < len(reading.words) and month_number(reading.words[place].form) is not None
    )


def _runs(places: Sequence[int]) -> set[Span]:
    """Sorted places, neighbours joined."""
    runs: list[Span] = []
    for place in places:
        if runs and runs[-1][1] == place - 1:
            runs[-1] = (runs[-1][0], place)
        else:
            runs.append((place, place))
    return set(runs)
