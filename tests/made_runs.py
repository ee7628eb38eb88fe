"""Finished runs on an own corpus as they lie on disk, without a model: texts are made of references by simple rules."""

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from datatuner import corpora
from datatuner.alignment import VERSION, Aligner, build_aligner
from datatuner.evaluation import measure
from datatuner.example import Example, SlotValues
from datatuner.judging import agreement
from datatuner.linearization import linearized_text
from datatuner.metrics import corpus_metrics
from datatuner.nbest import describe
from datatuner.records import (
    BEAMS,
    METRICS,
    PREDICTIONS,
    SCORED,
    BeamRow,
    Hypothesis,
    Prediction,
    ScoredHypothesis,
    ScoredRow,
    Verdict,
)
from datatuner.reranking import rank
from datatuner.stages import METRICS_CSV, PLAN
from datatuner.writing import write_json, write_jsonl, write_text

HOSTILE = "<img src=x onerror=window.harmed=1></script><script>window.harmed=1</script> ${window.harmed=1}"
READER = {"_target_": "datatuner.corpora.jsonl.JsonlReader"}
N_BEST, SAMPLES = 3, 40
CURVES = "epoch,step,train/loss,val/bleu,val/loss\n0,9,3.0,,\n0,10,,20.0,1.5\n1,19,2.0,,\n1,20,,30.5,1.25\n"


def make_runs(folder: Path, *, inputs: int = 12, seeds: Sequence[int] = (1, 2)) -> Path:
    """Rows no_fc_no_fs, no_fc and fc of each seed in `folder`/walks; with coarse states texts are wrong more often.

    The corpus, demo's records under new ids, is in `folder`/data. The first input's texts are HOSTILE.
    """
    data = folder / "data"
    _write_corpus(data, inputs)
    examples, train = (list(corpora.read("walks", data, split, reader=READER)) for split in ("test", "train"))
    aligner = build_aligner("walks", train)
    root = folder / "walks"
    for seed in seeds:
        for states, wrong in (("coarse", 0.7), ("fine", 0.4)):
            name = f"{states}-{seed}"
            rows = _lists(examples, aligner, random.Random(name), wrong)
            train_folder = _stage(root / f"train-{name}", "train", {"states": states}, {})
            write_text(train_folder / METRICS_CSV, CURVES)
            decode = _stage(root / f"decode-{name}", "decode", {}, {"train": train_folder})
            beams = [BeamRow(r.id, r.source, tuple(each.hypothesis for each in r.hypotheses)) for r in rows]
            write_jsonl(decode / BEAMS, beams)
            score = _stage(root / f"score-{name}", "score", {}, {"decode": decode})
            write_jsonl(score / SCORED, rows)
            for policy in ("none", "severity")[: 1 + (states == "fine")]:
                _evaluation(root / f"evaluate-{name}-{policy}", data, examples, rows, (states, policy, seed), score)
    return root


def _write_corpus(folder: Path, inputs: int) -> None:
    folder.mkdir()
    known = corpora.read("demo", None, "train")
    for split, count in (("train", 60), ("test", inputs)):
        lines = []
        for number in range(count):
            example = known[number % len(known)]
            assert isinstance(example.source, SlotValues)
            record = {"id": f"{split}-{number}", "slots": example.source.slots, "references": example.references}
            hostile = {"a/b $x^$": f"<i>$y^$ {number % 2}", "constructor": "_x"}
            lines.append(json.dumps({**record, "attributes": {**example.attributes, **hostile}}))
        write_text(folder / f"{split}.jsonl", "\n".join(lines))


def _stage(folder: Path, kind: str, config: dict[str, Any], parents: dict[str, Path], data: Path | None = None) -> Path:
    folder.mkdir(parents=True)
    plan = {"kind": kind, "fingerprint": folder.name, "config": config, "inputs": {}}
    named = {role: str(parent) for role, parent in parents.items()}
    write_json(folder / PLAN, {**plan, "settings": {"corpus_folder": data and str(data)}, "parents": named})
    return folder


def _lists(examples: Sequence[Example], aligner: Aligner, rng: random.Random, wrong: float) -> list[ScoredRow]:
    rows = []
    for number, example in enumerate(examples):
        found = []
        for place in range(N_BEST):
            text = rng.choice(example.references)
            is_wrong = rng.random() < wrong
            if is_wrong:
                text = rng.choice([text.rpartition(". ")[0] or "Nothing.", f"{text} {text}", "", f"{text} It is red."])
            text = HOSTILE if number == 0 else text
            alignment = aligner.align(example.source, text)
            right = 0.05 if is_wrong else 0.9
            verdict = Verdict.by([right, *[(1 - right) / 4] * 4], alignment.errors)
            hypothesis = Hypothesis(text, -1.0 - place, 20, -1.0 - place, complete=place > 0 or number != 1)
            found.append(ScoredHypothesis(hypothesis, verdict, 50.0))
        rows.append(ScoredRow(example.id, linearized_text(example.source), alignment.slots, tuple(found)))
    return rows


def _evaluation(
    folder: Path,
    data: Path,
    examples: Sequence[Example],
    rows: Sequence[ScoredRow],
    row: tuple[str, str, int],
    score: Path,
) -> None:
    states, policy, seed = row
    corpus = {"name": "walks", "on_error": "raise", "reader": READER}
    config = {"corpus": corpus, "split": "test", "aligner": VERSION, "reranking": policy}
    _stage(folder, "evaluate", config, {"score": score}, data)
    orders = [rank(each.hypotheses, policy) for each in rows]
    predictions = []
    for example, each, order in zip(examples, rows, orders, strict=True):
        chosen = each.hypotheses[order[0]]
        text = (example.id, each.source, chosen.hypothesis.text, example.references, each.slots, chosen.verdict)
        predictions.append(Prediction(*text, complete=True, log_probability=-1.0 - order[0], rank=order[0]))
    write_jsonl(folder / PREDICTIONS, predictions)
    measured = measure(predictions, corpus_metrics.scorers(("bleu", "chrf_pp")), slot_values=True)
    attributes = [example.attributes for example in examples]
    names = {"settings": "0a1b2c3d", "generator": "tiny", "states": states, "seed": seed, "reranking": policy}
    origin = {"corpus": "walks", "split": "test", "row": names, "judge": "77777777"}
    parts = corpus_metrics.breakdown(measured, attributes, seed=0, samples=SAMPLES)
    content = corpus_metrics.to_json(corpus_metrics.score(measured, seed=0, samples=SAMPLES), parts, origin)
    judges = agreement([each.verdict for each in predictions])
    n_best = {"reranking": policy, **describe(rows, orders)}
    write_json(folder / METRICS, {**content, "judges": judges, "n_best": n_best})


def metrics_of(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / METRICS).read_text(encoding="utf-8"))["metrics"]
    return found
