"""An AMR against a text: which concepts, names, numbers and negations are said where, and which the graph lacks.

One slot for each distinct concept, name and number, and one for negation where the graph has any. Concepts that human
sentences seldom say do not count: those of `amr_words.UNSAID`, which only build the graph, and those that less than half
of the training sentences whose graphs have them say by these rules, where at least three have them. Of the others a rule
cannot know which a sentence will leave out, so references miss some (experiments/slot_errors gives the figures).
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from datatuner.alignment.amr_words import concept_words, is_unsaid, says, stems
from datatuner.alignment.findings import Alignment, Mention, SlotError
from datatuner.alignment.reading import Reading, Span, places_of
from datatuner.alignment.repeats import repetitions
from datatuner.alignment.said import part_spans, whole_spans
from datatuner.alignment.values import Value, read_value
from datatuner.alignment.words import MONTHS, fold
from datatuner.example import AmrGraph, AmrNode, Example, Source

SELDOM, SEEN = 0.5, 3  # said in less than half of at least three sentences

_WORD = re.compile(r"[^\W\d_]+")
_NEGATION = re.compile(
    r"\b(?:not|never|no|nothing|nobody|none|nowhere|neither|nor|without|cannot|hardly|scarcely|lack(?:s|ed|ing)?)\b|n['’ ]t\b",
    re.IGNORECASE,
)
_NEGATIVE_CONCEPTS = re.compile(
    r"(?:no|nothing|nobody|none|no-one|nowhere|neither|nor|never|without|lack|hardly|scarcely)(?:-\d+)?$"
)
_NEGATIVE_PREFIX = re.compile(r"(?:un|in|im|ir|il|dis|non|mis)(?=\w{3})")
_STARTS = re.compile(r"""(?:^|[.!?:;"'“”‘’(—-])[\s"'“”‘’(]*$""")


@dataclass(frozen=True)
class Content:
    """What a graph says: `negated` are the concepts with `:polarity -`."""

    concepts: tuple[str, ...]
    names: tuple[str, ...]
    numbers: tuple[str, ...]
    negated: tuple[str, ...]


@lru_cache(maxsize=4096)
def read_content(graph: AmrGraph) -> Content:
    """The distinct concepts, names and numbers of a graph in the order of its tree, re-entrancies once."""
    concepts: dict[str, None] = {}
    names: dict[str, None] = {}
    numbers: dict[str, None] = {}
    negated: list[str] = []
    nodes = list(_nodes(graph.root))
    # "Come back!" says no "you".
    orders = [node for node in nodes if (":mode", "imperative") in node.edges]
    addressed = {t.variable for node in orders for _, t in node.edges if isinstance(t, AmrNode) and t.concept == "you"}
    for node in nodes:
        if node.concept == "name":
            words = (t for role, t in node.edges if role.startswith(":op") and isinstance(t, str))
            names[" ".join(word.strip('"') for word in words)] = None
            continue
        is_named = any(role == ":name" for role, _ in node.edges)
        if not (is_named or is_unsaid(node.concept) or node.variable in addressed):
            concepts[node.concept] = None
        for role, target in node.edges:
            if target == "-" and role == ":polarity":
                negated.append(node.concept)
            elif isinstance(target, str) and (number := _number(role, target)):
                numbers[number] = None
    names.pop("", None)
    return Content(tuple(concepts), tuple(names), tuple(numbers), tuple(negated))


def _nodes(root: AmrNode) -> Iterator[AmrNode]:
    stack = [root]
    while stack:
        node = stack.pop()
        yield node
        stack += [target for _, target in reversed(node.edges) if isinstance(target, AmrNode)]


def _number(role: str, target: str) -> str:
    """A constant as a text would have it: months by name; "" for what is no number, and for 1, which is often "a"."""
    plain = target.strip('"')
    if not plain[:1].isdecimal() or plain == "1":
        return ""
    if role == ":month" and plain.isdecimal() and 1 <= int(plain) <= 12:
        return MONTHS[int(plain) - 1].title()
    return plain


class AmrAligner:
    """Knows which concepts the sentences of a training split leave out."""

    def __init__(self, train: Iterable[Example]) -> None:
        had: Counter[str] = Counter()
        said: Counter[str] = Counter()
        for example in train:
            if isinstance(example.source, AmrGraph):
                for text in example.references:
                    words = _words(text)
                    for concept in read_content(example.source).concepts:
                        had[concept] += 1
                        said[concept] += bool(_places(concept, words))
        self._seldom = {concept for concept, n in had.items() if n >= SEEN and said[concept] < SELDOM * n}

    def align(self, source: Source, text: str) -> Alignment:
        """What `text` says of the graph.

        Raises:
            TypeError: `source` is no AmrGraph.
        """
        if not isinstance(source, AmrGraph):
            raise TypeError(f"AMR is aligned here, not {type(source).__name__}")
        content, words = read_content(source), _words(text)
        concepts = [concept for concept in content.concepts if concept not in self._seldom]
        mentions, errors = [], []
        for concept in concepts:
            places = _places(concept, words)
            mentions += [Mention("concept", concept, *words[place][1]) for place in places]
            errors += [] if places else [SlotError("missing", "concept", concept)]
        said, wrong = _compare_names(content, text)
        negations, polarity = _compare_negation(content, text, words)
        slots = len(concepts) + len(content.names) + len(content.numbers) + bool(content.negated)
        return Alignment(
            (*mentions, *said, *negations), (*errors, *wrong, *polarity, *repetitions(Reading(text))), slots
        )


def _words(text: str) -> list[tuple[str, tuple[int, int]]]:
    """Folded words and their places in the text."""
    return [(match[0], match.span()) for match in _WORD.finditer(fold(text))]


def _places(concept: str, words: Sequence[tuple[str, tuple[int, int]]]) -> list[int]:
    found = [place for place, (word, _) in enumerate(words) if says(concept, word)]
    if found:
        return found
    joined = "".join(concept_words(concept))
    return [place for place, (word, _) in enumerate(words) if len(joined) > 4 and joined in stems(word)]


def _compare_names(content: Content, text: str) -> tuple[list[Mention], list[SlotError]]:
    """Names and numbers: what is said, and what is missing, wrong or added."""
    reading = Reading(text)
    written = [("name", name) for name in content.names] + [("number", number) for number in content.numbers]
    values = [read_value(value) for _, value in written]
    spans = whole_spans(values, reading)
    for number, value in enumerate(values):
        if not spans[number]:
            spans[number] = part_spans(value, reading, dict.fromkeys(value.words, 1.0), set())
    mentions = [
        Mention(slot, value, *reading.characters(span))
        for (slot, value), found in zip(written, spans, strict=True)
        for span in sorted(found)
    ]
    missing = [entry for entry, found in zip(written, spans, strict=True) if not found]
    taken = places_of(span for found in spans for span in found)
    others = {"name": _foreign_names(content, reading, taken), "number": _foreign_numbers(values, reading, taken)}
    errors = []
    for slot, value in missing:
        if others[slot]:
            start, end = reading.characters(others[slot].pop(0))
            errors.append(SlotError("wrong", slot, value, text[start:end], start, end))
        else:
            errors.append(SlotError("missing", slot, value))
    for slot, spans_left in others.items():
        for start, end in map(reading.characters, spans_left):
            errors.append(SlotError("added", slot, "", text[start:end], start, end))
    return mentions, errors


def _foreign_names(content: Content, reading: Reading, taken: set[int]) -> list[Span]:
    """Capitals inside a sentence that neither a name nor a concept of the graph explains; neighbours are one name."""
    if sum(reading.capitals) * 2 > len(reading.words):
        return []  # a headline
    spans: list[Span] = []
    for place, large in enumerate(reading.capitals):
        start, end = reading.characters((place, place))
        if not large or place in taken or reading.text[start:end] == "I" or _STARTS.search(reading.text, 0, start):
            continue
        word = fold(reading.text[start:end])
        if any(says(concept, word) for concept in content.concepts) or is_unsaid(word):
            continue
        if spans and spans[-1][1] == place - 1:
            spans[-1] = (spans[-1][0], place)
        else:
            spans.append((place, place))
    return spans


def _foreign_numbers(values: Sequence[Value], reading: Reading, taken: set[int]) -> list[Span]:
    known = {word for value in values for name in value.names for word in name} | {"1"}
    return [
        (place, place)
        for place, form in enumerate(reading.forms)
        if reading.is_number(place) and place not in taken and form not in known
    ]


def _compare_negation(
    content: Content, text: str, words: Sequence[tuple[str, tuple[int, int]]]
) -> tuple[list[Mention], list[SlotError]]:
    """A graph that denies needs a negation in its text, by a word or a prefix; one that does not bears none."""
    found = [match.span() for match in _NEGATION.finditer(text)]
    by_prefix = [
        span
        for word, span in words
        if (match := _NEGATIVE_PREFIX.match(word))
        and any(says(concept, word[match.end() :]) for concept in content.negated)
    ]
    if content.negated:
        mentions = [Mention("polarity", "-", *span) for span in sorted([*found, *by_prefix])]
        return mentions, [] if mentions else [SlotError("wrong", "polarity", "-")]
    if any(_NEGATIVE_CONCEPTS.match(concept) for concept in content.concepts):
        return [], []
    return [], [SlotError("added", "polarity", "", text[start:end], start, end) for start, end in found[:1]]
