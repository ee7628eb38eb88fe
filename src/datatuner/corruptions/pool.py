"""What the other examples offer to a corruption: values, words for them, facts and texts of the same kind."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from random import Random

from datatuner.alignment import Aligner, Alignment, Mention
from datatuner.corruptions.facts import Fact, facts, kind, spoken
from datatuner.corruptions.splicing import begins_sentence, lowered
from datatuner.example import AmrGraph, Example, SlotValues, Source, Triples
from datatuner.sentences import sentences

SMALL = 1000  # references of a corpus whose texts say little of what reads well
LONG = 3  # words: a longer expression for a value often says something else as well
SELDOM = 10  # one "the" in so many mentions of a name is a slip
MINED = 1500  # references whose mentions are collected as words for values
_TOKEN = re.compile(r"\w+(?:['’-]\w+)*|[^\w\s]")
_ENDING = re.compile(r"(?:ing|ed|ly|s|)$")


def group_of(example: Example) -> str:
    """Examples of one group say things of one sort: those of a dialogue act, or of a category."""
    source = example.source
    return (source.act or "") if isinstance(source, SlotValues) else example.attributes.get("category", "")


@dataclass(frozen=True, eq=False)
class Case:
    """One reference, and all that an operation may look at."""

    example: Example
    reference: int
    pool: "Pool"

    @property
    def source(self) -> Source:
        return self.example.source

    @property
    def text(self) -> str:
        return self.example.references[self.reference]

    @cached_property
    def aligned(self) -> Alignment:
        return self.pool.aligned(self)

    @cached_property
    def sentences(self) -> list[tuple[int, int]]:
        return sentences(self.text)

    @cached_property
    def facts(self) -> list[Fact]:
        return self.pool.facts_of(self.example)


class Pool:
    """The same whatever the order of `examples`."""

    def __init__(self, examples: Sequence[Example], aligner: Aligner) -> None:
        self.aligner = aligner
        self.examples = sorted(examples, key=lambda example: example.id)
        self.cases = [Case(e, i, self) for e in self.examples for i in range(len(e.references))]
        self.lists = aligner.lists  # the training split's, so that both take the same values apart
        self._aligned: dict[tuple[str, int], Alignment] = {}

    def aligned(self, case: Case) -> Alignment:
        key = (case.example.id, case.reference)
        if key not in self._aligned:
            self._aligned[key] = self.aligner.align(case.source, case.text)
        return self._aligned[key]

    def facts_of(self, example: Example) -> list[Fact]:
        """The pieces of a source; of triples, first objects, then subjects, which have no place of their own."""
        found = facts(example.source, self.lists)
        if isinstance(example.source, Triples):
            subjects = dict.fromkeys(triple.subject for triple in example.source.triples)
            found += [Fact("subject", subject, ()) for subject in subjects]
        return found

    @cached_property
    def groups(self) -> dict[str, list[Case]]:
        found: dict[str, list[Case]] = {}
        for case in self.cases:
            found.setdefault(group_of(case.example), []).append(case)
        return found

    @cached_property
    def values(self) -> dict[tuple[str, str], list[str]]:
        """Distinct values by slot and kind; subjects by "subject" and the group as well."""
        found: dict[tuple[str, str], dict[str, None]] = {}
        for example in self.examples:
            for fact in facts(example.source, self.lists):
                found.setdefault((fact.slot, kind(fact.value)), {})[fact.value] = None
            if isinstance(example.source, Triples) and example.source.triples:
                root = root_of(example.source)
                found.setdefault((_subject_slot(example), kind(root)), {})[root] = None
        return {key: sorted(known) for key, known in found.items()}

    def others(self, case: Case, fact: Fact, rng: Random, count: int = 3) -> list[str]:
        """Up to `count` values that could stand in a fact's place: of its slot and kind, and not in the source."""
        slot = fact.slot
        if slot == "subject" and isinstance(case.source, Triples):
            if fact.value != root_of(case.source):
                return []
            slot = _subject_slot(case.example)
        if kind(fact.value) == "yes/no":
            return ["no" if fact.value == "yes" else "yes"]
        known = self.values.get((slot, kind(fact.value)), [])
        own = {spoken(other.value).lower() for other in case.facts}
        drawn = rng.sample(known, min(len(known), count + len(own)))
        return [value for value in drawn if spoken(value).lower() not in own][:count]

    def neighbour(self, case: Case, rng: Random) -> Case:
        """Another case of the same group, or the case itself where there is none."""
        return rng.choice(self.groups[group_of(case.example)])

    @cached_property
    def _order(self) -> Counter[tuple[str, str]]:
        """How often one slot stands before another."""
        counts: Counter[tuple[str, str]] = Counter()
        for example in self.examples:
            if isinstance(example.source, SlotValues):
                names = [slot.name for slot in example.source.slots]
                counts.update((a, b) for i, a in enumerate(names) for b in names[i + 1 :])
        return counts

    def place_of(self, name: str, names: Sequence[str]) -> int:
        """Where a new slot stands among others, by the corpus's order."""
        before = (i for i, other in enumerate(names) if self._order[name, other] > self._order[other, name])
        return next(before, len(names))

    @cached_property
    def _bigrams(self) -> Counter[tuple[str, str]]:
        return Counter(pair for case in self.cases for pair in _pairs(_tokens(case.text)))

    @cached_property
    def _enough(self) -> int:
        """How often two words have to follow each other, to be no slip of one text."""
        return 3 if len(self.cases) > SMALL else 1

    def reads_well(self, text: str, start: int, end: int) -> bool:
        """Whether the words on both sides of `start`, and of `end`, follow each other in other texts too."""
        left, inner, right = (_tokens(part) for part in (text[:start], text[start:end], text[end:]))
        around = [*(left[-1:] or ["^"]), *(inner if len(inner) < 3 else [inner[0], inner[-1]]), *right[:1]]
        joints = list(_pairs(around))
        if len(inner) > 2:
            joints = [joints[0], *joints[2:]]
        return all(self._bigrams[pair] >= self._enough for pair in joints)

    def with_article(self, text: str, start: int, words: str) -> tuple[int, str]:
        """Where to put `words` for what stands at `start`, and the words with "the" where they mostly have it."""
        first = _tokens(words)[:1]
        if not first or not words[:1].isupper():
            return start, words
        has = text[:start].lower().endswith("the ")
        wants = 2 * self._bigrams["the", first[0]] > self._counts[first[0]]
        if has and SELDOM * self._bigrams["the", first[0]] < self._counts[first[0]]:
            return start - 4, words
        return start, f"the {words}" if wants and not has and not begins_sentence(text[:start]) else words

    @cached_property
    def _counts(self) -> Counter[str]:
        return Counter(first for first, _ in self._bigrams.elements())

    @cached_property
    def contexts(self) -> dict[str, set[tuple[str, str]]]:
        """The words before and after the mentions of a slot, in a sample of the references."""
        found: dict[str, set[tuple[str, str]]] = {}
        for case, mention in self._mined():
            around = neighbours(case.text, mention.start, mention.end)
            found.setdefault(surface_slot(case.source, mention, surface(case.text, mention)), set()).add(around)
        return found

    def fits(self, slot: str, text: str, start: int, end: int) -> bool:
        """Whether words for `slot` can stand at `text[start:end]`: some did between the same words."""
        return neighbours(text, start, end) in self.contexts.get(slot, ())

    def _mined(self) -> Iterator[tuple[Case, Mention]]:
        for case in sorted(self.cases, key=lambda c: Random(f"{c.example.id}-{c.reference}").random())[:MINED]:
            yield from ((case, mention) for mention in case.aligned.mentions)

    @cached_property
    def surfaces(self) -> Mapping[str, dict[str, tuple[str, ...]]]:
        """How values are put into words: slot -> value -> expressions, from a sample of the references."""
        found: dict[str, dict[str, dict[str, None]]] = {}
        for case, mention in self._mined():
            words = surface(case.text, mention)
            if words and len(words.split()) <= max(LONG, len(spoken(mention.value).split())):
                slot = surface_slot(case.source, mention, words)
                found.setdefault(slot, {}).setdefault(mention.value, {})[words] = None
        return {slot: {v: tuple(sorted(found[slot][v])) for v in sorted(found[slot])} for slot in sorted(found)}


def root_of(source: Triples) -> str:
    """The entity that triples are about: the first subject that is no other's object; "" where there are none."""
    objects = {triple.object for triple in source.triples}
    subjects = [triple.subject for triple in source.triples]
    return next((subject for subject in subjects if subject not in objects), subjects[0] if subjects else "")


def _subject_slot(example: Example) -> str:
    """What the subject of triples is one of: what has the same predicate in the same category."""
    assert isinstance(example.source, Triples)
    root = root_of(example.source)
    predicate = next(triple.predicate for triple in example.source.triples if triple.subject == root)
    return f"subject of {predicate} in {group_of(example)}"


def neighbours(text: str, start: int, end: int) -> tuple[str, str]:
    """The words (or marks) before and after `text[start:end]`; "^" and "$" at the text's ends."""
    return (_tokens(text[:start])[-1:] or ["^"])[0], (_tokens(text[end:])[:1] or ["$"])[0]


def surface(text: str, mention: Mention) -> str:
    """The words of a mention, as they would stand inside a sentence."""
    words = text[mention.start : mention.end]
    if spoken(mention.value).lower() == words.lower():
        return spoken(mention.value)
    return lowered(words) if begins_sentence(text[: mention.start]) else words


def surface_slot(source: Source, mention: Mention, words: str) -> str:
    """What words can stand for: a slot's values, and in graphs the words of the same ending."""
    if not isinstance(source, AmrGraph):
        return mention.slot
    ending = _ENDING.search(words.lower())
    frame = "frame" if re.search(r"-\d\d$", mention.value) else "word"
    return f"{frame} -{ending[0] if ending else ''}{' '.join('X' for _ in words.split())}{words[:1].isupper()}"


def _tokens(text: str) -> list[str]:
    return ["a" if token == "an" else token for token in _TOKEN.findall(text.lower())]


def _pairs(tokens: Sequence[str]) -> Iterator[tuple[str, str]]:
    return pairwise(tokens)
