"""The n-best lists of a score stage, reranked: which text is chosen, by which weight, out of how much."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datatuner.errors import RecordError
from datatuner.example import SlotValues
from datatuner.findings import Alignment
from datatuner.lineage import intact
from datatuner.metrics.bleu_chrf import bleu
from datatuner.metrics.slot_errors import Coverage, SlotErrorRate
from datatuner.records import BEAMS, SCORED, ScoredHypothesis, ScoredRow, read_beams, read_scored
from datatuner.reranking import rank, trusted
from datatuner.stage_inputs import read_split
from datatuner.stages import read_plan

log = logging.getLogger(__name__)

WEIGHTS = tuple(tenth / 10 for tenth in range(11))  # of P(accurate), for the policy `probability`

BLEU_LEFT = 0.3  # points of validation BLEU that a more faithful weight may cost
THRESHOLDS = (0.5, 0.7, 0.8, 0.9, 0.95, 0.99)  # of P(accurate), in the table of what abstention would keep


@dataclass(frozen=True)
class Choice:
    """Scored rows in the split's order, each with its hypotheses' places, best first; and what done.json records."""

    rows: Sequence[ScoredRow]
    orders: Sequence[Sequence[int]]
    report: dict[str, Any]


def choose(plan: Mapping[str, Any], ids: Sequence[str]) -> Choice:
    """Reranks the plan's scored n-best lists by its policy.

    Raises:
        RecordError: a scored file does not hold each input of the split and each hypothesis of its decoding.
    """
    policy = plan["config"]["reranking"]
    rows = scored_rows(Path(plan["parents"]["score"]), ids)
    report: dict[str, Any] = {"reranking": policy}
    weight = 0.0
    if policy == "probability":
        tuned = tune(plan)
        weight = best_weight(tuned)
        log.info("weight of P(accurate), on the validation split: %s, of %s", weight, tuned)
        report |= {"weight": weight, "tuned_on_validation": tuned}
    orders = [rank(row.hypotheses, policy, weight=weight) for row in rows]
    return Choice(rows, orders, {**report, **describe(rows, orders)})


def scored_rows(folder: Path, ids: Sequence[str] | None) -> list[ScoredRow]:
    """scored.jsonl of a score stage, held against the decoding that it is of, and that against `ids`, unless None.

    Raises:
        ChangedError: one of the two files is not what its stage left.
        RecordError: they do not belong together, or to these ids.
    """
    beams = read_beams(intact(Path(read_plan(folder)["parents"]["decode"]) / BEAMS))
    if ids is not None and [row.id for row in beams] != list(ids):
        raise RecordError(
            f"{folder / SCORED}: it is of a decoding with other inputs. Decode and score this split again."
        )
    return read_scored(intact(folder / SCORED), beams)


def best_weight(tuned: Sequence[Mapping[str, float]]) -> float:
    """The weight with the most faithful texts among those whose BLEU is within BLEU_LEFT of the best.

    Faithful is the lowest slot error rate or the highest coverage; where texts are not aligned, most texts labelled
    accurate. Ties go to the higher BLEU, then to the higher weight.
    """
    best = max(row["bleu"] for row in tuned)

    def merit(row: Mapping[str, float]) -> tuple[float, float, float]:
        faithful = -row["ser"] if "ser" in row else row["coverage"] if "coverage" in row else row["accurate"]
        return faithful, row["bleu"], row["weight"]

    return max((row for row in tuned if row["bleu"] >= best - BLEU_LEFT), key=merit)["weight"]


def tune(plan: Mapping[str, Any]) -> list[dict[str, float]]:
    """For each weight BLEU on the validation split, and how faithful the texts are: see `best_weight`.

    A weight of 0 is the beam's own order.
    """
    corpus = read_split(plan, "validation")
    rows = scored_rows(Path(plan["parents"]["validation"]), [example.id for example in corpus])
    references = [example.references for example in corpus]
    scorer, tuned = bleu(), []
    slots = all(isinstance(example.source, SlotValues) for example in corpus)
    for weight in WEIGHTS:
        chosen = [row.hypotheses[rank(row.hypotheses, "probability", weight=weight)[0]] for row in rows]
        texts = [each.hypothesis.text for each in chosen]
        totals = scorer.statistics(texts, references, references).sum(axis=0)
        bleu_here = round(float(scorer.scores(totals[None])[0]), 6)
        tuned.append({"weight": weight, "bleu": bleu_here, **_faithful(rows, chosen, slot_values=slots)})
    return tuned


def _faithful(rows: Sequence[ScoredRow], chosen: Sequence[ScoredHypothesis], *, slot_values: bool) -> dict[str, float]:
    """The slot error rate, the coverage or the accurate share (0 to 100 each) of the texts that were chosen."""
    found = [
        Alignment((), each.verdict.slot_errors, row.slots)
        for row, each in zip(rows, chosen, strict=True)
        if each.verdict.slot_errors is not None and row.slots is not None
    ]
    if len(found) < len(rows):
        accurate = sum(each.verdict.label == "accurate" for each in chosen)
        return {"accurate": round(100 * accurate / len(rows), 6)}
    scorer = (SlotErrorRate if slot_values else Coverage).of(found)
    return {scorer.name: round(float(scorer.scores(scorer.rows.sum(axis=0)[None])[0]), 6)}


def describe(rows: Sequence[ScoredRow], orders: Sequence[Sequence[int]]) -> dict[str, Any]:
    """How much there was to choose, among all hypotheses, cut ones too, as `accurate` counts every text.

    `accurate` is the classifier's label, or without one a text without slot errors (`judged_by` says which; it is None,
    and nothing is said of accurate texts, where there are neither).
    `rank_of_first_accurate` counts inputs by that place in the beam, from 1; `first_places_changed` is the share of
    inputs whose text is another than the beam's first.
    """
    before = [rank(row.hypotheses, "none") for row in rows]
    changed = sum(
        row.hypotheses[old[0]].hypothesis.text != row.hypotheses[new[0]].hypothesis.text
        for row, old, new in zip(rows, before, orders, strict=True)
    )
    found = {"judged_by": _judge(rows), "first_places_changed": changed / len(rows)}
    return found if found["judged_by"] is None else {**found, **_accurate(rows, before)}


def abstention(rows: Sequence[ScoredRow], policy: str, *, weight: float = 0.0) -> dict[str, Any] | None:
    """What `abstain_below` would leave of these inputs at each of THRESHOLDS; None without a classifier.

    An input's text is the first complete one in the policy's order whose P(accurate) is at least the threshold; an
    input without one is withheld. `kept` is the share of inputs with a text, `errors` the share of these texts with a
    slot error; None where there are none, or where they are not aligned.
    """
    verdicts = [[scored.verdict for scored in row.hypotheses] for row in rows]
    if any(verdict.probabilities is None for own in verdicts for verdict in own):
        return None
    orders = [rank(row.hypotheses, policy, weight=weight) for row in rows]
    table = []
    for threshold in THRESHOLDS:
        places = [trusted(row.hypotheses, order, threshold) for row, order in zip(rows, orders, strict=True)]
        kept = [own[place] for own, place in zip(verdicts, places, strict=True) if place is not None]
        wrong = [bool(verdict.slot_errors) for verdict in kept if verdict.slot_errors is not None]
        errors = sum(wrong) / len(wrong) if wrong and len(wrong) == len(kept) else None
        table.append({"threshold": threshold, "kept": len(kept) / len(rows), "errors": errors})
    return {"inputs": len(rows), "table": table}


def _judge(rows: Sequence[ScoredRow]) -> str | None:
    verdicts = [scored.verdict for row in rows for scored in row.hypotheses]
    if all(verdict.label is not None for verdict in verdicts):
        return "classifier"
    return "alignment" if all(verdict.slot_errors is not None for verdict in verdicts) else None


def _accurate(rows: Sequence[ScoredRow], orders: Sequence[Sequence[int]]) -> dict[str, Any]:
    """How many inputs have no accurate text, and where the others have the first one."""
    ranks: dict[str, int] = {}
    without = 0
    for row, order in zip(rows, orders, strict=True):
        found = next((n for n, place in enumerate(order, 1) if is_accurate(row.hypotheses[place])), None)
        without += found is None
        if found:
            ranks[str(found)] = ranks.get(str(found), 0) + 1
    return {"inputs_without_accurate": without / len(rows), "rank_of_first_accurate": dict(sorted(ranks.items()))}


def is_accurate(scored: ScoredHypothesis) -> bool:
    verdict = scored.verdict
    return not verdict.slot_errors if verdict.label is None else verdict.label == "accurate"
