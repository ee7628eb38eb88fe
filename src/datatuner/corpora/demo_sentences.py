"""Slots of the demo corpus to one text of one to three sentences in which each slot is said exactly once."""

from collections.abc import Mapping, Sequence
from random import Random
from typing import NamedTuple

from datatuner.corpora.demo_grammar import FORMS, REGIONS_WITH_THE, USUAL_ORDER


class Unit(NamedTuple):
    """What one phrase says: a key of `FORMS`, and the value in words ("" for yes/no)."""

    key: str
    words: str

    @property
    def slot(self) -> str:
        return self.key.partition("=")[0]

    @property
    def is_pair(self) -> bool:
        return " " in self.key

    @property
    def polarity(self) -> str:
        """The answer, "yes" or "no"; "" where the slot is of another kind, or two are said at once."""
        return "" if self.is_pair else self.key.partition("=")[2]


def write(slots: Mapping[str, str], rng: Random) -> str:
    """One text for `slots`, which must hold `name` and two more; each call may plan and word it differently."""
    first, *others = plan(units_of(slots, rng), rng)
    writer = Writer(slots, rng)
    sentences = [writer.opening(first), *map(writer.continuation, others)]
    return " ".join(f"{sentence[0].upper()}{sentence[1:]}." for sentence in sentences)


def units_of(slots: Mapping[str, str], rng: Random) -> list[Unit]:
    """Everything to say except name and type; where both yes/no slots are there, they are mostly said as one."""
    answers = [f"{slot}={slots[slot]}" for slot in ("dogs", "camping") if slot in slots]
    if len(answers) == 2 and rng.random() < 0.7:
        answers = [" ".join(answers)]
    valued = [Unit(slot, in_words(slot, value)) for slot, value in slots.items() if slot in FORMS]
    return valued + [Unit(answer, "") for answer in answers]


def in_words(slot: str, value: str) -> str:
    if slot == "sights":
        return listed([with_article(sight) for sight in value.split(", ")])
    if slot == "region" and value.endswith(REGIONS_WITH_THE):
        return f"the {value}"
    return value


def with_article(phrase: str) -> str:
    """`phrase` behind "a" or "an", by sound: numbers are below 80 here."""
    number = phrase.partition(" ")[0].partition(".")[0]
    return f"an {phrase}" if number in {"8", "11", "18"} or phrase[0] in "aeiou" else f"a {phrase}"


def listed(parts: Sequence[str], conjunction: str = "and") -> str:
    return f" {conjunction} ".join(filter(None, [", ".join(parts[:-1]), parts[-1]]))


def plan(units: Sequence[Unit], rng: Random) -> list[list[Unit]]:
    """The units of each sentence, roughly in the usual order: at most three sentences of three units.

    Sights and a yes/no pair never share a sentence, because each has an "and" or "but" of its own.
    """
    while True:
        order = sorted(units, key=lambda unit: USUAL_ORDER.index(unit.slot) + 5 * rng.random())
        size = min(rng.choice((1, 2, 2, 3, 3)), len(order))
        groups, rest = [order[:size]], order[size:]
        if len(rest) > 3 or (len(rest) > 1 and rng.random() < 0.5):
            middle = (len(rest) + rng.randrange(2)) // 2
            groups.append(rest[:middle])
            rest = rest[middle:]
        groups += [rest] if rest else []
        if max(map(len, groups)) <= 3 and not any(is_crowded(group) for group in groups):
            return groups


def is_crowded(group: Sequence[Unit]) -> bool:
    return any(unit.is_pair for unit in group) and any(unit.key == "sights" for unit in group)


def connective(left: Unit, right: Unit) -> str:
    """The word "but" between opposite answers, and between a rating and a no; else "and"."""
    opposite = {left.polarity, right.polarity} == {"yes", "no"}
    return "but" if opposite or (left.key == "rating" and right.polarity == "no") else "and"


class Writer:
    """The sentences of one text, in order: it remembers what "it" would refer to."""

    def __init__(self, slots: Mapping[str, str], rng: Random) -> None:
        self.rng = rng
        self.name = f"the {slots['name']}"
        self.has_type = "type" in slots
        generic = "route" if self.name.endswith("Trail") else rng.choice(("trail", "route"))
        self.kind = slots.get("type", generic)
        self.noun = self.kind.split()[-1]  # how later sentences call it: "the path"
        self.it_is_clear = True

    def chance(self, probability: float) -> bool:
        return self.rng.random() < probability

    def fill(self, templates: Sequence[str], unit: Unit) -> str:
        """One of the templates, an earlier one more often, as writers have their habits."""
        template = templates[int(len(templates) * self.rng.random() ** 2)]
        return template.format(v=unit.words, noun=self.noun)

    def predicate(self, units: Sequence[Unit]) -> str:
        """As in "climbs 640 m and passes an abbey"; what has an "and" of its own comes last."""
        units = sorted(units, key=lambda unit: unit.is_pair or unit.key == "sights")
        conjunction = connective(*units) if len(units) == 2 else "and"
        return listed([self.fill(FORMS[unit.key].verbs, unit) for unit in units], conjunction)

    def noun_phrase(self, units: Sequence[Unit]) -> tuple[str, list[Unit]]:
        """As in "a 12 km coastal path in Northwold", and the units not yet said."""
        rest = {unit.key: unit for unit in units}
        phrase = self.kind
        if "length" in rest and self.chance(0.7):
            phrase = f"{rest.pop('length').words} {phrase}"
        if "region" in rest and self.chance(0.6):
            phrase = f"{phrase} in {rest.pop('region').words}"
        return with_article(phrase), list(rest.values())

    def described(self, units: Sequence[Unit]) -> str:
        """A noun phrase that says all of `units`, with a relative clause where one is needed."""
        phrase, rest = self.noun_phrase(units)
        if not rest:
            return phrase
        if len(rest) == 1 and FORMS[rest[0].key].posts and self.chance(0.5):
            return f"{phrase} {self.fill(FORMS[rest[0].key].posts, rest[0])}"
        return f"{phrase} that {self.predicate(rest)}"

    def statement(self, units: Sequence[Unit]) -> str:
        """The words after the name in a first sentence."""
        if units and not self.has_type and self.chance(0.6):
            return self.predicate(units)
        return f"is {self.described(units)}"

    def opening(self, units: list[Unit]) -> str:
        """The first sentence; it says the name, the type where there is one, and all of `units`."""
        front = next((unit for unit in units if FORMS[unit.key].fronts), None)
        region = next((unit for unit in units if unit.key == "region"), None)
        others = [unit for unit in units if unit != front]
        if front and (others or self.has_type) and self.chance(0.25):
            return f"{self.fill(FORMS[front.key].fronts, front)}, {self.name} {self.statement(others)}"
        if region and self.chance(0.3):
            return self.there_is(region, [unit for unit in units if unit != region])
        if self.has_type and self.chance(0.35):
            return self.apposition(units)
        return f"{self.name} {self.statement(units)}"

    def there_is(self, region: Unit, others: list[Unit]) -> str:
        phrase, rest = self.noun_phrase(others)
        which = f", which {self.predicate(rest)}" if rest else ""
        return f"in {region.words} there is {phrase} called {self.name}{which}"

    def apposition(self, units: list[Unit]) -> str:
        phrase, rest = self.noun_phrase(units)
        if not rest:
            return f"{self.name} is {phrase}"
        if self.chance(0.4):
            return f"{phrase}, {self.name} {self.predicate(rest)}"
        return f"{self.name}, {phrase}, {self.predicate(rest)}"

    def subject(self) -> str:
        if self.it_is_clear and self.chance(0.6):
            return "it"
        return self.name if self.chance(0.2) else f"the {self.noun}"

    def continuation(self, units: list[Unit]) -> str:
        """A later sentence: a predicate, one after a fronted phrase, or clauses with subjects of their own."""
        subject, last = self.subject(), units[-1]
        has_own_subject = FORMS[last.key].clauses and (len(units) == 1 or not any(unit.is_pair for unit in units))
        self.it_is_clear = not (has_own_subject and self.chance(0.5))
        if not self.it_is_clear:
            clause = self.fill(FORMS[last.key].clauses, last)
            return f"{self.lead(subject, units[:-1])}, {connective(*units[-2:])} {clause}" if units[:-1] else clause
        front = next((unit for unit in units if FORMS[unit.key].fronts), None)
        if front and len(units) > 1 and self.chance(0.4):
            others = [unit for unit in units if unit != front]
            return f"{self.fill(FORMS[front.key].fronts, front)}, {subject} {self.predicate(others)}"
        return f"{subject} {self.predicate(units)}"

    def lead(self, subject: str, units: Sequence[Unit]) -> str:
        """The first half of "dogs are welcome, and camping is allowed", or of "it climbs 640 m, and ..."."""
        if len(units) == 1 and units[0].polarity and self.chance(0.5):
            return self.fill(FORMS[units[0].key].clauses, units[0])
        return f"{subject} {self.predicate(units)}"
