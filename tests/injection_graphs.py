"""Errors in sentences of AMR: names and numbers said word for word, negation, sentences of other graphs."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from random import Random

from datatuner.example import AmrGraph, AmrNode, Example
from tests.injected import Found, Injected, make, put

_NEGATION = re.compile(
    r"\b(?:not|no|never|n't|nothing|none|neither|nor|nobody|without|cannot|un\w+|in\w+|im\w+|dis\w+)\b|n't",
    re.IGNORECASE,
)
_NOUN = re.compile(r"[a-z]{5,}")  # a concept without a sense, as a word


class GraphInjector:
    """Makes errors in the one sentence of each graph; `examples` lend concepts and sentences."""

    def __init__(self, examples: Sequence[Example]) -> None:
        self.nouns = sorted({node.concept for example in examples for _, node in _nodes(example) if _is_noun(node)})
        self.numbers = sorted({value for example in examples for _, value in _numbers(example)})
        self.sentences = [example.references[0] for example in examples if len(example.references[0].split()) > 4]

    def candidates(self, example: Example, reference: str, random: Random) -> Iterator[Injected]:
        """Every error these rules can make in one sentence."""
        yield from self._nouns(example, reference, random)
        yield from self._numbers(example, reference, random)
        yield from _negations(example, reference)
        span = Found(len(reference) + 1, 2 * len(reference) + 1)
        yield make(example, reference, "text_repeat", "sentence", span, text=f"{reference} {reference}")
        other = random.choice(self.sentences)
        if not _words(other) & _words(reference):
            text = f"{reference} {other}"
            yield make(example, reference, "text_foreign", "sentence", Found(len(reference) + 1, len(text)), text=text)

    def _nouns(self, example: Example, reference: str, random: Random) -> Iterator[Injected]:
        """A thing that the sentence names once becomes another, in the text or in the data, or leaves one of them."""
        concepts = [node.concept for _, node in _nodes(example)]
        for role, node in _nodes(example):
            spans = (
                [Found(*match.span()) for match in re.finditer(rf"\b{node.concept}\b", reference)]
                if _is_noun(node)
                else []
            )
            others = [noun for noun in self.nouns if noun[:4] not in _words(reference) and noun not in concepts]
            if len(spans) != 1 or concepts.count(node.concept) != 1 or not others:
                continue
            other = random.choice(others)
            text, span = put(reference, spans[0], other)
            yield make(example, reference, "text_swap", role, span, text=text)
            source = _changed(example, node, replace(node, concept=other))
            yield make(example, reference, "data_change", role, spans[0], source=source)
            if role != ":root" and not node.edges:
                yield make(example, reference, "data_remove", role, spans[0], source=_changed(example, node, None))
            if role == ":mod" and re.match(r" [a-z]{3}", reference[spans[0].end :]):
                text, span = put(reference, spans[0]._replace(end=spans[0].end + 1), "")
                yield make(example, reference, "text_drop_clause", role, span, text=text)
            if role == ":root":
                added = replace(node, edges=(*node.edges, (":location", AmrNode("added", other))))
                source = _changed(example, node, added)
                yield make(example, reference, "data_add", ":location", Found(0, 0), source=source)

    def _numbers(self, example: Example, reference: str, random: Random) -> Iterator[Injected]:
        for role, value in _numbers(example):
            spans = [Found(*match.span()) for match in re.finditer(rf"(?<![\w.,]){value}(?![\w,])", reference)]
            others = [number for number in self.numbers if number != value and number not in reference]
            if len(spans) == 1 and others:
                text, span = put(reference, spans[0], random.choice(others))
                yield make(example, reference, "text_swap", role, span, text=text)


def _negations(example: Example, reference: str) -> Iterator[Injected]:
    """Polarity taken from the data of a text that says "not", or given to that of one without any negation."""
    negative = [node for _, node in _nodes(example) if (":polarity", "-") in node.edges]
    spans = [Found(*match.span()) for match in re.finditer(r"\bnot\b|n't\b", reference)]
    if len(negative) == 1 == len(spans):
        edges = tuple(edge for edge in negative[0].edges if edge != (":polarity", "-"))
        source = _changed(example, negative[0], replace(negative[0], edges=edges))
        yield make(example, reference, "data_change", ":polarity", spans[0], source=source)
    elif (
        not negative
        and not _NEGATION.search(reference)
        and isinstance(example.source, AmrGraph)
        and "?" not in reference
    ):
        root = example.source.root
        if re.fullmatch(r"[a-z-]+-\d\d", root.concept):
            source = AmrGraph(replace(root, edges=(*root.edges, (":polarity", "-"))))
            yield make(example, reference, "data_change", ":polarity", Found(0, 0), source=source)


def _nodes(example: Example) -> list[tuple[str, AmrNode]]:
    """Every node with the role that leads to it."""
    assert isinstance(example.source, AmrGraph)
    found, queue = [], [(":root", example.source.root)]
    while queue:
        role, node = queue.pop()
        found.append((role, node))
        queue += [(edge, target) for edge, target in node.edges if isinstance(target, AmrNode)]
    return found


def _numbers(example: Example) -> list[tuple[str, str]]:
    edges = [edge for _, node in _nodes(example) for edge in node.edges]
    return [(role, value) for role, value in edges if isinstance(value, str) and re.fullmatch(r"\d{2,}", value)]


def _is_noun(node: AmrNode) -> bool:
    """A concept that stands for itself: no verb sense, no name, no frame of AMR's own."""
    return bool(_NOUN.fullmatch(node.concept)) and node.concept not in ("person", "thing", "multi", "amount", "other")


def _changed(example: Example, old: AmrNode, new: AmrNode | None) -> AmrGraph:
    """The graph with one node in place of another, or without it."""
    assert isinstance(example.source, AmrGraph)

    def walk(node: AmrNode) -> AmrNode:
        edges = []
        for role, target in node.edges:
            if target is not old:
                edges.append((role, walk(target) if isinstance(target, AmrNode) else target))
            elif new is not None:
                edges.append((role, new))
        return replace(node, edges=tuple(edges))

    root = example.source.root
    return AmrGraph(new if root is old and new is not None else walk(root))


def _words(text: str) -> set[str]:
    return {word[:4] for word in re.findall(r"[a-z]{4,}", text.lower())}
