"""What a text says again though its graph has it once."""

from collections.abc import Iterator, Sequence
from itertools import takewhile

from datatuner.alignment.amr_content import nodes
from datatuner.alignment.amr_grammar import is_grammar
from datatuner.alignment.amr_words import PlainWord, says
from datatuner.example import AmrGraph
from datatuner.findings import SlotError

SHORTEST = 2  # words: one alone comes again in good style ("days and days")


def said_again(graph: AmrGraph, text: str, words: Sequence[PlainWord]) -> Iterator[SlotError]:
    """Stretches of words that stand a second time, at once or with a content word that the graph has but once."""
    for first, second, length in _stretches([word.form for word in words]):
        again = words[second : second + length]
        if first + length == second or _is_once(graph, [word.form for word in again]):
            start, end = again[0].span[0], again[-1].span[1]
            yield SlotError("repeated", "text", "", text[start:end], start, end)


def _stretches(forms: Sequence[str]) -> Iterator[tuple[int, int, int]]:
    """(first, second, length) of the longest stretches that stand twice without an overlap, from left to right."""
    seen: dict[tuple[str, ...], int] = {}
    second = 0
    while second < len(forms):
        first = seen.get(tuple(forms[second : second + SHORTEST]), second)
        length = _common(forms, first, second)
        if length >= SHORTEST:
            yield first, second, length
        after = second + (length if length >= SHORTEST else 1)
        for place in range(second, after):
            seen.setdefault(tuple(forms[place : place + SHORTEST]), place)
        second = after


def _common(forms: Sequence[str], first: int, second: int) -> int:
    """How many words from `second` on are those from `first` up to `second`."""
    pairs = zip(forms[first:second], forms[second:], strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _is_once(graph: AmrGraph, forms: Sequence[str]) -> bool:
    """Whether these say more than "the king" does, and the graph refers to something of it but once."""
    content = [form for form in forms if not is_grammar(form)]
    return max(len(forms) - 1, len(content)) >= SHORTEST and any(_references(graph, form) == 1 for form in content)


def _references(graph: AmrGraph, form: str) -> int:
    """How often the graph refers to what a word says."""
    variables = {node.variable for _, node in nodes(graph) if says(node.concept, form)}
    again = sum(target in variables for _, node in nodes(graph) for _, target in node.edges if isinstance(target, str))
    return len(variables) + again
