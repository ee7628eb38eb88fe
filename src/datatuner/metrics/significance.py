"""Is one system better than another? Paired tests on the same inputs, for every metric, from per-segment statistics.

Both are sacrebleu's, which has them for its own metrics only, and give its p-values from its seed: paired bootstrap
(Koehn 2004) and approximate randomization (Riezler and Maxwell 2005). The one difference: a trial as extreme as what
was observed counts, so two equal systems have p = 1, where sacrebleu gives them the smallest p there is.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datatuner.errors import ConfigError
from datatuner.metrics.corpus_metrics import CHUNK, Measured, resampled_inputs
from datatuner.metrics.scorer import Statistics

TRIALS = 10_000  # of approximate randomization
LEVEL = 0.05  # below which a reader takes a difference for real
_ROUNDING = 1e-9  # score differences that are equal but for the order of additions

Scores = dict[str, NDArray[np.float64]]  # by metric


@dataclass(frozen=True, slots=True)
class PairedTest:
    """How likely so large a difference is by chance; `p_holm` is corrected for the number of comparisons."""

    p: float
    p_holm: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """One system against the baseline by one metric; `difference` is value - baseline, in the metric's scale."""

    value: float
    baseline: float
    difference: float
    paired_bootstrap: PairedTest
    approximate_randomization: PairedTest


def compare(
    systems: Mapping[str, Measured], *, seed: int, samples: int = 1000, trials: int = TRIALS
) -> dict[str, dict[str, Comparison]]:
    """Every system after the first against the first, the baseline: SYSTEM, NAME.

    Holm's correction covers all comparisons that one test makes here, systems times metrics: whichever of them a
    reader picks out, the chance of a false one among them all stays at the level. The tests are each other's second
    opinion on the same comparisons, so they are corrected apart.

    The bootstrap's statistic is sacrebleu's and Moses's |difference| of the resample minus its mean: where systems
    differ clearly it is one-sided, and its p about half of the randomization's, which is two-sided.

    Raises:
        ConfigError: the systems were not measured on the same inputs by the same metrics.
    """
    (_, baseline), *others = systems.items()
    for name, system in others:
        if system.references != baseline.references or list(system.rows) != list(baseline.rows):
            raise ConfigError(f"cannot compare {name} with the baseline: their inputs or metrics differ.")
    own = _scores(baseline, _columns(baseline).sum(axis=0)[None])
    values: dict[tuple[str, str], float] = {}
    bootstrap: dict[tuple[str, str], float] = {}
    randomization: dict[tuple[str, str], float] = {}
    for name, system in others:
        scores = _scores(system, _columns(system).sum(axis=0)[None])
        observed = {metric: abs(float(scores[metric][0] - own[metric][0])) for metric in own}
        by_bootstrap = _paired_bootstrap(baseline, system, observed, seed, samples)
        by_randomization = _approximate_randomization(baseline, system, observed, seed, trials)
        for metric in own:
            values[name, metric] = float(scores[metric][0])
            bootstrap[name, metric] = by_bootstrap[metric]
            randomization[name, metric] = by_randomization[metric]
    corrected = holm(list(bootstrap.values())), holm(list(randomization.values()))
    result: dict[str, dict[str, Comparison]] = {name: {} for name, _ in others}
    for (place, value), *p_holm in zip(values.items(), *corrected, strict=True):
        name, metric = place
        result[name][metric] = Comparison(
            value,
            baseline=float(own[metric][0]),
            difference=value - float(own[metric][0]),
            paired_bootstrap=PairedTest(bootstrap[place], p_holm[0]),
            approximate_randomization=PairedTest(randomization[place], p_holm[1]),
        )
    return result


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's (1979) step-down correction, in the order given: reject where it is at most the level."""
    corrected = [0.0] * len(p_values)
    largest = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        corrected[index] = largest
    return corrected


def _paired_bootstrap(
    baseline: Measured, system: Measured, observed: Mapping[str, float], seed: int, samples: int
) -> dict[str, float]:
    columns = _columns(baseline), _columns(system)

    def resampled() -> Iterator[tuple[Statistics, Statistics]]:
        for weights in resampled_inputs(len(columns[0]), seed=seed, samples=samples):
            yield weights @ columns[0], weights @ columns[1]

    differences = _differences(baseline, resampled())
    return {
        metric: _p_value(difference - difference.mean(), observed[metric]) for metric, difference in differences.items()
    }


def _approximate_randomization(
    baseline: Measured, system: Measured, observed: Mapping[str, float], seed: int, trials: int
) -> dict[str, float]:
    """In each trial the systems exchange each input's text with probability 1/2."""
    columns = _columns(baseline), _columns(system)
    generator = np.random.default_rng(seed)
    stays = generator.integers(2, size=(trials, len(columns[0])), dtype=bool)

    def exchanged() -> Iterator[tuple[Statistics, Statistics]]:
        for start in range(0, trials, CHUNK):
            kept = stays[start : start + CHUNK].astype(np.float64)
            yield kept @ columns[0] + (1 - kept) @ columns[1], (1 - kept) @ columns[0] + kept @ columns[1]

    differences = _differences(baseline, exchanged())
    return {metric: _p_value(difference, observed[metric]) for metric, difference in differences.items()}


def _differences(measured: Measured, totals: Iterator[tuple[Statistics, Statistics]]) -> Scores:
    """|score of the one - score of the other| for each pair of totals, by metric."""
    parts = [(_scores(measured, one), _scores(measured, other)) for one, other in totals]
    return {name: np.concatenate([np.abs(one[name] - other[name]) for one, other in parts]) for name in measured.rows}


def _p_value(statistics: NDArray[np.float64], observed: float) -> float:
    """The share of trials as extreme as `observed`, which counts as one trial itself: never 0."""
    extreme = int((statistics >= observed - _ROUNDING).sum())
    return (extreme + 1) / (len(statistics) + 1)


def _columns(measured: Measured) -> Statistics:
    """All metrics' statistics side by side, so that one product sums them all."""
    return np.concatenate(list(measured.rows.values()), axis=1)


def _scores(measured: Measured, totals: Statistics) -> Scores:
    ends = np.cumsum([rows.shape[1] for rows in measured.rows.values()])
    parts = np.split(totals, ends[:-1], axis=1)
    return {name: measured.scorers[name].scores(part) for name, part in zip(measured.rows, parts, strict=True)}
