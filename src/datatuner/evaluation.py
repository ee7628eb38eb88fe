"""The evaluate stage: which hypothesis becomes the text, and the scores of a system's texts, or of the references."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from datatuner.corpora import Corpus
from datatuner.errors import ChangedError
from datatuner.example import Example, SlotValues, Source
from datatuner.findings import Alignment
from datatuner.judging import Judge, agreement, judges_differ
from datatuner.linearization import linearized_text
from datatuner.metrics import corpus_metrics, significance
from datatuner.metrics.catalogue import DEFAULT
from datatuner.metrics.corpus_metrics import Measured, Scorers
from datatuner.metrics.labels import AccurateShare
from datatuner.metrics.slot_errors import Coverage, SlotErrorRate, slot_table
from datatuner.nbest import Choice, choose
from datatuner.provenance import provenance
from datatuner.records import COMPARISON, METRICS, PREDICTIONS, Prediction, Verdict, read_predictions
from datatuner.stage_inputs import read_split
from datatuner.stages import REFERENCES, VERSIONS, corpus_key, read_plan
from datatuner.weights import sha256
from datatuner.writing import write_json, write_jsonl

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Evaluated:
    """What an evaluation scores against: the split, how its texts are judged, and what the humans' texts get wrong."""

    plan: Mapping[str, Any]
    corpus: Corpus
    scorers: Scorers
    judge: Judge
    human: Sequence[Sequence[Alignment]]  # of each input's references; none where texts are not aligned

    @classmethod
    def of(cls, plan: Mapping[str, Any], corpus: Corpus) -> "Evaluated":
        judge = Judge(plan, corpus)
        human = [_aligned(judge, [(example.source, text) for text in example.references]) for example in corpus]
        return cls(plan, corpus, corpus_metrics.scorers(plan["config"].get("metrics", DEFAULT)), judge, human)

    def with_human(self, measured: Measured) -> Measured:
        """Beside a system's metrics the slot errors, or the coverage, of all human references."""
        if self.judge.aligner is None:
            return measured
        kind = SlotErrorRate if self.slot_values else Coverage
        scorer = kind.of_references(self.human)
        name = f"{kind.name}_references"
        return Measured({**measured.scorers, name: scorer}, measured.references, {**measured.rows, name: scorer.rows})

    @property
    def slot_values(self) -> bool:
        return all(isinstance(example.source, SlotValues) for example in self.corpus)

    @property
    def attributes(self) -> list[Mapping[str, str]]:
        return [example.attributes for example in self.corpus]


def evaluate(plan: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Scores a score stage's first texts, or another system's; leaves predictions.jsonl and metrics.json.

    Several systems have a folder each, and a comparison.json beside these.
    """
    corpus = read_split(plan, plan["config"]["split"])
    given = plan["settings"]["predictions"]
    files = {} if given in (None, REFERENCES) else given if isinstance(given, dict) else {"": given}
    texts = {name: _read(file, corpus, plan, name) for name, file in files.items()}  # mistakes come before any work
    evaluated = Evaluated.of(plan, corpus)
    if given == REFERENCES:
        return _evaluate_references(evaluated, folder)
    if given is None:
        choice = choose(plan, [example.id for example in corpus])
        predictions = _chosen(corpus, choice)
        listed = [each.verdict for row in choice.rows for each in row.hypotheses]
        _evaluate_system(evaluated, folder, predictions, {"n_best": choice.report}, listed)
        return {"inputs_without_complete": _without_complete(predictions), **choice.report}
    if isinstance(given, str):
        _evaluate_system(evaluated, folder, _others(evaluated, texts[""]), {})
        return {}
    measured = {}
    for name in plan["config"]["systems"]:  # in order: the first is the baseline
        (folder / name).mkdir()
        own = replace(evaluated, plan={**plan, "inputs": _inputs_of(plan, name)})
        measured[name] = _evaluate_system(own, folder / name, _others(own, texts[name]), {})
    _compare(plan, folder, measured)
    return {"systems": len(measured)}


def _read(file: str, corpus: Corpus, plan: Mapping[str, Any], system: str) -> list[str]:
    """
    Raises:
        RecordError: as `read_predictions`.
        ChangedError: it is not the file that the evaluation was planned with.
    """
    planned = plan["inputs"][f"predictions.{system}" if system else "predictions"]
    before, texts = sha256([Path(file)]), read_predictions(Path(file), [example.id for example in corpus])
    if {before, sha256([Path(file)])} != {planned}:
        raise ChangedError(f"predictions={file} has changed since this command planned its stages. Start it again.")
    log.info("%s: %d texts, %d of them empty", file, len(texts), sum(not text.strip() for text in texts))
    return texts


def _chosen(corpus: Corpus, choice: Choice) -> list[Prediction]:
    """The first text of each input's reranked list."""
    predictions = []
    for example, row, order in zip(corpus, choice.rows, choice.orders, strict=True):
        first = row.hypotheses[order[0]]
        predictions.append(
            Prediction(
                *(example.id, row.source, first.hypothesis.text, example.references, row.slots, first.verdict),
                judges_differ=judges_differ(first.verdict),
                complete=first.hypothesis.complete,
                log_probability=first.hypothesis.log_probability,
                rank=order[0],
            )
        )
    return predictions


def _others(evaluated: Evaluated, texts: Sequence[str]) -> list[Prediction]:
    """Another system's texts, judged here."""
    corpus = evaluated.corpus
    pairs = [(example.source, text) for example, text in zip(corpus, texts, strict=True)]
    alignments = evaluated.judge.align(pairs)
    verdicts = evaluated.judge.verdicts(pairs, alignments, lambda _: None)
    return [
        _prediction(example, text, alignment, verdict)
        for example, text, alignment, verdict in zip(corpus, texts, alignments, verdicts, strict=True)
    ]


def _prediction(example: Example, text: str, alignment: Alignment | None, verdict: Verdict) -> Prediction:
    source, slots = linearized_text(example.source), None if alignment is None else alignment.slots
    return Prediction(
        *(example.id, source, text, example.references, slots, verdict), judges_differ=judges_differ(verdict)
    )


def measure(predictions: Sequence[Prediction], scorers: Scorers, *, slot_values: bool) -> Measured:
    """The texts as every metric sees them: against references, by slot errors, and by label where there are labels."""
    found = [
        Alignment((), prediction.verdict.slot_errors, prediction.slots)
        for prediction in predictions
        if prediction.verdict.slot_errors is not None and prediction.slots is not None
    ]
    said: Scorers = {}
    if found:
        said = {"ser": SlotErrorRate.of(found)} if slot_values else {"coverage": Coverage.of(found)}
    labels = [prediction.verdict.label for prediction in predictions]
    if None not in labels:
        said = {**said, "accurate": AccurateShare.of(labels)}
    texts, references = [p.text for p in predictions], [p.references for p in predictions]
    return corpus_metrics.measure(texts, references, {**scorers, **said})


def _evaluate_system(
    evaluated: Evaluated,
    folder: Path,
    predictions: Sequence[Prediction],
    found: Mapping[str, object],
    listed: Sequence[Verdict] = (),
) -> Measured:
    """One system's two files; returns what a comparison with another one needs. `listed` is of its n-best lists."""
    plan, corpus = evaluated.plan, evaluated.corpus
    seed, samples = plan["config"]["seed"], plan["config"]["bootstrap_samples"]
    measured = measure(predictions, evaluated.scorers, slot_values=evaluated.slot_values)
    shown = evaluated.with_human(measured)
    metrics = corpus_metrics.score(shown, seed=seed, samples=samples)
    parts = corpus_metrics.breakdown(shown, evaluated.attributes, seed=seed, samples=samples)
    pairs = [(e.source, p.text) for e, p in zip(corpus, predictions, strict=True)]
    write_jsonl(folder / PREDICTIONS, predictions)
    origin = {**_origin(plan, corpus), "inputs_without_complete": _without_complete(predictions)}
    content = {**corpus_metrics.to_json(metrics, parts, origin), **found}
    if evaluated.judge.aligner is not None:
        content["slots"] = slot_table(_aligned(evaluated.judge, pairs))
        if "accurate" in metrics:
            content["judges"] = agreement([p.verdict for p in predictions], listed)
    write_json(folder / METRICS, content)
    return measured


def _aligned(judge: Judge, pairs: Sequence[tuple[Source, str]]) -> list[Alignment]:
    """The alignments of texts; [] where the judge does not read them."""
    return [alignment for alignment in judge.align(pairs) if alignment is not None]


def _evaluate_references(evaluated: Evaluated, folder: Path) -> dict[str, Any]:
    plan, corpus = evaluated.plan, evaluated.corpus
    references = [example.references for example in corpus]
    seed, samples = plan["config"]["seed"], plan["config"]["bootstrap_samples"]
    scores = corpus_metrics.score_references(
        references, evaluated.attributes, evaluated.scorers, seed=seed, samples=samples
    )
    counts = {"inputs_with_one_reference": scores.left_out, "rounds": scores.rounds}
    log.info("%d of %d inputs have one reference and are left out", scores.left_out, len(corpus))
    if scores.left_out == len(corpus):
        log.warning("no input has two references, so there is nothing to compare them with: values are null")
    for number, each in enumerate(scores.rounds, 1):
        log.info("round %d: %s", number, ", ".join(f"{name} {value:.4g}" for name, value in each.items()))
    sizes = [int(each["inputs"]) for each in scores.rounds]
    if sizes and min(sizes) < max(sizes) / 10:
        log.warning("the scores are means over rounds, of which some have few inputs: see each round's own")
    pairs = [(e.source, e.references[0]) for e in corpus]
    first = evaluated.judge.align(pairs)
    verdicts = evaluated.judge.verdicts(pairs, first, lambda _: None)
    rows = [_prediction(e, e.references[0], a, v) for e, a, v in zip(corpus, first, verdicts, strict=True)]
    write_jsonl(folder / PREDICTIONS, rows)
    labels = [row.verdict.label for row in rows]
    share = {} if None in labels else {"accurate": AccurateShare.of(labels)}
    labelled = Measured(share, references, {name: scorer.rows for name, scorer in share.items()})
    human = corpus_metrics.score(evaluated.with_human(labelled), seed=seed, samples=samples)
    origin = {**_origin(plan, corpus), **counts}
    write_json(folder / METRICS, corpus_metrics.to_json({**scores.metrics, **human}, scores.breakdown, origin))
    return counts


def _compare(plan: Mapping[str, Any], folder: Path, measured: Mapping[str, Measured]) -> None:
    """comparison.json: both paired tests of every system against the first, by every metric."""
    seed, samples = plan["config"]["seed"], plan["config"]["bootstrap_samples"]
    found = significance.compare(measured, seed=seed, samples=samples)
    count = sum(map(len, found.values()))
    if count > significance.LEVEL * (samples + 1):
        log.warning(
            "%d comparisons: by Holm's correction no p-value of %d resamples is below %s; pass bootstrap_samples=%d",
            *(count, samples, significance.LEVEL, 10 * count / significance.LEVEL),
        )
    content = {
        "baseline": next(iter(measured)),
        "comparisons": {name: {metric: asdict(c) for metric, c in row.items()} for name, row in found.items()},
        "correction": f"Holm, over {count} comparisons, each test apart",
        "samples": {"paired_bootstrap": samples, "approximate_randomization": significance.TRIALS},
        "provenance": {"fingerprint": plan["fingerprint"], "inputs": plan["inputs"], "seed": seed, **provenance()},
    }
    write_json(folder / COMPARISON, content)


def _without_complete(predictions: Sequence[Prediction]) -> int:
    return sum(prediction.complete is False for prediction in predictions)


def _origin(plan: Mapping[str, Any], corpus: Corpus) -> dict[str, Any]:
    """The provenance of one metrics.json."""
    config = plan["config"]
    return {
        "fingerprint": plan["fingerprint"],
        "corpus": config["corpus"]["name"],
        "split": config["split"],
        "counts": dict(corpus.counts),
        "inputs": plan["inputs"],
        "seed": config["seed"],
        "row": config.get("row", {}),
        "judge": _judge(plan),
        "versions": VERSIONS,
        "bootstrap_samples": config["bootstrap_samples"],
        "parents": plan["parents"],
        **provenance(),
    }


def _judge(plan: Mapping[str, Any]) -> str | None:
    """The classifier that labelled the texts, by the first digits of its fingerprint."""
    parents = plan["parents"]
    folder = read_plan(Path(parents["score"]))["parents"].get("classifier") if "score" in parents else None
    folder = folder or parents.get("classifier")
    return read_plan(Path(folder))["fingerprint"][:8] if folder else None


def _inputs_of(plan: Mapping[str, Any], system: str) -> dict[str, str]:
    """The checksums that one of several systems' scores depend on."""
    inputs: Mapping[str, str] = plan["inputs"]
    own = {key: inputs[f"{key}.{system}"] for key in ("predictions", "predictions_format")}
    return {**{key: each for key, each in inputs.items() if key.startswith(corpus_key(""))}, **own}
