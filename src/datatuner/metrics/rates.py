"""Shares of given counts as metrics: slot error rate, coverage, texts that a classifier calls accurate."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datatuner.metrics.scorer import References, Statistics


@dataclass(frozen=True, slots=True)
class Rate:
    """100 * sum of the first column / sum of the second; 0 where the second is 0. `name` is its signature."""

    name: str

    def scores(self, totals: Statistics, /) -> NDArray[np.float64]:
        """(m, 2) -> (m,), 0 and upwards: a text may have more errors than its data have slots."""
        parts, wholes = totals.T
        shares: NDArray[np.float64] = np.divide(parts, wholes, out=np.zeros_like(parts), where=wholes > 0)
        return 100 * shares

    def signature(self, _references: References, _rounds: int | None, /) -> str:
        return self.name


def rate_rows(parts: Sequence[float], wholes: Sequence[float]) -> Statistics:
    """The statistics of a Rate, (inputs, 2)."""
    return np.array([parts, wholes], dtype=np.float64).T
