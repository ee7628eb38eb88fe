"""Errors put into human references by rules of their own: the judge of alignment and of the classifier.

Imports neither the alignment nor the corruptions: the same alignment accepts corruptions and counts slot errors, so
errors that it is to find must come from elsewhere. The rules are in injection_rules, injection_slots,
injection_triples and injection_graphs; each leaves a reference alone where it cannot be sure of the label.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from random import Random
from typing import Protocol

from datatuner.example import AmrGraph, Example, SlotValues
from tests.injected import LABELS_OF_KINDS, Found, Injected, make
from tests.injection_graphs import GraphInjector
from tests.injection_slots import SlotInjector
from tests.injection_triples import TripleInjector

__all__ = ["KINDS", "Injected", "inject"]

KINDS = tuple(LABELS_OF_KINDS)
_MOST = 20  # references looked at for each pair of a kind: seldom slots need many


class _Injector(Protocol):
    def candidates(self, example: Example, reference: str, random: Random) -> Iterator[Injected]: ...


def inject(examples: Sequence[Example], *, seed: int, per_kind: int) -> list[Injected]:
    """At most `per_kind` pairs of each of KINDS, spread over the slots as evenly as there are candidates.

    `examples` are one corpus; their references are used in a random order, the first _MOST * `per_kind` of them,
    each at most once for a kind.
    Deterministic for a seed and the examples.
    """
    if not examples:
        return []
    injector = _injector(examples)
    pairs = [(example, number) for example in examples for number in range(len(example.references))]
    Random(f"{seed} order").shuffle(pairs)
    found: dict[str, dict[str, list[Injected]]] = {kind: defaultdict(list) for kind in KINDS}
    for example, number in pairs[: _MOST * per_kind]:
        reference, random = example.references[number], Random(f"{seed} {example.id} {number}")
        made = [
            make(example, reference, "unchanged", "", Found(0, 0)),
            *injector.candidates(example, reference, random),
        ]
        for kind, by_slot in found.items():
            of_kind = [injected for injected in made if injected.kind == kind]
            if of_kind:  # a slot that was seldom found goes first
                fewest = min(len(by_slot[injected.slot]) for injected in of_kind)
                chosen = random.choice([injected for injected in of_kind if len(by_slot[injected.slot]) == fewest])
                by_slot[chosen.slot].append(chosen)
    return [injected for kind in KINDS for injected in _evenly(found[kind], per_kind)]


def _injector(examples: Sequence[Example]) -> _Injector:
    source = examples[0].source
    if isinstance(source, SlotValues):
        return SlotInjector(examples)
    return GraphInjector(examples) if isinstance(source, AmrGraph) else TripleInjector(examples)


def _evenly(by_slot: dict[str, list[Injected]], count: int) -> Iterator[Injected]:
    """`count` of them: the first of each slot, commonest slots first, then the second of each, and so on."""
    slots = sorted(by_slot, key=lambda slot: (-len(by_slot[slot]), slot))
    longest = max(map(len, by_slot.values()), default=0)
    ordered = (by_slot[slot][rank] for rank in range(longest) for slot in slots if rank < len(by_slot[slot]))
    yield from (injected for _, injected in zip(range(count), ordered, strict=False))
