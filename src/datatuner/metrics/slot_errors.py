"""Slot errors as metrics: the rate, coverage, and a table per slot, from alignments. Aligns nothing itself.

alignments = [aligner.align(example.source, text) for ...]
measure(texts, references, {**scorers(), "ser": SlotErrorRate.of(alignments)})
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

import datatuner
from datatuner.errors import ConfigError
from datatuner.findings import KINDS, VERSION, Alignment
from datatuner.metrics.scorer import References, Statistics


def error_counts(alignment: Alignment) -> dict[str, int]:
    """How many errors of each kind, all four kinds named."""
    kinds = [error.kind for error in alignment.errors]
    return {kind: kinds.count(kind) for kind in KINDS}


def statistics(alignments: Sequence[Alignment]) -> Statistics:
    """One row per text: missing, wrong, added, repeated, slots."""
    rows = [[*error_counts(each).values(), each.slots] for each in alignments]
    return np.array(rows, dtype=np.float64).reshape(len(rows), len(KINDS) + 1)


@dataclass(frozen=True, eq=False)
class _OfAlignments:
    """A `Scorer` whose rows are known before it sees the texts: one for each input."""

    rows: Statistics
    texts: str  # whose they are
    name: ClassVar[str]

    @classmethod
    def of(cls, alignments: Sequence[Alignment]) -> Self:
        """Of a system: one text per input."""
        return cls(statistics(alignments), "system")

    @classmethod
    def of_references(cls, alignments: Sequence[Sequence[Alignment]]) -> Self:
        """Of all references of each input, pooled: their errors over their slots, as published aligners count."""
        return cls(np.array([statistics(each).sum(axis=0) for each in alignments]), "references-pooled")

    def statistics(self, hypotheses: Sequence[str], _references: References, _corpus: References, /) -> Statistics:
        """Raises: ConfigError, if there are not as many texts as alignments."""
        if len(hypotheses) != len(self.rows):
            raise ConfigError(f"cannot score {len(hypotheses)} texts with alignments of {len(self.rows)} inputs.")
        return self.rows

    def signature(self, _references: References, rounds: int | None, /) -> str:
        turns = "" if rounds is None else f"|rounds:{rounds}"
        version = datatuner.__version__
        return f"kind:{self.name}|texts:{self.texts}|aligner:{VERSION}{turns}|version:datatuner-{version}"


class SlotErrorRate(_OfAlignments):
    """100 * (missing + wrong + added + repeated) / slots: 0 is best, and it may exceed 100."""

    name = "ser"

    def scores(self, totals: Statistics, /) -> NDArray[np.float64]:
        return np.asarray(100 * totals[:, :-1].sum(axis=1) / np.maximum(totals[:, -1], 1))


class Coverage(_OfAlignments):
    """100 * (1 - (missing + wrong) / slots): how much of the data is said, 100 is best. For triples and AMR.

    What is added or repeated is not in it: in free text alignment finds what is said better than what is said besides.
    """

    name = "coverage"

    def scores(self, totals: Statistics, /) -> NDArray[np.float64]:
        return np.asarray(100 * (1 - totals[:, :2].sum(axis=1) / np.maximum(totals[:, -1], 1)))


def slot_table(alignments: Sequence[Alignment]) -> dict[str, dict[str, int]]:
    """{slot: {"slots": ..., "missing": ..., "wrong": ..., "added": ..., "repeated": ...}}, by slot name.

    `slots` is how many values the data have for it, a list's elements one by one: those that are mentioned, missing or
    wrong. Summed over slots, every column is that of the rate.
    """
    table: dict[str, dict[str, int]] = {}
    for each in alignments:
        lost = {(error.slot, error.value) for error in each.errors if error.kind in ("missing", "wrong")}
        for slot, _ in lost | {(mention.slot, mention.value) for mention in each.mentions}:
            _row(table, slot)["slots"] += 1
        for error in each.errors:
            _row(table, error.slot)[error.kind] += 1
    return dict(sorted(table.items()))


def _row(table: dict[str, dict[str, int]], slot: str) -> dict[str, int]:
    return table.setdefault(slot, dict.fromkeys(("slots", *KINDS), 0))
