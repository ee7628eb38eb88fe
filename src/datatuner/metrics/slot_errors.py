"""Slot error rate and coverage from alignments: per corpus, per item, per slot; and what the humans' own texts get wrong.

ser       100 * (missing + wrong + added + repeated) / slots, for slots and their values
coverage  100 * (slots - missing - wrong) / slots, for triples and AMR, whose alignment finds what is said better
          than what is said besides
"""

from collections import Counter
from collections.abc import Sequence

from datatuner.example import SlotValues, Source
from datatuner.findings import KINDS, Alignment, SlotError
from datatuner.metrics.rates import Rate, rate_rows
from datatuner.metrics.scorer import Statistics

Rates = dict[str, tuple[Rate, Statistics]]  # by metric: how rows become a score, and a row for each input


def rates(errors: Sequence[Sequence[SlotError]], slots: Sequence[int], *, slot_values: bool) -> Rates:
    """`ser` or `coverage` of one text per input, of whose data `slots` are counted."""
    if slot_values:
        return {"ser": (Rate(_SER), rate_rows([len(found) for found in errors], slots))}
    said = [count - _lost(found) for found, count in zip(errors, slots, strict=True)]
    return {"coverage": (Rate(_COVERAGE), rate_rows(said, slots))}


def human_rates(alignments: Sequence[Sequence[Alignment]], *, slot_values: bool) -> Rates:
    """The same of all references, pooled, an input's own in one row: `ser_references` or `coverage_references`."""
    pooled = [[error for alignment in row for error in alignment.errors] for row in alignments]
    slots = [sum(alignment.slots for alignment in row) for row in alignments]
    found = rates(pooled, slots, slot_values=slot_values)
    return {f"{name}_references": rows for name, rows in found.items()}


def per_slot(sources: Sequence[Source], errors: Sequence[Sequence[SlotError]]) -> dict[str, dict[str, int]]:
    """How often each slot stands in the data (slots and their values only), and how often each error concerns it."""
    stated = Counter(slot.name for source in sources if isinstance(source, SlotValues) for slot in source.slots)
    counts = Counter((error.slot, error.kind) for found in errors for error in found)
    names = sorted({*stated, *(slot for slot, _ in counts)})
    return {name: {"slots": stated[name], **{kind: counts[name, kind] for kind in KINDS}} for name in names}


def _lost(errors: Sequence[SlotError]) -> int:
    return sum(error.kind in ("missing", "wrong") for error in errors)


_SER = "missing + wrong + added + repeated over slots"
_COVERAGE = "slots that are said over slots"
