"""AMR graphs piece by piece: concepts, names, numbers and polarity, and the graph with one of them changed.

A place is the edge numbers on the way from the root. Ways are walked in loops: graphs can be deep.
"""

import re
from collections.abc import Iterator
from dataclasses import replace

from datatuner.example import AmrGraph, AmrNode

# Concepts that name no word: what stands below them does.
STRUCTURAL = re.compile(
    r"(?:and|or|name|person|thing|multi-sentence|amr-\w+|.*-(?:quantity|entity|91)|have-.*|be-located-at.*|cause-01|"
    r"possible-01|contrast-01|obligate-01|product-of|sum-of|more-than|less-than|at-least|i|you|he|she|it|we|they|this|that)"
)
_OPERAND = re.compile(r":op\d+")


def pieces(graph: AmrGraph) -> Iterator[tuple[str, str, tuple[int, ...]]]:
    """(slot, value, place) of each concept, name and constant. The slot is the role, with "-01" for a frame."""
    variables = {node.variable for node, _ in _nodes(graph.root)}
    for node, place in _nodes(graph.root):
        role = _role(graph.root, place)
        if node.concept == "name":
            yield ":name", " ".join(_name(node)), place
            continue
        if not STRUCTURAL.fullmatch(node.concept):
            yield role + ("-01" if _is_frame(node.concept) else ""), node.concept, place
        for i, (label, target) in enumerate(node.edges):
            if isinstance(target, str) and target not in variables and label not in (":wiki", ":mode"):
                yield label, target, (*place, i)


def with_value(graph: AmrGraph, place: tuple[int, ...], value: str) -> AmrGraph:
    old = _at(graph.root, place)
    if isinstance(old, str):
        return _put(graph, place, value)
    if old.concept != "name":
        return _put(graph, place, replace(old, concept=value))
    words = tuple((f":op{i}", f'"{word}"') for i, word in enumerate(value.split(), start=1))
    return _put(graph, place, replace(old, edges=words))


def without(graph: AmrGraph, place: tuple[int, ...]) -> AmrGraph | None:
    """Without a constant or a subtree of at most half the nodes; None where a variable of it is used elsewhere."""
    if not place:
        return None
    gone = _at(graph.root, place)
    inside = set() if isinstance(gone, str) else {node.variable for node, _ in _nodes(gone)}
    if 2 * len(inside) > sum(1 for _ in _nodes(graph.root)):
        return None
    parent = _at(graph.root, place[:-1])
    assert isinstance(parent, AmrNode)
    rest = (*parent.edges[: place[-1]], *parent.edges[place[-1] + 1 :])
    if parent.concept == "name":
        return None
    smaller = _put(graph, place[:-1], replace(parent, edges=rest))
    used = {target for node, _ in _nodes(smaller.root) for _, target in node.edges if isinstance(target, str)}
    return None if inside & used else smaller


def with_branch(graph: AmrGraph, place: tuple[int, ...], role: str, concept: str) -> AmrGraph:
    """With one more node at the end of the edges of the node at `place`."""
    taken = {node.variable for node, _ in _nodes(graph.root)}
    letter = concept[0] if concept[:1].isalpha() else "x"
    variable = next(name for n in range(2, len(taken) + 3) if (name := f"{letter}{n}") not in taken)
    node = _at(graph.root, place)
    assert isinstance(node, AmrNode)
    return _put(graph, place, replace(node, edges=(*node.edges, (role, AmrNode(variable, concept)))))


def with_polarity(graph: AmrGraph, place: tuple[int, ...]) -> AmrGraph:
    """With the node at `place` denied."""
    node = _at(graph.root, place)
    assert isinstance(node, AmrNode)
    return _put(graph, place, replace(node, edges=((":polarity", "-"), *node.edges)))


def denied(graph: AmrGraph) -> list[tuple[int, ...]]:
    """The places of the polarity constants."""
    return [place for role, value, place in pieces(graph) if role == ":polarity" and value == "-"]


def _nodes(root: AmrNode) -> Iterator[tuple[AmrNode, tuple[int, ...]]]:
    stack: list[tuple[AmrNode, tuple[int, ...]]] = [(root, ())]
    while stack:
        node, place = stack.pop()
        yield node, place
        children = [(target, (*place, i)) for i, (_, target) in enumerate(node.edges) if isinstance(target, AmrNode)]
        stack.extend(reversed(children))


def _at(root: AmrNode, place: tuple[int, ...]) -> AmrNode | str:
    found: AmrNode | str = root
    for i in place:
        assert isinstance(found, AmrNode)
        found = found.edges[i][1]
    return found


def _role(root: AmrNode, place: tuple[int, ...]) -> str:
    if not place:
        return ":root"
    parent = _at(root, place[:-1])
    assert isinstance(parent, AmrNode)
    return ":op" if _OPERAND.fullmatch(role := parent.edges[place[-1]][0]) else role


def _put(graph: AmrGraph, place: tuple[int, ...], new: AmrNode | str) -> AmrGraph:
    """The graph with another node or constant at `place`; all else is shared with the old one."""
    for depth in range(len(place) - 1, -1, -1):
        parent = _at(graph.root, place[:depth])
        assert isinstance(parent, AmrNode)
        i = place[depth]
        new = replace(parent, edges=(*parent.edges[:i], (parent.edges[i][0], new), *parent.edges[i + 1 :]))
    assert isinstance(new, AmrNode)
    return AmrGraph(new)


def _name(node: AmrNode) -> list[str]:
    return [target.strip('"') for role, target in node.edges if isinstance(target, str) and _OPERAND.fullmatch(role)]


def _is_frame(concept: str) -> bool:
    return re.search(r"-\d\d$", concept) is not None
