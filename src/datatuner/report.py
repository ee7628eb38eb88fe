"""Many evaluations -> one markdown table per corpus: a row for each system, pooled over seeds, and paired tests.

An input counts once, with its texts of all seeds: statistics are summed over seeds for each input, intervals resample
inputs, and the tests exchange all of an input's texts at once.
"""

import itertools
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any

from datatuner.errors import ConfigError, RecordError
from datatuner.evaluation import measure
from datatuner.metrics import corpus_metrics, significance
from datatuner.metrics.corpus_metrics import Measured, Metric
from datatuner.metrics.significance import Comparison
from datatuner.records import METRICS, PREDICTIONS, read_evaluated
from datatuner.reranking import POLICIES

# The paper's rows (table 3 and section 4.3), and the true "without states", by states and reranking.
ROWS = {
    ("coarse", "none"): "no_fc_no_fs",
    ("fine", "none"): "no_fc",
    ("fine", "severity"): "fc",
    ("none", "none"): "no_states",
}
BASELINES = ("no_fc", *ROWS.values())  # the first of them that is there is what the others are tested against
TITLES = {"bleu": "BLEU", "chrf_pp": "chrF++", "ser": "SER", "coverage": "coverage", "accurate": "accurate"}


@dataclass(frozen=True)
class Evaluation:
    """One evaluation's folder: what it is of, and its texts as the metrics see them."""

    folder: Path
    corpus: str
    split: str
    row: Mapping[str, Any]  # of planning.row_of; {} for texts of another system
    content: Mapping[str, Any]  # of metrics.json
    measured: Measured

    @property
    def table(self) -> tuple[str, str, str, str]:
        """What all rows of one table share."""
        return self.corpus, self.split, self.row.get("generator", ""), self.row.get("settings", "")

    @property
    def written(self) -> float:
        return (self.folder / METRICS).stat().st_mtime


@dataclass(frozen=True)
class Row:
    """One system: its evaluations by seed, pooled."""

    name: str
    seeds: Mapping[int, Evaluation]

    def pooled(self, seeds: Iterable[int]) -> Measured:
        """The texts of these seeds as one system: an input's statistics are the sum over its texts."""
        return reduce(_added, [self.seeds[seed].measured for seed in seeds])


def evaluations(folders: Sequence[Path]) -> tuple[list[Evaluation], list[str]]:
    """The evaluations in `folders`, a folder with metrics.json itself or all that lie below it; and what is left out.

    Below a folder, what is of another version or of the references themselves is left out.

    Raises:
        RecordError: there are none, or a folder that is named itself cannot be used.
    """
    found: dict[Path, Evaluation] = {}
    left_out = []
    for folder in folders:
        if not folder.exists():
            raise RecordError(f"{folder}: no such folder.")
        named = (folder / METRICS).is_file()
        files = [folder / METRICS] if named else sorted(folder.rglob(METRICS))
        if not files:
            raise RecordError(f"{folder}: there is no evaluation in it ({METRICS}). Name evaluate-… folders or runs/.")
        for file in files:
            try:
                found[file.parent.resolve()] = _read(file.parent)
            except RecordError as error:
                if named:
                    raise
                left_out.append(f"Left out: {error}")
    return list(found.values()), left_out


def _read(folder: Path) -> Evaluation:
    way_out = "Evaluate it again."
    try:
        content = json.loads((folder / METRICS).read_text(encoding="utf-8"))
        origin, names = content["provenance"], content["metrics"]
        row, corpus, split, _ = (origin[key] for key in ("row", "corpus", "split", "judge"))
        if row:
            _ = [row[key] for key in ("generator", "settings", "states", "seed", "reranking")]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RecordError(f"{folder / METRICS}: not an evaluation's scores of this version. {way_out}") from error
    if "rounds" in origin:
        raise RecordError(f"{folder}: the references' scores against each other are no row of a table.")
    predictions = read_evaluated(folder / PREDICTIONS)
    scorers = corpus_metrics.scorers([name for name in names if name in ("bleu", "chrf_pp")])
    return Evaluation(folder, corpus, split, row, content, measure(predictions, scorers, slot_values="ser" in names))


def _name(states: str, reranking: str) -> str:
    plain = f"{states} states, {reranking}" + (" (upper bound)" if reranking == "oracle" else "")
    return ROWS.get((states, reranking), plain)


def _added(one: Measured, other: Measured) -> Measured:
    if one.references != other.references:
        raise ConfigError("evaluations of one corpus and split have other inputs: read them from the same files.")
    names = [name for name in one.rows if name in other.rows]
    return Measured(
        {name: one.scorers[name] for name in names},
        one.references,
        {name: one.rows[name] + other.rows[name] for name in names},
    )


def rows_of(found: Sequence[Evaluation]) -> list[Row]:
    """Evaluations of one table by row, in the order of the paper's rows, others after them.

    Where a row has a seed twice, by other classifiers or versions of the code, the newest counts.
    """
    seeds: dict[str, dict[int, Evaluation]] = {}
    others = _told_apart([evaluation.folder for evaluation in found if not evaluation.row])
    for evaluation in sorted(found, key=lambda evaluation: evaluation.written):
        row = evaluation.row
        name = _name(row["states"], row["reranking"]) if row else others[evaluation.folder]
        seeds.setdefault(name, {})[row.get("seed", 0)] = evaluation
    order = [*ROWS.values(), *(_name(states, policy) for policy in POLICIES for states in ("fine", "coarse", "none"))]
    names = [name for name in dict.fromkeys([*order, *sorted(seeds)]) if name in seeds]
    return [Row(name, dict(sorted(seeds[name].items()))) for name in names]


def _told_apart(folders: Sequence[Path]) -> dict[Path, str]:
    """Each folder's last names, as many as it takes."""
    for depth in itertools.count(1):
        names = {folder: "/".join(folder.resolve().parts[-depth:]) for folder in folders}
        if len(set(names.values())) == len(names):
            break
    return names


def report(folders: Sequence[Path], *, baseline: str | None, seed: int = 0, samples: int = 1000) -> Iterator[str]:
    """The lines of a markdown report: a table of rows for each corpus, split and training, and one of paired tests.

    Raises:
        RecordError: as `evaluations`.
        ConfigError: `baseline` is no row.
    """
    tables: dict[tuple[str, str, str, str], list[Evaluation]] = {}
    given, left_out = evaluations(folders)
    yield from left_out
    for evaluation in given:
        tables.setdefault(evaluation.table, []).append(evaluation)
    for (corpus, split, generator, settings), found in sorted(tables.items()):
        yield f"## {corpus}, {split} split" + (f", {generator} (settings {settings})" if generator else "")
        yield ""
        rows = rows_of(found)
        used = {evaluation.folder for row in rows for evaluation in row.seeds.values()}
        for evaluation in found:
            if evaluation.folder not in used:
                yield f"Left out, since a newer evaluation is of the same row and seed: {evaluation.folder}"
        yield from _scores(rows, seed, samples)
        if len(rows) > 1:
            yield ""
            yield from _tests(rows, _baseline(rows, baseline), seed, samples)
        yield ""


def _baseline(rows: Sequence[Row], wanted: str | None) -> Row:
    names = {row.name: row for row in rows}
    if wanted and wanted not in names:
        raise ConfigError(f"--baseline {wanted}: there is no such row. Rows: {', '.join(names)}.")
    return names[wanted or next((name for name in BASELINES if name in names), rows[0].name)]


def _scores(rows: Sequence[Row], seed: int, samples: int) -> Iterator[str]:
    scored = {row.name: corpus_metrics.score(row.pooled(row.seeds), seed=seed, samples=samples) for row in rows}
    shown = [name for name in TITLES if any(name in metrics for metrics in scored.values())]
    same_judge = len({e.content["provenance"]["judge"] for row in rows for e in row.seeds.values()}) == 1
    versions = {_aligner(e) for row in rows for e in row.seeds.values()}
    yield _line(["row", "seeds", *(TITLES[name] for name in shown), "without accurate", "first places changed"])
    yield _line(["---"] * (len(shown) + 4))
    for row in rows:
        cells = [_cell(scored[row.name].get(name)) for name in shown]
        yield _line([row.name, ", ".join(map(str, row.seeds)), *cells, *_choices(row)])
    yield ""
    human = next((m for row in rows for e in row.seeds.values() for m in [_human(e)] if m), "")
    yield f"[95 % bootstrap intervals over inputs]{human}"
    if len(versions) > 1:
        yield "Slot errors are by different versions of the alignment and must not be compared: evaluate them again."
    if "accurate" in shown and not same_judge:
        yield "`accurate` is by different classifiers and must not be compared: pass the same fidelity=FOLDER to all."


def _aligner(evaluation: Evaluation) -> str | None:
    """The version of the rules that slot errors, or coverage, are by."""
    signatures = [metric["signature"] for metric in evaluation.content["metrics"].values()]
    return next((found[1] for text in signatures if (found := re.search(r"\|aligner:(\d+)", text))), None)


def _human(evaluation: Evaluation) -> str:
    for name, title in (("ser_references", "SER"), ("coverage_references", "coverage")):
        if metric := evaluation.content["metrics"].get(name):
            return f"; {title} of the human references: {metric['value']:.2f}"
    return ""


def _choices(row: Row) -> list[str]:
    """How much there was to choose from, means over seeds."""
    found = [e.content["n_best"] for e in row.seeds.values() if "n_best" in e.content]
    shares = [[f[key] for f in found if key in f] for key in ("inputs_without_accurate", "first_places_changed")]
    return [f"{100 * sum(each) / len(each):.1f} %" if each else "-" for each in shares]


def _cell(metric: Metric | None) -> str:
    if metric is None or metric.value is None:
        return "-"
    return f"{metric.value:.2f} [{metric.low:.2f}, {metric.high:.2f}]"


def _tests(rows: Sequence[Row], baseline: Row, seed: int, samples: int) -> Iterator[str]:
    """Paired tests of each row against the baseline over the seeds that both have, Holm-corrected over the table."""
    found: dict[tuple[str, str], Comparison] = {}
    for row in rows:
        shared = [number for number in row.seeds if number in baseline.seeds]
        if row is not baseline and shared:
            systems = _comparable(baseline.pooled(shared), row.pooled(shared))
            compared = significance.compare(systems, seed=seed, samples=samples)["row"]
            found |= {(row.name, name): compared[name] for name in TITLES if name in compared}
    bootstrap = significance.holm([each.paired_bootstrap.p for each in found.values()])
    randomization = significance.holm([each.approximate_randomization.p for each in found.values()])
    yield _line([f"against {baseline.name}", "metric", "difference", "p: bootstrap", "p: randomization"])
    yield _line(["---"] * 5)
    for ((name, metric), each), *p in zip(found.items(), bootstrap, randomization, strict=True):
        yield _line([name, TITLES[metric], f"{each.difference:+.2f}", *(f"{value:.4f}" for value in p)])
    yield ""
    yield f"[p-values after Holm's correction over {len(found)} comparisons, each test apart; inputs are paired]"


def _comparable(baseline: Measured, row: Measured) -> dict[str, Measured]:
    """Both by the metrics that both have."""
    names = [name for name in baseline.rows if name in row.rows]

    def part(measured: Measured) -> Measured:
        return Measured(measured.scorers, measured.references, {name: measured.rows[name] for name in names})

    return {"baseline": part(baseline), "row": part(row)}


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
