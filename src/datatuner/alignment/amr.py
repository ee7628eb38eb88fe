"""An AMR against a text: which concepts, names, numbers and negations are said where, and which the graph lacks.

One slot for each distinct concept, name and number, and one for negation where the graph has any; called by the first
role it stands in, with "-01" for a frame: ":ARG0", ":mod-01", ":name", ":quant", ":polarity".

Concepts that human sentences seldom say do not count: those of `amr_words.UNSAID`, which only build the graph, the
"you" of an order, and those that less than half of the training sentences whose graphs have them say by these rules,
where at least three have them. No rule can know what else a sentence leaves out (experiments/slot_errors counts it).

What a sentence adds is a name, number or negation, or words that the training sentences would explain (`amr_added`).
A single such word stands in the place of a concept that is missing, where one is: it is wrong, as one error.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

from datatuner.alignment.amr_added import Run, Unexplained
from datatuner.alignment.amr_content import POLARITY, Content, read_content, read_number
from datatuner.alignment.amr_repeats import said_again
from datatuner.alignment.amr_words import NEGATIVE_PREFIX, PlainWord, concept_words, plain_words, says, stems
from datatuner.alignment.reading import Reading, Span, places_of
from datatuner.alignment.repeats import repetitions
from datatuner.alignment.said import part_spans, whole_spans
from datatuner.alignment.values import Value, read_value
from datatuner.alignment.words import fold
from datatuner.example import AmrGraph, Example, Source
from datatuner.findings import Alignment, Mention, SlotError

SELDOM, SEEN = 0.5, 3  # said in less than half of at least three sentences

HEADLINE = 0.75  # the share of words in capitals from which on they tell nothing
_NEGATION = re.compile(
    r"\b(?:not|never|no|nothing|nobody|none|nowhere|neither|nor|without|cannot|hardly|scarcely|lack(?:s|ed|ing)?)\b|"
    r"n['’ ]t\b",
    re.IGNORECASE,
)
_NEGATIVE_CONCEPT = re.compile(
    r"(?:no|nothing|nobody|none|no-one|nowhere|neither|nor|never|without|lack|hardly|scarcely)(?:-\d+)?$"
)
_BEFORE_SENTENCE = (*".!?:;\"'“”‘’(—-",)
_TITLES = frozenset(("mr", "mrs", "ms", "dr", "i"))


class AmrAligner:
    """Knows which concepts and words the sentences and graphs of a training split leave out."""

    def __init__(self, seldom: Iterable[str], unexplained: Unexplained) -> None:
        """`seldom`: concepts that sentences leave out."""
        self._seldom, self._unexplained = frozenset(seldom), unexplained

    def known(self) -> dict[str, Any]:
        """What it has from the training split, as JSON: counts of single words and concepts."""
        return {"seldom": sorted(self._seldom), "had": self._unexplained.had, "lone": self._unexplained.lone}

    @classmethod
    def of(cls, train: Iterable[Example]) -> "AmrAligner":
        had: Counter[str] = Counter()
        said: Counter[str] = Counter()
        pairs = [(e.source, text) for e in train if isinstance(e.source, AmrGraph) for text in e.references]
        for graph, text in pairs:
            words = plain_words(text)
            for _, concept in read_content(graph).concepts:
                had[concept] += 1
                said[concept] += bool(_places(concept, words))
        seldom = [concept for concept, n in had.items() if n >= SEEN and said[concept] < SELDOM * n]
        return cls(seldom, Unexplained.of(pairs))

    def align(self, source: Source, text: str) -> Alignment:
        """What `text` says of the graph.

        Raises:
            TypeError: `source` is no AmrGraph.
        """
        if not isinstance(source, AmrGraph):
            raise TypeError(f"AMR is aligned here, not {type(source).__name__}")
        content, reading, words = read_content(source), Reading(text), plain_words(text)
        concepts = [(slot, concept) for slot, concept in content.concepts if concept not in self._seldom]
        mentions: list[Mention] = []
        missing: list[tuple[str, str]] = []
        for slot, concept in concepts:
            places = _places(concept, words, is_negated=_is_denied(concept, content))
            mentions += [Mention(slot, concept, *words[place].span) for place in places]
            missing += [] if places else [(slot, concept)]
        said, wrong = _compare_names(content, reading)
        negations, polarity = _compare_negation(content, text, words)
        parts: tuple[Mention | SlotError, ...] = (*said, *wrong, *polarity)
        taken = {place for part in parts for place in range(part.start, part.end)}
        strange = _strange_words(text, missing, self._unexplained.added(source, text, words, taken))
        again = list(repetitions(reading)) or list(said_again(source, text, words))
        slots = len(concepts) + len(content.names) + len(content.numbers) + bool(content.negated)
        return Alignment((*mentions, *said, *negations), (*strange, *wrong, *polarity, *again), slots)


def _is_denied(concept: str, content: Content) -> bool:
    """Whether "un-" may say it: "unread" is (read-01 :polarity -), "unreadable" what it is not possible to read."""
    return concept in content.negated or "possible-01" in content.negated


def _strange_words(text: str, missing: Sequence[tuple[str, str]], runs: Iterable[Run]) -> list[SlotError]:
    """Concepts that are missing, and words that are added: a single one stands in a missing concept's place."""
    left, wrong, added = list(missing), [], []
    for run in runs:
        start, end = run[0].span[0], run[-1].span[1]
        if left and len(run) == 1:
            wrong.append(SlotError("wrong", *left.pop(0), text[start:end], start, end))
        else:
            added.append(SlotError("added", "concept", "", text[start:end], start, end))
    return [*(SlotError("missing", *own) for own in left), *wrong, *added]


def _places(concept: str, words: Sequence[PlainWord], *, is_negated: bool = False) -> list[int]:
    """The words that say a concept; of one that the graph denies also "un-" words."""
    found = [place for place, (word, _) in enumerate(words) if says(concept, word)]
    if not found and is_negated:
        found = [place for place, (word, _) in enumerate(words) if says(concept, NEGATIVE_PREFIX.sub("", word))]
    if found:
        return found
    joined = "".join(concept_words(concept))
    return [place for place, (word, _) in enumerate(words) if len(joined) > 4 and joined in stems(word)]


def _compare_names(content: Content, reading: Reading) -> tuple[list[Mention], list[SlotError]]:
    """Names and numbers: what is said, and what is missing, wrong or added."""
    wanted = (*content.names, *content.numbers)
    values = [*(read_value(name) for _, name in content.names), *(read_number(*number) for number in content.numbers)]
    spans = whole_spans(values, reading)
    strange = partial(_is_strange, content, reading)
    for number, value in enumerate(values):
        spans[number] = spans[number] or part_spans(value, reading, dict.fromkeys(value.words, 1.0), set(), strange)
    mentions = [
        Mention(*own, *reading.characters(span))
        for own, found in zip(wanted, spans, strict=True)
        for span in sorted(found)
    ]
    missing = [own for own, found in zip(wanted, spans, strict=True) if not found]
    taken = places_of(span for found in spans for span in found)
    names, numbers = _foreign_names(content, reading, taken), _foreign_numbers(values, reading, taken)
    errors = []
    for own in missing:
        others = names if own in content.names else numbers
        place = reading.characters(others.pop(0)) if others else None
        errors.append(
            SlotError("wrong", *own, reading.text[slice(*place)], *place) if place else SlotError("missing", *own)
        )
    for slot, others in (("name", names), ("number", numbers)):
        for start, end in map(reading.characters, others):
            errors.append(SlotError("added", slot, "", reading.text[start:end], start, end))
    return mentions, errors


def _foreign_names(content: Content, reading: Reading, taken: set[int]) -> list[Span]:
    """Capitals inside a sentence that neither a name nor a concept of the graph explains; neighbours are one name."""
    if sum(reading.capitals) > HEADLINE * len(reading.words):
        return []  # a headline
    spans: list[Span] = []
    for place in range(len(reading.words)):
        start, _ = reading.characters((place, place))
        if place in taken or not _is_strange(content, reading, place):
            continue
        before = reading.text[:start].rstrip()
        if not before or before.endswith(_BEFORE_SENTENCE):
            continue
        if spans and spans[-1][1] == place - 1:
            spans[-1] = (spans[-1][0], place)
        else:
            spans.append((place, place))
    return spans


def _is_strange(content: Content, reading: Reading, place: int) -> bool:
    """Whether a word is written large though no concept explains it."""
    word = fold(reading.text[slice(*reading.characters((place, place)))])
    return (
        reading.capitals[place]
        and word not in _TITLES
        and not any(says(concept, word) for _, concept in content.concepts)
    )


def _foreign_numbers(values: Sequence[Value], reading: Reading, taken: set[int]) -> list[Span]:
    known = {word for value in values for name in value.names for word in name} | {"1"}
    return [
        (place, place)
        for place, form in enumerate(reading.forms)
        if reading.is_number(place) and place not in taken and form not in known
    ]


def _compare_negation(content: Content, text: str, words: Sequence[PlainWord]) -> tuple[list[Mention], list[SlotError]]:
    """A graph that denies needs a negation in its text, by a word or a prefix; one that does not bears none."""
    found = [match.span() for match in _NEGATION.finditer(text)]
    by_prefix = [
        span
        for word, span in words
        if (match := NEGATIVE_PREFIX.match(word))
        and any(says(concept, word[match.end() :]) for _, concept in content.concepts if _is_denied(concept, content))
    ]
    if content.negated:
        mentions = [Mention(POLARITY, "-", *span) for span in sorted([*found, *by_prefix])]
        return mentions, [] if mentions else [SlotError("wrong", POLARITY, "-")]
    if any(_NEGATIVE_CONCEPT.match(concept) for _, concept in content.concepts):
        return [], []
    return [], [SlotError("added", POLARITY, "", text[start:end], start, end) for start, end in found[:1]]
