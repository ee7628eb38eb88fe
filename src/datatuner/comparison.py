"""A table's rows -> scores with intervals, and paired tests against a baseline.

An input counts once, with its texts of all seeds: statistics are summed over seeds for each input, intervals resample
inputs, and the tests exchange all of an input's texts at once.
"""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from datatuner.metrics import corpus_metrics, significance
from datatuner.metrics.corpus_metrics import Measured, Metric
from datatuner.rows import ROWS, Row, Table, aligner_version

BASELINES = ("no_fc", *ROWS.values())  # the first of them that is there is what the others are tested against
TITLES = {"bleu": "BLEU", "chrf_pp": "chrF++", "ser": "SER", "coverage": "coverage", "accurate": "accurate"}
TESTED = ("metric", "difference", "p: bootstrap", "p: randomization")
PERCENT = 100


@dataclass(frozen=True, slots=True)
class Score:
    """A row's score by one metric: of its seeds' texts pooled, with a 95 % interval over inputs, and of each seed."""

    pooled: Metric
    by_seed: Mapping[int, float]

    @property
    def mean(self) -> float:
        return statistics.fmean(self.by_seed.values())

    @property
    def deviation(self) -> float | None:
        """The sample's standard deviation between seeds; None for one seed."""
        return statistics.stdev(self.by_seed.values()) if len(self.by_seed) > 1 else None


@dataclass(frozen=True, slots=True)
class Difference:
    """A row's difference from the baseline by one metric, over the seeds that both have.

    The p-values are Holm-corrected over the table, each of the two tests apart.
    """

    row: str
    metric: str
    seeds: tuple[int, ...]
    difference: float
    p_bootstrap: float
    p_randomization: float

    @property
    def cells(self) -> tuple[str, ...]:
        """The row's name, and what TESTED names, as tables show them."""
        p = (f"{value:.4f}" for value in (self.p_bootstrap, self.p_randomization))
        return self.row, TITLES[self.metric], f"{self.difference:+.2f}", *p


@dataclass(frozen=True)
class Compared:
    """A table with its scores by row and metric, None where a row lacks one; `tests` is empty with one row alone."""

    table: Table
    metrics: Sequence[str]
    scores: Mapping[str, Mapping[str, Score]]
    baseline: str
    tests: Sequence[Difference]
    remarks: Sequence[str]  # what a reader must know before comparing

    def score(self, row: str, metric: str) -> Score | None:
        return self.scores[row].get(metric)


def compare(table: Table, *, baseline: str | None = None, seed: int = 0, samples: int = 1000) -> Compared:
    """Scores and tests of a table's rows; `samples` is the number of bootstrap resamples.

    Where `baseline` is no row of the table, it is the default, and a remark says so.
    """
    names = {row.kind: row for row in reversed(table.rows)} | {row.name: row for row in table.rows}
    wanted = [name for name in (baseline, *BASELINES) if name in names]
    against = names[wanted[0]] if wanted else table.rows[0]
    scores = {row.name: _scores(row, seed, samples) for row in table.rows}
    metrics = [name for name in TITLES if any(name in found for found in scores.values())]
    tests = list(_tests(table.rows, against, seed, samples))
    remarks = list(_remarks(table, metrics))
    if baseline not in (None, against.name, against.kind):
        remarks.append(f"There is no row {baseline} here: tested against {against.name}.")
    return Compared(table, metrics, scores, against.name, tests, remarks)


def _scores(row: Row, seed: int, samples: int) -> dict[str, Score]:
    found = corpus_metrics.score(row.pooled(row.seeds), seed=seed, samples=samples)
    scores = {}
    for name in TITLES:
        by_seed = {seed: each.content["metrics"].get(name, {}).get("value") for seed, each in row.seeds.items()}
        if name in found and found[name].value is not None and None not in by_seed.values():
            scores[name] = Score(found[name], by_seed)
    return scores


def _tests(rows: Sequence[Row], baseline: Row, seed: int, samples: int) -> Iterator[Difference]:
    found: dict[tuple[str, str], tuple[tuple[int, ...], significance.Comparison]] = {}
    for row in rows:
        shared = tuple(number for number in row.seeds if number in baseline.seeds)
        if row is not baseline and shared:
            systems = _comparable(baseline.pooled(shared), row.pooled(shared))
            if not systems["row"].rows:
                continue
            by_metric = significance.compare(systems, seed=seed, samples=samples)["row"]
            found |= {(row.name, name): (shared, by_metric[name]) for name in TITLES if name in by_metric}
    bootstrap = significance.holm([each.paired_bootstrap.p for _, each in found.values()])
    randomization = significance.holm([each.approximate_randomization.p for _, each in found.values()])
    for ((row_name, metric), (shared, each)), *p in zip(found.items(), bootstrap, randomization, strict=True):
        yield Difference(row_name, metric, shared, each.difference, *p)


def _comparable(baseline: Measured, row: Measured) -> dict[str, Measured]:
    """Both by the metrics that both have."""
    names = [name for name in baseline.rows if name in row.rows]

    def part(measured: Measured) -> Measured:
        return Measured(measured.scorers, measured.references, {name: measured.rows[name] for name in names})

    return {"baseline": part(baseline), "row": part(row)}


def _remarks(table: Table, metrics: Sequence[str]) -> Iterator[str]:
    evaluations = [each for row in table.rows for each in row.seeds.values()]
    for folder in table.superseded:
        yield f"Left out, since another evaluation of its row and seed counts (newer rules, labels): {folder}"
    if len({aligner_version(each) for each in evaluations}) > 1:
        yield "Slot errors are by different versions of the alignment and must not be compared: evaluate them again."
    if len({each.content["n_best"].get("judged_by") for each in evaluations if "n_best" in each.content}) > 1:
        yield "`without accurate` is by the classifier in some rows and by alignment in others."
    if "accurate" in metrics and len({each.content["provenance"]["judge"] for each in evaluations} - {None}) > 1:
        yield "`accurate` is by different classifiers and must not be compared: pass the same fidelity=FOLDER to all."


def human_floor(table: Table) -> str:
    """What the human references themselves score, in words; "" where they are not aligned."""
    for row in table.rows:
        for evaluation in row.seeds.values():
            for name, title in (("ser_references", "SER"), ("coverage_references", "coverage")):
                if metric := evaluation.content["metrics"].get(name):
                    return f"{title} of the human references: {metric['value']:.2f}"
    return ""


def n_best_share(row: Row, key: str) -> float | None:
    """A share of inputs in the row's n-best lists, in percent, as a mean over seeds; None for other systems' texts."""
    found = [each.content["n_best"][key] for each in row.seeds.values() if key in each.content.get("n_best", {})]
    return PERCENT * statistics.fmean(found) if found else None
