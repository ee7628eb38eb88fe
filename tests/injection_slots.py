"""Errors in references of slot corpora (E2E, ViGGO), by the tables of injection_rules."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache, lru_cache
from random import Random
from typing import NamedTuple

from datatuner.example import Example, Slot, SlotValues
from tests.injected import Found, Injected, appended, make, negated, pick, put, repeated, sentences, without
from tests.injection_rules import E2E, FLIPS, MORE_DATES, SPECIFIERS, VIGGO, Rule

_ASKS = "request_attribute"  # its slots have no values
_GENERIC = (
    "entertainment",
    "studios",
    "studio",
    "games",
    "game",
    "interactive",
    "software",
    "productions",
    "house",
    "with",
)
_DATES = ("release_year", "exp_release_date")
_DONOR = re.compile(r"(?:It|The game)(?:'s| is| has| was| can| does| received)\b")
_BROKEN = re.compile(
    r"located ?[.,]|(?:^|[.?!] )(?:\w+ ){0,1}\w+[.?!]|\s[,.?!]|  |\b(?:a|an|the|and|with|in|by|"
    r"is) ?[.,?!]|, ?,| an? (?:and|or|that|which|by|for|in)\b"
)


class Said(NamedTuple):
    """An item of a source that a text states: once, and nothing else there may speak of it."""

    slot: Slot  # its value is one item of a list
    span: Found
    form: int | None  # index into the rule's forms


class SlotInjector:
    """Makes errors in references of one corpus; `examples` lend values and sentences."""

    def __init__(self, examples: Sequence[Example]) -> None:
        sources = [example.source for example in examples if isinstance(example.source, SlotValues)]
        self.rules = VIGGO if any(source.act for source in sources) else E2E
        counts = Counter(slot for source in sources for slot in items(source, self.rules))
        self.values: dict[str, list[str]] = defaultdict(list)
        for slot in sorted(counts):
            self.values[slot.name].append(slot.value)
        self.donors = self._donors(examples)

    def candidates(self, example: Example, reference: str, random: Random) -> Iterator[Injected]:
        """Every error these rules can make in one reference."""
        source = example.source
        assert isinstance(source, SlotValues)
        if not self.seems_faithful(source, reference):
            return
        said = [found for slot in items(source, self.rules) if (found := self.said(slot, source, reference))]
        yield from self._swapped(example, reference, said, random)
        yield from self._flipped(example, reference, said)
        yield from self._cut(example, reference, said)
        yield from repeated(example, reference, lambda text: self._speaks_of(text, source, said), random)
        yield from self._restated(example, reference, said)
        yield from self._foreign(example, reference, random)
        if source.act != _ASKS:
            yield from self._changed(example, reference, said, random)
            yield from self._added(example, reference, random)
            yield from self._removed(example, reference, said)

    # What a text says

    def seems_faithful(self, source: SlotValues, text: str) -> bool:
        """Whether each item may be spoken of, and no slot that the source lacks is: an error of the reference's own
        would take the place of the label.
        """
        own = items(source, self.rules)
        known = self.spoken if source.act else self.said  # E2E has texts to spare
        if not all(known(slot, source, text) for slot in own):
            return False
        names = {slot.name for slot in source.slots}
        if "developer" not in names and any(value in text for value in self.values.get("developer", ())):
            return False
        lacking = [name for name in _PLAIN_TOPICS if name in self.rules and name not in names]
        if "exp_release_date" in names:
            lacking = [name for name in lacking if name != "release_year"]
        return not any(self.spoken(Slot(name, ""), source, text) for name in lacking)

    def hits(self, slot: Slot, source: SlotValues, text: str) -> list[tuple[Found, int | None]]:
        """Where the text says the value, longest forms first, none within another."""
        rule, shown = self.rules[slot.name], _hidden(text, source, self.rules)
        if slot.name in FLIPS:
            patterns: list[tuple[str, int | None]] = [
                (flip.pattern, None) for flip in FLIPS[slot.name] if flip.value == slot.value
            ]
        elif rule.forms:
            meaning = rule.meanings.get(slot.value, slot.value)
            patterns = [(_words(form[meaning]), index) for index, form in enumerate(rule.forms) if meaning in form]
        else:
            patterns, shown = [(_words(re.escape(slot.value)), None)], text if rule.entity else shown
        found: list[tuple[Found, int | None]] = []
        for pattern, index in patterns:
            for match in _pattern(pattern, 0 if rule.entity or slot.name in _CASED else re.IGNORECASE).finditer(shown):
                if not any(match.start() < other.end and other.start < match.end() for other, _ in found):
                    found.append((Found(*match.span()), index))
        return found

    def spoken(self, slot: Slot, source: SlotValues, text: str, *, besides: Found | None = None) -> bool:
        """Whether anything in the text (outside a span) may speak of the slot's item at all."""
        rule = self.rules[slot.name]
        named = rule.entity and slot.value
        shown = text if named else _hidden(text, source, self.rules)
        if named or not rule.topic:
            topic = "|".join(re.escape(word) for word in _distinctive(slot.value)) or re.escape(slot.value.lower())
        else:
            topic = rule.topics.get(slot.value, rule.topic)
        low, high = (besides.start - rule.window, besides.end + rule.window) if besides else (0, 0)
        matches = _pattern(topic, 0 if slot.name == "esrb" else re.IGNORECASE).finditer(shown)
        return any(match.start() < low or match.end() > high for match in matches)

    def said(self, slot: Slot, source: SlotValues, text: str) -> Said | None:
        found = self.hits(slot, source, text)
        if len(found) != 1:
            return None
        ((span, form),) = found
        affirms = slot.name not in FLIPS or slot.value == "yes"
        if (affirms and negated(text, span.start)) or self.spoken(slot, source, text, besides=span):
            return None
        if slot.name == "rating" and re.search(r"n't|\bnot\b|never|without|but\b", text):
            return None
        return Said(slot, span, form)

    def _speaks_of(self, sentence: str, source: SlotValues, said: Sequence[Said]) -> str | None:
        return next((each.slot.name for each in said if self.hits(each.slot, source, sentence)), None)

    def _others(self, slot: Slot, source: SlotValues, text: str) -> list[str]:
        """Values of a plainly different meaning, of which neither data nor text speak."""
        rule = self.rules[slot.name]
        if slot.name in FLIPS:
            return ["no" if slot.value == "yes" else "yes"]
        if slot.name == "specifier":
            group = next((words for words in SPECIFIERS if slot.value in words), None)
            return [word for words in SPECIFIERS if group and words is not group for word in words if word not in text]
        if rule.entity:
            return [value for value in self.values[slot.name] if _foreign_name(value, source, text)]
        if not rule.forms:
            return [value for value in self._known(slot.name) if value != slot.value and value not in text]
        meaning = rule.meanings.get(slot.value, slot.value)
        own = {
            rule.meanings.get(each.value, each.value) for each in items(source, self.rules) if each.name == slot.name
        }
        unlike = rule.unlike.get(meaning)
        values = self._known(slot.name) if unlike is None else list(unlike)
        others = [value for value in values if rule.meanings.get(value, value) not in own]
        if rule.items:
            others = [value for value in others if not self.spoken(Slot(slot.name, value), source, text)]
        return others

    def _known(self, name: str) -> list[str]:
        """The values of the examples; where few are possible, all of them."""
        rule = self.rules[name]
        more = () if rule.meanings else {value for form in rule.forms for value in form}
        return sorted({*self.values.get(name, ()), *more, *(MORE_DATES if name == "exp_release_date" else ())})

    # Errors in the text

    def _swapped(self, example: Example, reference: str, said: Sequence[Said], random: Random) -> Iterator[Injected]:
        for slot, span, form in said:
            if slot.name in FLIPS or not isinstance(example.source, SlotValues):
                continue
            rule, others = self.rules[slot.name], self._others(slot, example.source, reference)
            if form is not None:
                phrases = {rule.meanings.get(value, value) for value in others} & set(rule.forms[form])
                others = [_plain(rule.forms[form][meaning]) for meaning in sorted(phrases)]
            words = pick(random, others)
            if words:
                text, changed = put(reference, span, words)
                yield make(example, reference, "text_swap", slot.name, changed, text=text)

    def _flipped(self, example: Example, reference: str, said: Sequence[Said]) -> Iterator[Injected]:
        values = {slot.name: slot.value for slot, _, _ in said}
        for slot, span, _ in said:
            for flip in FLIPS.get(slot.name, ()):
                match = _pattern(flip.pattern, re.IGNORECASE).match(reference, span.start)
                if flip.value != slot.value or not match or match.span() != span:
                    continue
                named = [name for name, word in _PLACES_SAID.items() if word in match[0]]
                if all(values.get(name) == slot.value for name in named):
                    text, changed = put(reference, span, re.sub("  +", " ", match.expand(flip.opposite)))
                    yield make(example, reference, "text_flip", slot.name, changed, text=text)
                break

    def _cut(self, example: Example, reference: str, said: Sequence[Said]) -> Iterator[Injected]:
        for span in sentences(reference)[1:]:
            text, place = without(reference, span)
            for each in said:
                if span.start <= each.span.start and each.span.end <= span.end and not self._still(each, example, text):
                    yield make(example, reference, "text_drop_clause", each.slot.name, place, text=text)
        for each in said:
            for cut in self.rules[each.slot.name].cuts:
                pattern, _, words = cut.partition("=>")
                pattern = pattern.replace("{p}", re.escape(each.span.of(reference)))
                for match in _pattern(pattern).finditer(reference):
                    if match.start() < each.span.end and each.span.start < match.end():
                        text, place = put(reference, Found(*match.span()), words)
                        if not self._still(each, example, text) and not _BROKEN.search(text):
                            yield make(example, reference, "text_drop_clause", each.slot.name, place, text=text.strip())

    def _still(self, each: Said, example: Example, text: str) -> bool:
        """Whether the text may still speak of what was cut."""
        assert isinstance(example.source, SlotValues)
        return bool(self.hits(each.slot, example.source, text)) or self.spoken(each.slot, example.source, text)

    def _restated(self, example: Example, reference: str, said: Sequence[Said]) -> Iterator[Injected]:
        for each in said:
            sentence = self._sentence(each.slot)
            if sentence and _names(example):
                text, span = appended(reference, sentence)
                yield make(example, reference, "text_repeat", each.slot.name, span, text=text)

    def _foreign(self, example: Example, reference: str, random: Random) -> Iterator[Injected]:
        if not _names(example):
            return
        for slot in self._absent(example, reference, random):
            own = self._sentence(slot)
            lent = [sentence for sentence in self.donors.get(slot.name, []) if sentence not in reference]
            for sentence in filter(None, (own, pick(random, lent))):
                text, span = appended(reference, sentence)
                yield make(example, reference, "text_foreign", slot.name, span, text=text)

    def _sentence(self, slot: Slot) -> str:
        rule = self.rules[slot.name]
        meaning = rule.meanings.get(slot.value, slot.value)
        form = (
            rule.sentence if isinstance(rule.sentence, str) else rule.sentence.get(meaning, rule.sentence.get("", ""))
        )
        return form.format(v=slot.value).replace("on 2019", "in 2019")

    # Errors in the data

    def _absent(self, example: Example, reference: str, random: Random) -> Iterator[Slot]:
        """One value for each slot that the source lacks and the text does not touch."""
        source = example.source
        assert isinstance(source, SlotValues)
        own = {slot.name for slot in source.slots}
        for name in self.rules:
            if name in own or (name in _DATES and own & set(_DATES)):
                continue
            values = [value for value in self.values.get(name, []) if _plain_value(name, value)]
            if self.rules[name].entity:
                values = [value for value in values if _foreign_name(value, source, reference)]
            value = pick(random, values)
            untouched = self.rules[name].entity or not self.spoken(Slot(name, ""), source, reference)
            if value and untouched and value.lower() not in reference.lower():
                yield Slot(name, value)

    def _changed(self, example: Example, reference: str, said: Sequence[Said], random: Random) -> Iterator[Injected]:
        source = example.source
        assert isinstance(source, SlotValues)
        for slot, span, _ in said:
            others = self._others(slot, source, reference)
            value = pick(
                random, [other for other in others if not self.hits(Slot(slot.name, other), source, reference)]
            )
            slots = tuple(Slot(slot.name, value or "") if each == slot else each for each in source.slots)
            if value and slots != source.slots:  # equal: one item of several
                yield make(example, reference, "data_change", slot.name, span, source=replace(source, slots=slots))

    def _added(self, example: Example, reference: str, random: Random) -> Iterator[Injected]:
        source = example.source
        assert isinstance(source, SlotValues)
        for slot in self._absent(example, reference, random):
            yield make(
                example,
                reference,
                "data_add",
                slot.name,
                Found(0, 0),
                source=replace(source, slots=(*source.slots, slot)),
            )

    def _removed(self, example: Example, reference: str, said: Sequence[Said]) -> Iterator[Injected]:
        source = example.source
        assert isinstance(source, SlotValues)
        for slot, span, _ in said:
            slots = tuple(each for each in source.slots if each.name != slot.name)
            if slots and _plain_value(slot.name, slot.value):
                yield make(example, reference, "data_remove", slot.name, span, source=replace(source, slots=slots))

    def _donors(self, examples: Sequence[Example]) -> Mapping[str, list[str]]:
        """Sentences about an unnamed "it", by each slot that they speak of."""
        donors: dict[str, list[str]] = defaultdict(list)
        for example in examples[:3000]:
            source = example.source
            assert isinstance(source, SlotValues)
            for reference in example.references[:1]:
                for span in sentences(reference)[1:]:
                    sentence = span.of(reference)
                    if not _DONOR.match(sentence) or not sentence.endswith("."):
                        continue
                    for slot in items(source, self.rules):
                        if slot.name != "name" and self.said(slot, source, sentence):
                            donors[slot.name].append(sentence)
        return donors


_PLAIN_TOPICS = (  # slots whose topic nothing else touches
    *("esrb", "release_year", "has_multiplayer", "available_on_steam", "has_linux_release", "has_mac_release"),
    *("eatType", "area", "familyFriendly", "food", "priceRange", "customer rating", "near"),
)
_CASED = ("platforms", "esrb")
_PLACES_SAID = {"available_on_steam": "Steam", "has_linux_release": "Linux", "has_mac_release": "Mac"}


def items(source: SlotValues, rules: Mapping[str, Rule]) -> list[Slot]:
    """The slots of a source that have a value and a rule, list values as one slot an item; none of a repeated name."""
    counts = Counter(slot.name for slot in source.slots)
    return [
        Slot(slot.name, value)
        for slot in source.slots
        if slot.name in rules and counts[slot.name] == 1
        for value in (slot.value.split(", ") if rules[slot.name].items else [slot.value])
        if value
    ]


@cache
def _pattern(pattern: str, flags: int = 0) -> re.Pattern[str]:
    """re keeps 512 patterns, too few here."""
    return re.compile(pattern, flags)


@lru_cache(maxsize=1000)
def _hidden_names(text: str, names: tuple[str, ...]) -> str:
    for name in names:
        text = re.sub(re.escape(name), lambda match: "§" * len(match[0]), text, flags=re.IGNORECASE)
    return text


def _hidden(text: str, source: SlotValues, rules: Mapping[str, Rule]) -> str:
    """The text with the source's names blotted out, as long as before."""
    entities = (slot.value for slot in source.slots if slot.name in rules and rules[slot.name].entity and slot.value)
    return _hidden_names(text, tuple(entities))


def _words(pattern: str) -> str:
    return rf"(?<![\w£-])(?:{pattern})(?=s?(?![\w-]))" if not pattern.endswith(")") else rf"(?<![\w£-])(?:{pattern})"


def _plain(pattern: str) -> str:
    """The words of a form: a pattern without what only looks around."""
    return re.sub(r"\\(.)", r"\1", re.sub(r"\(\?[=!][^()]*(?:\\\()?[^()]*\)", "", pattern).replace("[- ]", " "))


def _distinctive(name: str) -> list[str]:
    """The words by which a name may be called for short."""
    words = re.findall(r"[^\W_]{4,}|[A-Z0-9]{2,}", name)
    return [word.lower() for word in words if word.lower() not in _GENERIC] or [name.lower()]


def _foreign_name(value: str, source: SlotValues, text: str) -> bool:
    known = " ".join([text, *(slot.value for slot in source.slots)]).lower()
    return not any(word in known for word in _distinctive(value)) and value.lower() not in known


def _plain_value(name: str, value: str) -> bool:
    """Whether anyone would ask for the value: "restaurant" is often implied."""
    return not (name == "eatType" and value == "restaurant")


def _names(example: Example) -> bool:
    """Whether a sentence about "it" can follow: the text is about one thing."""
    assert isinstance(example.source, SlotValues)
    return any(slot.name == "name" for slot in example.source.slots)
