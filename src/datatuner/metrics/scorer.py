"""What every metric offers: a row of sums for each segment, and corpus scores as a function of their totals."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Statistics = NDArray[np.float64]
References = Sequence[Sequence[str]]


class Scorer(Protocol):
    """A metric whose corpus score is a function of summed per-segment statistics.

    So the scores of any selection, resample or exchange of segments cost one sum each.
    """

    def statistics(self, hypotheses: Sequence[str], references: References, corpus: References, /) -> Statistics:
        """One row per hypothesis, (segments, statistics). Weights of words come from `corpus`, the whole reference set.

        Raises:
            ConfigError: an external program failed.
        """
        ...

    def scores(self, totals: Statistics, /) -> NDArray[np.float64]:
        """Corpus scores, (m,), of `m` sums of rows, (m, statistics)."""
        ...

    def signature(self, references: References, rounds: int | None, /) -> str:
        """Settings and versions that a value depends on, as `key:value|key:value`."""
        ...


def reference_count(references: References) -> int | None:
    """How many references each input has; None where that varies."""
    counts = set(map(len, references)) or {0}
    return counts.pop() if len(counts) == 1 else None


def signature(references: References, rounds: int | None, settings: Mapping[str, object], version: str) -> str:
    """sacrebleu's way of writing one, for metrics that are not sacrebleu's."""
    count = reference_count(references)
    turns = {} if rounds is None else {"rounds": rounds}
    fields = {"nrefs": "var" if count is None else count, **settings, **turns, "version": version}
    return "|".join(f"{key}:{value}" for key, value in fields.items())
