"""Which value of a source is mentioned where in a text: one aligner per corpus."""

from collections.abc import Iterable
from typing import Protocol

from datatuner.alignment import demo, e2e, own_slots, viggo
from datatuner.findings import VERSION, Alignment, Kind, Mention, SlotError
from datatuner.alignment.slots import SlotAligner
from datatuner.example import Example, Source

__all__ = ["VERSION", "Aligner", "Alignment", "Kind", "Mention", "SlotError", "build_aligner"]


class Aligner(Protocol):
    """What a text says of a source. Built from a training split, whose names and values it knows."""

    def align(self, source: Source, text: str) -> Alignment: ...


def build_aligner(corpus: str, train: Iterable[Example]) -> Aligner:
    """The aligner of a corpus by its name; own data are aligned by the kind of their sources."""
    tables = {"demo": demo.rules, "e2e": e2e.rules, "e2e_original": e2e.rules, "viggo": viggo.rules}
    return SlotAligner(tables.get(corpus, own_slots.rules)(train))
