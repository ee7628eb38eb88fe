"""The share of texts that a fidelity classifier calls accurate, as a metric."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datatuner.metrics.scorer import References, Statistics


@dataclass(frozen=True, eq=False)
class AccurateShare:
    """A `Scorer` whose rows are known before it sees the texts: 100 * accurate / texts."""

    rows: Statistics

    @classmethod
    def of(cls, labels: Sequence[str | None]) -> "AccurateShare":
        """Of one text per input: 1 or 0, and 1."""
        return cls(np.array([[label == "accurate", 1] for label in labels], dtype=np.float64))

    def statistics(self, _hypotheses: Sequence[str], _references: References, _corpus: References, /) -> Statistics:
        return self.rows

    def scores(self, totals: Statistics, /) -> NDArray[np.float64]:
        return np.asarray(100 * totals[:, 0] / totals[:, 1])

    def signature(self, _references: References, _rounds: int | None, /) -> str:
        return "kind:accurate|by:classifier"
