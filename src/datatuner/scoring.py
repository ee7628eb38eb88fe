"""The score stage: a decoding's hypotheses, each with its verdict and its sentence BLEU, in scored.jsonl."""

import logging
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.progress import Progress

from datatuner.judging import Judge
from datatuner.metrics.bleu_chrf import sentence_bleu
from datatuner.records import BEAMS, SCORED, ScoredHypothesis, ScoredRow, merge_beams, write_jsonl
from datatuner.stage_inputs import read_split

log = logging.getLogger(__name__)


def score(plan: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Leaves scored.jsonl; returns how often each label was given, and hypotheses with a slot error."""
    corpus = read_split(plan, plan["config"]["split"])
    judge = Judge(plan)
    beams = merge_beams([Path(plan["parents"]["decode"]) / BEAMS], [example.id for example in corpus])
    pairs = [(e.source, h.text) for e, row in zip(corpus, beams, strict=True) for h in row.hypotheses]
    alignments = judge.align(pairs)
    with Progress() as progress:
        task = progress.add_task("score", total=len(pairs))
        verdicts = judge.verdicts(pairs, alignments, lambda done: progress.advance(task, done))
    slots = iter([alignment.slots for alignment in alignments])
    judged = iter(verdicts)
    rows = []
    for example, row in zip(corpus, beams, strict=True):
        scored = [
            ScoredHypothesis(hypothesis, next(judged), sentence_bleu(hypothesis.text, example.references))
            for hypothesis in row.hypotheses
        ]
        rows.append(ScoredRow(row.id, row.source, [next(slots) for _ in scored][0], tuple(scored)))
    write_jsonl(folder / SCORED, rows)
    found = {
        "hypotheses": len(pairs),
        "with_slot_errors": sum(bool(verdict.slot_errors) for verdict in verdicts),
        "labels": dict(Counter(verdict.label for verdict in verdicts if verdict.label)),
    }
    log.info("scored: %s", found)
    return found
