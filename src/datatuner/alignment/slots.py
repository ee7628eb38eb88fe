"""Slots and values against a text: what is said of each slot, what is not, and what is said besides or again.

What counts as an error, for references and systems alike:
- `missing`: a value that nothing in the text says; of a slot that is asked for (an empty value), any word for the slot
  or any value of it will do.
- `wrong`: a value that is not there, while another of its slot is.
- `added`: a value that the text says and the data lack, be it true or not: of a slot that the data do not have, or
  besides those they have. Published aligners look for the slots of the data alone, so they cannot see the former.
- `repeated`: a value said again in the same words. Another wording ("cheap ... less than £20") is no error, nor is a
  name, or a noun like "restaurant", that comes back as the subject; right after itself ("a pub pub"), or with a whole
  sentence that comes back, it is one.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from datatuner.alignment.matching import Found, Lexicon, flatten
from datatuner.alignment.reach import Reach
from datatuner.alignment.slot_rules import Names, Repeats, Rule
from datatuner.alignment.wording import wording
from datatuner.example import SlotValues, Source
from datatuner.findings import Alignment, Mention, SlotError

Places = dict[str, list[Found]]  # of each slot, or value, in order
_AGAIN = re.compile(r"\s*(?:[Tt]he\s+)?")  # between a value and the same again
_PLAIN = Names()  # for a slot without a rule: its value, as it is written


@dataclass(frozen=True)
class SlotAligner:
    """Aligns slots by `rules`, from slot names to how their values are said."""

    rules: Mapping[str, Rule]

    def align(self, source: Source, text: str) -> Alignment:
        if not isinstance(source, SlotValues):
            raise TypeError(f"slots are aligned here, not {type(source).__name__}")
        return align_slots(source, text, self.rules)


def align_slots(source: SlotValues, text: str, rules: Mapping[str, Rule]) -> Alignment:
    """What `text` says of the slots that have a rule, and of those of `source` that have none, as names."""
    wanted = wanted_values(source, rules)
    names = _name_places(text, wanted, rules)
    rest = _without(text, [place for places in names.values() for place in places])
    others = {slot: rule.find(rest) for slot, rule in rules.items() if not isinstance(rule, Names)}
    found = _without_borrowed({**_own_names(names, wanted), **others})
    mentions: list[Mention] = []
    errors: list[SlotError] = []
    for slot, places in found.items():
        rule, values = rules.get(slot, _PLAIN), wanted.get(slot, [])
        if not places and not values:
            continue
        if "" in values:
            asked = places or _asked_places(slot, rule, rest)
            mentions += [Mention(slot, "", place.start, place.end) for place in asked]
            errors += [] if asked else [SlotError("missing", slot, "")]
            continue
        wrong = _wrong(slot, values, places)
        lost = {error.value for error in wrong}
        said = _places_by_value([value for value in values if value not in lost], places)
        mentions += [Mention(slot, value, p.start, p.end) for value, own in said.items() for p in own]
        errors += wrong + _repeated(slot, said, text, rule.repeats)
    ordered = sorted(mentions, key=lambda mention: (mention.start, mention.end))
    return Alignment(tuple(ordered), _once_per_place(errors), sum(map(len, wanted.values())))


def _places_by_value(values: Iterable[str], places: Sequence[Found]) -> Places:
    found: Places = {value: [] for value in values}
    for place in places:
        for value in place.values & found.keys():
            found[value].append(place)
    return found


def wanted_values(source: SlotValues, rules: Mapping[str, Rule]) -> dict[str, list[str]]:
    """The distinct values of each slot, in order; a list is one value for each of its elements."""
    wanted: dict[str, list[str]] = {}
    for slot in source.slots:
        many = rules.get(slot.name, _PLAIN).many
        wanted.setdefault(slot.name, []).extend(slot.value.split(", ") if many else [slot.value])
    return {slot: list(dict.fromkeys(values)) for slot, values in wanted.items()}


def _name_places(text: str, wanted: Mapping[str, Sequence[str]], rules: Mapping[str, Rule]) -> Places:
    """Where names stand. They are looked for first, and their words are then gone: "Xbox" in a title is no platform."""
    names = {slot: rule for slot in {**rules, **wanted} if isinstance(rule := rules.get(slot, _PLAIN), Names)}
    return {slot: rule.find(text, wanted.get(slot, ())) for slot, rule in names.items()}


def _own_names(names: Places, wanted: Mapping[str, Sequence[str]]) -> Places:
    """Without those inside a longer name, and without another slot's: the place that is near is no other name."""
    longer = Reach((place.start, place.end) for places in names.values() for place in places)
    every = {value for slot in names for value in wanted.get(slot, ())}
    kept: Places = {}
    for slot, places in names.items():
        own = {*wanted.get(slot, ())}
        free = [place for place in places if not longer.surrounds(place.start, place.end)]
        kept[slot] = [place for place in free if place.values & own or not place.values & every]
    return kept


def _without(text: str, places: Sequence[Found]) -> str:
    characters = list(text)
    for place in places:
        characters[place.start : place.end] = "\0" * (place.end - place.start)
    return "".join(characters)


def _without_borrowed(found: Places) -> Places:
    """Without weak expressions inside words for another slot: the "average" of "average rating" is of no price."""
    if not any(place.weak for places in found.values() for place in places):
        return found
    strong = [(slot, (place.start, place.end)) for slot, places in found.items() for place in places if not place.weak]
    kept: Places = {}
    for slot, places in found.items():
        others = Reach(span for other, span in strong if other != slot) if any(p.weak for p in places) else None
        kept[slot] = [p for p in places if not (others and p.weak and others.overlaps(p.start, p.end))]
    return kept


@lru_cache(maxsize=1024)
def _asking(slot: str, pattern: str) -> Lexicon:
    return Lexicon([(pattern or re.escape(flatten(slot.replace("_", " "))), frozenset([""]), False)])


def _asked_places(slot: str, rule: Rule, text: str) -> list[Found]:
    return _asking(slot, rule.asked).find(flatten(text))


def _wrong(slot: str, values: Sequence[str], places: Sequence[Found]) -> list[SlotError]:
    """Values that are missing or wrong, then those that are added."""
    known = {*values}
    others = [place for place in places if not place.weak and not known & place.values]
    said = {value for place in places for value in place.values if not (place.weak and others)}
    hints = [place for place in places if place.weak and not known & place.values]
    errors = []
    for value in (value for value in values if value not in said):
        other = others.pop(0) if others else hints.pop(0) if hints else None
        if other:
            errors.append(SlotError("wrong", slot, value, "|".join(sorted(other.values)), other.start, other.end))
        else:
            errors.append(SlotError("missing", slot, value))
    first = {place.values: place for place in reversed(others)}
    for other in sorted(first.values(), key=lambda place: place.start):
        errors.append(SlotError("added", slot, "", "|".join(sorted(other.values)), other.start, other.end))
    return errors


def _repeated(slot: str, said: Mapping[str, Sequence[Found]], text: str, by: Repeats) -> list[SlotError]:
    """One for each value that is said again: the second mention."""
    errors = []
    for value, places in said.items():
        seen: set[tuple[str, int]] = set()
        strong = [place for place in places if len(places) > 1 and not place.weak]
        for number, place in enumerate(strong):
            at_once = by == "sentence" and number > 0 and _AGAIN.fullmatch(text, strong[number - 1].end, place.start)
            key = wording(text, place, by)
            if at_once or key in seen:
                errors.append(SlotError("repeated", slot, value, text[place.start : place.end], place.start, place.end))
                break
            seen.add(key)
    return errors


def _once_per_place(errors: Sequence[SlotError]) -> tuple[SlotError, ...]:
    """A foreign name that two slots know is added once."""
    taken = {(e.start, e.end) for e in errors if e.kind == "wrong"}
    kept = []
    for error in errors:
        place = (error.start, error.end)
        if error.kind == "added" and place in taken:
            continue
        if error.kind == "added":
            taken.add(place)
        kept.append(error)
    return tuple(kept)
