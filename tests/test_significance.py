"""Paired tests: sacrebleu's own p-values where it has the metric, and what any paired test must hold."""

import random
from itertools import zip_longest
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF
from sacrebleu.significance import PairedTest

from datatuner.errors import ConfigError
from datatuner.metrics.corpus_metrics import Measured, measure, scorers
from datatuner.metrics.significance import compare, holm

NAMES = ("bleu", "bleu_cased", "chrf_pp", "nist")
WORDS = ["The", "a", "is", "in", "restaurant", "near", "city", "Alimentum", "family-friendly", "cheap", "pub", "£20"]
Kind = Literal["paired_bootstrap", "approximate_randomization"]
TESTS: tuple[Kind, Kind] = ("paired_bootstrap", "approximate_randomization")


def worded(text: list[str], noise: float, generator: random.Random) -> str:
    return " ".join(generator.choice(WORDS) if generator.random() < noise else word for word in text)


def corpus(size: int, *noises: float) -> tuple[list[list[str]], list[list[str]]]:
    """One system for each noise, the share of its words that are random, and 1 to 4 references each."""
    generator = random.Random(7)
    base = [generator.choices(WORDS, k=generator.randint(5, 15)) for _ in range(size)]
    references = [[worded(text, 0.1, generator) for _ in range(generator.randint(1, 4))] for text in base]
    return [[worded(text, noise, generator) for text in base] for noise in noises], references


def measured(size: int, *noises: float) -> dict[str, Measured]:
    systems, references = corpus(size, *noises)
    return {f"s{n}": measure(texts, references, scorers(NAMES)) for n, texts in enumerate(systems)}


@pytest.mark.parametrize(("kind", "theirs"), [("paired_bootstrap", "bs"), ("approximate_randomization", "ar")])
def test_p_values_are_sacrebleus(monkeypatch, kind, theirs):
    monkeypatch.setenv("SACREBLEU_SEED", "11")
    systems, references = corpus(150, 0.3, 0.32, 0.36)
    metrics = {"bleu": BLEU(lowercase=True, force=True), "bleu_cased": BLEU(force=True), "chrf_pp": CHRF(word_order=2)}
    found = compare(measured(150, 0.3, 0.32, 0.36), seed=11, samples=200, trials=300)
    for name, metric in metrics.items():
        named: Any = [(str(n), texts) for n, texts in enumerate(systems)]
        test = PairedTest(named, {name: metric}, list(zip_longest(*references)), test_type=theirs, n_samples=200)
        if theirs == "ar":
            test.n_samples = 300
        results: Any
        ((_, results),) = [item for item in test()[1].items() if item[0] != "System"]
        expected = [result.p_value for result in results[1:]]
        assert [getattr(found[system][name], kind).p for system in ("s1", "s2")] == pytest.approx(expected, abs=1e-12)
        assert any(0.02 < p < 0.98 for p in expected)  # neither test decides everything


def test_a_difference_is_that_of_the_scores():
    found = compare(measured(60, 0.3, 0.5), seed=1, samples=50, trials=50)
    for row in found["s1"].values():
        assert row.difference == row.value - row.baseline
        assert row.difference < 0


def test_identical_systems_differ_by_chance():
    (texts,), references = corpus(80, 0.3)
    one, other = (measure(texts, references, scorers(NAMES)) for _ in range(2))
    for row in compare({"one": one, "other": other}, seed=3, samples=100, trials=100)["other"].values():
        assert row.difference == 0
        for kind in TESTS:
            assert (getattr(row, kind).p, getattr(row, kind).p_holm) == (1, 1)


def test_swapped_systems_have_the_same_p_values():
    systems = measured(80, 0.3, 0.34)
    there = compare(systems, seed=3, samples=200, trials=200)["s1"]
    back = compare(dict(reversed(systems.items())), seed=3, samples=200, trials=200)["s0"]
    for name in NAMES:
        assert there[name].difference == pytest.approx(-back[name].difference)
        for kind in TESTS:
            assert getattr(there[name], kind).p == getattr(back[name], kind).p


def test_a_clearly_better_system_is_found_and_a_hardly_better_one_is_not():
    systems = measured(200, 0.4, 0.1, 0.4)
    found = compare(systems, seed=5, samples=500, trials=1000)
    for name in NAMES:
        for kind in TESTS:
            assert getattr(found["s1"][name], kind).p_holm < 0.05
            assert getattr(found["s2"][name], kind).p_holm > 0.05
    assert found["s1"]["bleu"].approximate_randomization.p == 1 / 1001  # never 0
    assert found == compare(systems, seed=5, samples=500, trials=1000)
    assert found != compare(systems, seed=6, samples=500, trials=1000)


def test_holm_corrects_over_systems_and_metrics():
    found = compare(measured(100, 0.3, 0.33, 0.31), seed=5, samples=100, trials=100)
    for kind in TESTS:
        tests = [getattr(row, kind) for metrics in found.values() for row in metrics.values()]
        assert len(tests) == 2 * len(NAMES)
        assert [test.p_holm for test in tests] == holm([test.p for test in tests])


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]) == [1, 1]
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), max_size=20))
def test_holm_lies_between_p_and_bonferroni_and_keeps_the_order(p_values):
    corrected = holm(p_values)
    for p, p_holm in zip(p_values, corrected, strict=True):
        assert p <= p_holm <= min(1, p * len(p_values))
    pairs = sorted(zip(p_values, corrected, strict=True))
    assert [p_holm for _, p_holm in pairs] == sorted(corrected)


def test_systems_on_other_inputs_or_by_other_metrics_are_refused():
    small, large = measured(5, 0.3)["s0"], measured(6, 0.3)["s0"]
    with pytest.raises(ConfigError, match="cannot compare other with the baseline: their inputs or metrics differ"):
        compare({"one": small, "other": large}, seed=1)
    (texts,), references = corpus(5, 0.3)
    with pytest.raises(ConfigError, match="cannot compare other with the baseline"):
        compare({"one": small, "other": measure(texts, references, scorers(["bleu"]))}, seed=1)
