"""What an AMR graph says: its concepts, names, numbers and negations, each with the first role it stands in."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from datatuner.alignment.amr_words import is_unsaid
from datatuner.alignment.values import Value, read_value
from datatuner.alignment.words import MONTHS
from datatuner.example import AmrGraph, AmrNode

POLARITY = ":polarity"
_FRAME = re.compile(r"-\d\d+$")


@dataclass(frozen=True)
class Content:
    """What a graph says, as (slot, value), each value once; `negated` are the concepts with `:polarity -`."""

    concepts: tuple[tuple[str, str], ...]
    names: tuple[tuple[str, str], ...]
    numbers: tuple[tuple[str, str], ...]
    negated: tuple[str, ...]


@lru_cache(maxsize=4096)
def read_content(graph: AmrGraph) -> Content:
    """The concepts, names and numbers of a graph in the order of its tree; a re-entrancy is no second one."""
    concepts: dict[str, str] = {}
    names: dict[str, str] = {}
    numbers: dict[str, str] = {}
    negated: list[str] = []
    addressed = _addressed(graph)
    for role, node in nodes(graph):
        if node.concept == "name":
            words = [t.strip('"') for label, t in node.edges if label.startswith(":op") and isinstance(t, str)]
            name = " ".join(words)
            if read_value(name).names:
                names.setdefault(name, ":name")
            continue
        is_named = any(label == ":name" for label, _ in node.edges)
        if not (is_named or is_unsaid(node.concept) or node.variable in addressed):
            concepts.setdefault(node.concept, role + ("-01" if _FRAME.search(node.concept) else ""))
        for label, target in node.edges:
            if isinstance(target, str):
                if (label, target) == (POLARITY, "-"):
                    negated.append(node.concept)
                elif target.strip('"')[:1].isdecimal() and target != "1":  # which is often "a"
                    numbers.setdefault(target, label)
    return Content(_pairs(concepts), _pairs(names), _pairs(numbers), tuple(negated))


def _pairs(slots: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Values and their slots, slots first."""
    return tuple((slot, value) for value, slot in slots.items())


def nodes(graph: AmrGraph) -> Iterator[tuple[str, AmrNode]]:
    """Each node after its role, from the root on; ":op1" and the like are ":op"."""
    stack: list[tuple[str, AmrNode]] = [(":root", graph.root)]
    while stack:
        role, node = stack.pop()
        yield re.sub(r"^:op\d+$", ":op", role), node
        stack += [(label, target) for label, target in reversed(node.edges) if isinstance(target, AmrNode)]


def _addressed(graph: AmrGraph) -> set[str]:
    """The variables of those who get an order: "Come back!" says no "you"."""
    orders = [node for _, node in nodes(graph) if (":mode", "imperative") in node.edges]
    return {t.variable for node in orders for _, t in node.edges if isinstance(t, AmrNode) and t.concept == "you"}


def read_number(role: str, written: str) -> Value:
    plain = written.strip('"')
    if role == ":month" and plain.isdecimal() and 1 <= int(plain) <= 12:
        plain = MONTHS[int(plain) - 1]
    return read_value(plain)
