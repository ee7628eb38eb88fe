"""Evaluations' folders -> tables of rows: what may be compared stands in one table, seeds of one system in one row."""

import hashlib
import itertools
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any

from datatuner.errors import ChangedError, ConfigError, RecordError
from datatuner.evaluation import measure
from datatuner.lineage import intact
from datatuner.metrics import corpus_metrics
from datatuner.metrics.corpus_metrics import Measured
from datatuner.records import METRICS, PREDICTIONS, Prediction, read_evaluated
from datatuner.reranking import NEEDS_LABELS, POLICIES
from datatuner.stages import corpus_key

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
    def table(self) -> tuple[str, str, str, str, str]:
        """What all rows of one table share."""
        return self.corpus, self.split, self.row.get("generator", ""), self.row.get("settings", ""), self.data

    @property
    def data(self) -> str:
        """8 hex digits for the inputs and references, and for the training split that texts are aligned by."""
        inputs: Mapping[str, str] = self.content["provenance"].get("inputs", {})
        read = [inputs.get(corpus_key(split)) for split in ("train", self.split)]
        known = json.dumps([*read, inputs.get("corpus")])  # the last of an earlier version
        return hashlib.sha256(known.encode()).hexdigest()[:8]

    @property
    def order(self) -> tuple[Any, ...]:
        """Of two evaluations of one row and seed the greater one counts: by newer versions of the stages and of the
        alignment, with labels, over more resamples, by more metrics. The folder's name is the last resort; its time
        says nothing.
        """
        origin, metrics = self.content["provenance"], self.content["metrics"]
        versions = sum(origin.get("versions", {}).values())
        samples = origin.get("bootstrap_samples", 0)
        return versions, aligner_version(self) or 0, "accurate" in metrics, samples, len(metrics), self.folder.name


@dataclass(frozen=True)
class Row:
    """One system: its evaluations by seed. `kind` is its name without its classifier's, where several have ranked."""

    name: str
    kind: str
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

    `data` tells tables apart that differ in the data alone, by 8 hex digits; "" where there is one. `superseded` are
    the folders of evaluations that do not count: another one is of the same row and seed (see `Evaluation.order`).
    """

    corpus: str
    split: str
    generator: str
    settings: str
    data: str
    rows: Sequence[Row]
    superseded: Sequence[Path]

    @property
    def title(self) -> str:
        training = f", {self.generator} (settings {self.settings})" if self.generator else ""
        return f"{self.corpus}, {self.split} split{training}{self.data and f', data {self.data}'}"

    @property
    def name(self) -> str:
        """For a file."""
        words = filter(None, (self.corpus, self.split, self.generator, self.settings, self.data))
        return re.sub(r"[^\w.-]+", "-", "-".join(words))


def tables(folders: Sequence[Path]) -> tuple[list[Table], list[str]]:
    """The tables over all evaluations in `folders`, and what is left out of them, a sentence each.

    Raises:
        RecordError: as `evaluations`.
    """
    found, left_out = evaluations(folders)
    together: dict[tuple[str, ...], list[Evaluation]] = {}
    for evaluation in found:
        together.setdefault(evaluation.table, []).append(evaluation)
    kinds = Counter(key[:-1] for key in together)
    return [_table(each, several=kinds[key[:-1]] > 1) for key, each in sorted(together.items())], left_out


def _table(found: Sequence[Evaluation], *, several: bool) -> Table:
    corpus, split, generator, settings, data = found[0].table
    rows = rows_of(found)
    used = {evaluation.folder for row in rows for evaluation in row.seeds.values()}
    superseded = [evaluation.folder for evaluation in found if evaluation.folder not in used]
    return Table(corpus, split, generator, settings, data if several else "", rows, superseded)


def evaluations(folders: Sequence[Path]) -> tuple[list[Evaluation], list[str]]:
    """The evaluations in `folders`, a folder with metrics.json itself or all that lie below it; and what is left out.

    Below a folder, what is of another version or of the references themselves is left out.

    Raises:
        RecordError, ChangedError: there are none, or a folder that is named itself cannot be used.
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
            except (RecordError, ChangedError) as error:
                if named:
                    raise
                left_out.append(str(error))
    return list(found.values()), left_out


def _read(folder: Path) -> Evaluation:
    way_out = "Evaluate it again."
    try:
        content = json.loads(intact(folder / METRICS).read_text(encoding="utf-8"))
        origin, names = content["provenance"], content["metrics"]
        row, corpus, split, _ = (origin[key] for key in ("row", "corpus", "split", "judge"))
        if row:
            _ = [row[key] for key in ("generator", "settings", "states", "seed", "reranking")]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RecordError(f"{folder / METRICS}: not an evaluation's scores of this version. {way_out}") from error
    if "rounds" in origin:
        raise RecordError(f"{folder}: the references' scores against each other are no row of a table.")
    predictions = read_evaluated(intact(folder / PREDICTIONS))
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

    Where classifiers of several settings have ranked a row's texts, it is as many rows, each named with its classifier.
    Where a row has a seed twice still, `Evaluation.order` says which one counts.
    """
    seeds: dict[str, dict[str, dict[int, Evaluation]]] = {}
    others = _told_apart([evaluation.folder for evaluation in found if not evaluation.row])
    for evaluation in sorted(found, key=lambda evaluation: evaluation.order):
        row = evaluation.row
        name = _name(row["states"], row["reranking"]) if row else others[evaluation.folder]
        judge = row.get("classifier", "") if row.get("reranking") in NEEDS_LABELS else ""
        seeds.setdefault(name, {}).setdefault(judge, {})[row.get("seed", 0)] = evaluation
    order = [*ROWS.values(), *(_name(states, policy) for policy in POLICIES for states in ("fine", "coarse", "none"))]
    return [
        Row(name if len(seeds[name]) == 1 else f"{name}, {judge or 'unknown'}", name, dict(sorted(own.items())))
        for name in dict.fromkeys([*order, *sorted(seeds)])
        for judge, own in sorted(seeds.get(name, {}).items())
    ]


def aligner_version(evaluation: Evaluation) -> int | None:
    """The version of the rules that slot errors, or coverage, are by."""
    signatures = [metric["signature"] for metric in evaluation.content["metrics"].values()]
    return next((int(found[1]) for text in signatures if (found := re.search(r"\|aligner:(\d+)", text))), None)


def _told_apart(folders: Sequence[Path]) -> dict[Path, str]:
    """Each folder's last names, as many as it takes."""
    for depth in itertools.count(1):
        names = {folder: "/".join(folder.resolve().parts[-depth:]) for folder in folders}
        if len(set(names.values())) == len(names):
            break
    return names
