"""Which value of a source is mentioned where in a text: one aligner per corpus."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from datatuner.alignment import demo, e2e, own_slots, viggo
from datatuner.alignment.amr import AmrAligner
from datatuner.alignment.slots import SlotAligner
from datatuner.alignment.triples import TripleAligner
from datatuner.example import AmrGraph, Example, SlotValues, Source, Triples
from datatuner.findings import VERSION, Alignment, Kind, Mention, SlotError

__all__ = ["VERSION", "Aligner", "Alignment", "Kind", "Mention", "SlotError", "build_aligner"]


class Aligner(Protocol):
    """What a text says of a source. Built from a training split, whose names and values it knows."""

    @property
    def lists(self) -> frozenset[str]:
        """The slots whose values are lists with ", " between their elements, each of which counts."""
        ...

    def align(self, source: Source, text: str) -> Alignment: ...


def build_aligner(corpus: str, train: Iterable[Example]) -> Aligner:
    """The aligner of a corpus: slots by the table of its name, or one for own data; triples and AMR by theirs."""
    tables = {"demo": demo.rules, "e2e": e2e.rules, "e2e_original": e2e.rules, "viggo": viggo.rules}
    examples = tuple(train)
    rules = tables.get(corpus, own_slots.rules)(examples)
    lists = frozenset(slot for slot, rule in rules.items() if rule.many)
    return ByKind(
        {SlotValues: SlotAligner(rules), Triples: TripleAligner(examples), AmrGraph: AmrAligner(examples)}, lists
    )


@dataclass(frozen=True)
class ByKind:
    """Aligns each source by the aligner of its kind: own data may hold several."""

    aligners: Mapping[type[Source], SlotAligner | TripleAligner | AmrAligner]
    lists: frozenset[str]

    def align(self, source: Source, text: str) -> Alignment:
        return self.aligners[type(source)].align(source, text)
