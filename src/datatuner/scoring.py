"""The score stage: a decoding's hypotheses, each with its verdict and its sentence BLEU, in scored.jsonl.

Each rank scores a share of the inputs.
"""

import logging
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.progress import Progress

from datatuner.judging import Judge
from datatuner.lineage import intact
from datatuner.metrics.bleu_chrf import sentence_bleu
from datatuner.ranks import Place
from datatuner.records import BEAMS, SCORED, ScoredHypothesis, ScoredRow, merge_beams, merge_scored
from datatuner.shards import Shards
from datatuner.stage_inputs import read_split

log = logging.getLogger(__name__)


def score(plan: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Leaves scored.jsonl; returns how often each label was given, and hypotheses with a slot error."""
    corpus = read_split(plan, plan["config"]["split"])
    judge = Judge(plan, corpus)
    shards = Shards(folder / SCORED, Place.mine())
    all_beams = merge_beams([intact(Path(plan["parents"]["decode"]) / BEAMS)], [example.id for example in corpus])
    examples, beams = shards.mine(corpus), shards.mine(all_beams)
    pairs = [(e.source, h.text) for e, row in zip(examples, beams, strict=True) for h in row.hypotheses]
    alignments = judge.align(pairs)
    with Progress() as progress:
        task = progress.add_task("score", total=len(pairs))
        verdicts = judge.verdicts(pairs, alignments, lambda done: progress.advance(task, done))
    judged = iter(
        zip(verdicts, [None if alignment is None else alignment.slots for alignment in alignments], strict=True)
    )
    rows = []
    for example, row in zip(examples, beams, strict=True):
        found = [next(judged) for _ in row.hypotheses]
        scored = tuple(
            ScoredHypothesis(hypothesis, verdict, sentence_bleu(hypothesis.text, example.references))
            for hypothesis, (verdict, _) in zip(row.hypotheses, found, strict=True)
        )
        rows.append(ScoredRow(row.id, row.source, found[0][1], scored))
    counts = {
        "hypotheses": len(pairs),
        "labels": dict(Counter(verdict.label for verdict in verdicts if verdict.label)),
    }
    if judge.aligner:
        counts["with_slot_errors"] = sum(bool(verdict.slot_errors) for verdict in verdicts)
    counts = shards.deliver(rows, counts, lambda paths: merge_scored(paths, all_beams))
    log.info("scored: %s", counts)
    return counts
