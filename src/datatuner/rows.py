"""Evaluations' folders -> tables of rows: what may be compared stands in one table, seeds of one system in one row."""

import itertools
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any

from datatuner.errors import ConfigError, RecordError
from datatuner.evaluation import measure
from datatuner.metrics import corpus_metrics
from datatuner.metrics.corpus_metrics import Measured
from datatuner.records import METRICS, PREDICTIONS, Prediction, read_evaluated
from datatuner.reranking import POLICIES

# The paper's rows (table 3 and section 4.3), and the true "without states", by states and reranking.
ROWS = {
    ("coarse", "none"): "no_fc_no_fs",
    ("fine", "none"): "no_fc",
    ("fine", "severity"): "fc",
    ("none", "none"): "no_states",
}


@dataclass(frozen=True)
class Evaluation:
    """One evaluation's folder: what it is of, and its texts as the metrics see them."""

    folder: Path
    corpus: str
    split: str
    row: Mapping[str, Any]  # of planning.row_of; {} for texts of another system
    content: Mapping[str, Any]  # of metrics.json
    predictions: Sequence[Prediction]
    measured: Measured

    @property
    def table(self) -> tuple[str, str, str, str]:
        """What all rows of one table share."""
        return self.corpus, self.split, self.row.get("generator", ""), self.row.get("settings", "")

    @property
    def data(self) -> str | None:
        """The checksum of the inputs and references."""
        checksum: str | None = self.content["provenance"].get("inputs", {}).get("corpus")
        return checksum

    @property
    def written(self) -> float:
        return (self.folder / METRICS).stat().st_mtime


@dataclass(frozen=True)
class Row:
    """One system: its evaluations by seed."""

    name: str
    seeds: Mapping[int, Evaluation]

    @property
    def is_bound(self) -> bool:
        """Whether it has seen the references: an upper bound, no system."""
        return any(each.row.get("reranking") == "oracle" for each in self.seeds.values())

    def pooled(self, seeds: Iterable[int]) -> Measured:
        """The texts of these seeds as one system: an input's statistics are the sum over its texts."""
        return reduce(_added, [self.seeds[seed].measured for seed in seeds])


@dataclass(frozen=True)
class Table:
    """The rows of one corpus, split and training; `generator` and `settings` are "" for texts of other systems.

    `superseded` are the folders of older evaluations, where a newer one is of the same row and seed, or of other data.
    """

    corpus: str
    split: str
    generator: str
    settings: str
    rows: Sequence[Row]
    superseded: Sequence[Path]

    @property
    def title(self) -> str:
        training = f", {self.generator} (settings {self.settings})" if self.generator else ""
        return f"{self.corpus}, {self.split} split{training}"

    @property
    def name(self) -> str:
        """For a file."""
        words = filter(None, (self.corpus, self.split, self.generator, self.settings))
        return re.sub(r"[^\w.-]+", "-", "-".join(words))


def tables(folders: Sequence[Path]) -> tuple[list[Table], list[str]]:
    """The tables over all evaluations in `folders`, and what is left out of them, a sentence each.

    Raises:
        RecordError: as `evaluations`.
    """
    found, left_out = evaluations(folders)
    together: dict[tuple[str, str, str, str], list[Evaluation]] = {}
    for evaluation in found:
        together.setdefault(evaluation.table, []).append(evaluation)
    return [_table(key, each) for key, each in sorted(together.items())], left_out


def _table(key: tuple[str, str, str, str], found: Sequence[Evaluation]) -> Table:
    newest = max(found, key=lambda evaluation: evaluation.written)
    rows = rows_of([evaluation for evaluation in found if evaluation.data == newest.data])
    used = {evaluation.folder for row in rows for evaluation in row.seeds.values()}
    return Table(*key, rows, [evaluation.folder for evaluation in found if evaluation.folder not in used])


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
                left_out.append(str(error))
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
    measured = measure(predictions, scorers, slot_values="ser" in names)
    return Evaluation(folder, corpus, split, row, content, predictions, measured)


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
