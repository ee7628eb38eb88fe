"""The slot error rate, coverage and the table per slot, from alignments made by hand and by a real aligner."""

import json
from collections.abc import Sequence

import numpy as np
import pytest

from datatuner import corpora
from datatuner.alignment import Alignment, Kind, Mention, SlotError, build_aligner
from datatuner.errors import ConfigError
from datatuner.metrics.catalogue import DEFAULT
from datatuner.metrics.corpus_metrics import Metric, breakdown, measure, score, scorers
from datatuner.metrics.slot_errors import Coverage, SlotErrorRate, error_counts, slot_table


def alignment(slots: int, *errors: tuple[Kind, str, str], mentions: Sequence[tuple[str, str]] = ()) -> Alignment:
    found = (SlotError(kind, slot, value) for kind, slot, value in errors)
    return Alignment(tuple(Mention(slot, value, 0, 1) for slot, value in mentions), tuple(found), slots)


PERFECT = alignment(2, mentions=[("food", "French"), ("near", "Rex"), ("near", "Rex")])
POOR = alignment(
    4,
    ("missing", "food", "Indian"),
    ("wrong", "near", "Rex"),
    ("added", "area", ""),
    ("repeated", "name", "Max"),
    mentions=[("name", "Max"), ("name", "Max"), ("eatType", "pub")],
)
EMPTY = alignment(0)


def value(metric: SlotErrorRate | Coverage) -> Metric:
    texts = ["a"] * len(metric.rows)
    measured = measure(texts, [["a"]] * len(texts), {"it": metric})
    return score(measured, seed=1, samples=40)["it"]


@pytest.mark.parametrize(
    ("alignments", "rate", "coverage"),
    [
        ([PERFECT], 0, 100),
        ([POOR], 100, 50),
        ([PERFECT, POOR], 100 * 4 / 6, 100 * 4 / 6),  # of the corpus, not the mean of texts
        ([PERFECT, EMPTY], 0, 100),
        ([EMPTY], 0, 100),
        ([alignment(1, ("missing", "a", "b"), ("added", "c", ""))], 200, 0),
    ],
)
def test_values(alignments, rate, coverage):
    assert value(SlotErrorRate.of(alignments)).value == pytest.approx(rate)
    assert value(Coverage.of(alignments)).value == pytest.approx(coverage)


def test_error_counts_name_every_kind():
    assert error_counts(POOR) == {"missing": 1, "wrong": 1, "added": 1, "repeated": 1}
    assert error_counts(PERFECT) == {"missing": 0, "wrong": 0, "added": 0, "repeated": 0}


def test_the_table_adds_up_to_the_rate():
    table = slot_table([PERFECT, POOR, PERFECT])
    assert table["near"] == {"slots": 3, "missing": 0, "wrong": 1, "added": 0, "repeated": 0}
    assert table["area"] == {"slots": 0, "missing": 0, "wrong": 0, "added": 1, "repeated": 0}
    totals = SlotErrorRate.of([PERFECT, POOR, PERFECT]).rows.sum(axis=0).tolist()
    assert [sum(row[kind] for row in table.values()) for kind in ("missing", "wrong", "added", "repeated")] == totals[
        :4
    ]
    assert sum(row["slots"] for row in table.values()) == totals[4]
    assert json.loads(json.dumps(table)) == table
    assert slot_table([]) == {}


def test_references_are_pooled_per_input():
    """One input with a perfect and a poor text, one with a perfect one: 4 errors of 8 slots, resampled by input."""
    metric = SlotErrorRate.of_references([[PERFECT, POOR], [PERFECT]])
    found = value(metric)
    assert found.value == pytest.approx(100 * 4 / 8)
    assert (found.low, found.n) == (0, 2)
    assert found.high == pytest.approx(100 * 4 / 6)


def test_signatures_say_what_was_counted():
    assert value(SlotErrorRate.of([POOR])).signature.startswith("kind:ser|texts:system|aligner:")
    assert value(Coverage.of_references([[POOR]])).signature.startswith(
        "kind:coverage|texts:references-pooled|aligner:"
    )


def test_other_counts_of_texts_are_refused():
    with pytest.raises(ConfigError, match="cannot score 2 texts with alignments of 1 inputs"):
        measure(["a", "b"], [["a"], ["b"]], {"ser": SlotErrorRate.of([POOR])})


def test_beside_bleu_with_interval_and_breakdown():
    """The same inputs are drawn for each metric; a part's rate is that of its own texts."""
    split = corpora.read("demo", None, "validation")[:60]
    aligner = build_aligner("demo", corpora.read("demo", None, "train"))
    texts = [each.references[0] if number % 2 else "" for number, each in enumerate(split)]
    alignments = [aligner.align(each.source, text) for each, text in zip(split, texts, strict=True)]
    ser = SlotErrorRate.of(alignments)
    measured = measure(texts, [each.references for each in split], {**scorers(DEFAULT), "ser": ser})
    metrics = score(measured, seed=1, samples=100)
    found = metrics["ser"]
    assert None not in (found.value, found.low, found.high)
    assert 30 < (found.low or 0) < (found.value or 0) < (found.high or 0) < 70
    assert metrics["ser"].n == metrics["bleu"].n == 60
    parts = breakdown(measured, [{"half": str(number % 2)} for number in range(60)], seed=1, samples=40)["half"]
    assert (parts["0"]["ser"].value, parts["1"]["ser"].value) == (100, 0)
    assert np.array_equal(ser.rows[::2, 0], ser.rows[::2, 4])  # all of an empty text's slots are missing
