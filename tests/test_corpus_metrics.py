"""Every value is sacrebleu's own corpus score; intervals are its bootstrap; references are scored leaving one out."""

import json
import math
import os
import random
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from pathlib import Path

import pytest
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF

from datatuner.errors import ConfigError
from datatuner.metrics.corpus_metrics import (
    MOST_VALUES,
    Metric,
    ReferenceScores,
    breakdown,
    measure,
    score,
    score_references,
    scorers,
    to_json,
)

SENTENCE = "Michelle Obama wrote Becoming, and was born in Chicago."
OTHER = "Becoming is a book by Michelle Obama, who comes from Chicago."

CASES: dict[str, tuple[list[str], list[list[str]]]] = {
    "identical": ([SENTENCE, OTHER], [[SENTENCE], [OTHER]]),
    "case differs": ([SENTENCE.upper()], [[SENTENCE]]),
    "no overlap": (["xyz uvw", "qqq"], [[SENTENCE], [OTHER]]),
    "single example": ([SENTENCE], [[OTHER]]),
    "single word": (["Becoming"], [["Becoming"]]),
    "one hypothesis empty": (["", OTHER], [[SENTENCE], [OTHER]]),
    "all hypotheses empty": (["", ""], [[SENTENCE], [OTHER]]),
    "spaces only": (["  ", OTHER], [[SENTENCE], [OTHER, SENTENCE]]),
    "empty reference": ([SENTENCE], [[""]]),
    "8 references against 1": ([SENTENCE, OTHER], [[OTHER] * 7 + [SENTENCE], [SENTENCE]]),
    "1 reference against 8": ([SENTENCE, OTHER], [[OTHER], [f"{OTHER} {n}" for n in range(8)]]),
    "entities and lines": (["a &amp; b\nc", "<skipped> d"], [["a & b c"], ["d", "e\u2028f"]]),
    "not Latin": (["東京タワーは 333 m 👩‍🚀"], [["東京タワーは 333 m です", "タワー"]]),
}


def scored(hypotheses: list[str], references: list[list[str]], **options: int) -> dict[str, Metric]:
    return score(measure(hypotheses, references, scorers()), **options)


def broken_down(
    hypotheses: list[str], references: list[list[str]], attributes: Sequence[Mapping[str, str]], **options: int
) -> dict[str, dict[str, dict[str, Metric]]]:
    return breakdown(measure(hypotheses, references, scorers()), attributes, **options)


def sacrebleu_scorers() -> dict[str, BLEU | CHRF]:
    return {"bleu": BLEU(lowercase=True), "bleu_cased": BLEU(), "chrf_pp": CHRF(word_order=2)}


def corpus(size: int, seed: int = 0) -> tuple[list[str], list[list[str]]]:
    """Texts of one system and 1 to 5 references each, from a small vocabulary, with words dropped and swapped."""
    generator = random.Random(seed)
    words = [
        "The",
        "a",
        "is",
        "in",
        "restaurant",
        "near",
        "city",
        "Alimentum",
        "family-friendly",
        "cheap",
        "pub",
        "£20",
    ]

    def vary(text: list[str]) -> str:
        return " ".join(generator.choice(words) if generator.random() < 0.2 else word for word in text) + "."

    base = [generator.choices(words, k=generator.randint(5, 20)) for _ in range(size)]
    return [vary(text) for text in base], [[vary(text) for _ in range(generator.randint(1, 5))] for text in base]


def numbers(metric: Metric) -> tuple[float, float, float]:
    assert metric.low is not None
    assert metric.value is not None
    assert metric.high is not None
    return metric.low, metric.value, metric.high


def assert_same_as_sacrebleu(hypotheses: list[str], references: list[list[str]]) -> None:
    for name, metric in scored(hypotheses, references, seed=1, samples=20).items():
        reference = sacrebleu_scorers()[name]
        assert metric.value == reference.corpus_score(hypotheses, list(zip_longest(*references))).score, name
        assert metric.signature == reference.get_signature().format()
        assert metric.n == len(hypotheses)
        low, _, high = numbers(metric)
        assert 0 <= low <= high <= 100 + 1e-9


@pytest.mark.parametrize(("hypotheses", "references"), CASES.values(), ids=CASES.keys())
def test_values_and_signatures_are_sacrebleus(hypotheses: list[str], references: list[list[str]]) -> None:
    assert_same_as_sacrebleu(hypotheses, references)


def test_a_larger_corpus_is_scored_as_sacrebleu_does() -> None:
    assert_same_as_sacrebleu(*corpus(200))


def test_names_and_a_signature_in_full() -> None:
    metrics = scored(["A b"], [["a b"]], seed=0, samples=1)
    assert list(metrics) == ["bleu", "bleu_cased", "chrf_pp"]
    signature = metrics["bleu"].signature.rpartition("|version:")[0]
    assert signature == "nrefs:1|case:lc|eff:no|tok:13a|smooth:exp"
    assert scored(["a", "b"], [["a"], ["b", "c"]], seed=0, samples=1)["bleu"].signature.startswith("nrefs:var|")


def test_padding_with_empty_strings_would_inflate_bleu() -> None:
    """METHOD.md: DataTuner's own scorer padded missing references with "", a reference of length 0 to be close to."""
    hypotheses = ["Alimentum is cheap .", "It is a cheap French pub near the river ."]
    references = [
        ["Alimentum is cheap . It is a family-friendly restaurant in the city centre ."],
        ["It is a cheap French pub near the river .", "A cheap pub by the river serves French food ."],
    ]
    padded = list(zip_longest(*references, fillvalue=""))
    inflated = BLEU(lowercase=True, force=True).corpus_score(hypotheses, padded).score
    value = scored(hypotheses, references, seed=0, samples=1)["bleu"].value
    assert value == pytest.approx(100 * math.exp(1 - (14 + 10) / (4 + 10)))  # all n-grams match: brevity penalty alone
    assert inflated == pytest.approx(100.0)


# --- intervals


def test_intervals_repeat_with_the_seed_and_change_with_it() -> None:
    hypotheses, references = corpus(100)
    first = scored(hypotheses, references, seed=7)
    assert scored(hypotheses, references, seed=7) == first
    assert scored(hypotheses, references, seed=8)["bleu"].low != first["bleu"].low


def test_intervals_contain_the_value_and_are_sacrebleus_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SACREBLEU_SEED", "12345")
    hypotheses, references = corpus(300)
    for name, metric in scored(hypotheses, references, seed=12345).items():
        theirs = sacrebleu_scorers()[name].corpus_score(hypotheses, list(zip_longest(*references)), n_bootstrap=1000)
        low, value, high = numbers(metric)
        assert low < value < high
        assert (high - low) / 2 == pytest.approx(theirs._ci, rel=1e-4)  # theirs is float32


def test_the_interval_of_one_example_is_its_value() -> None:
    metric = scored([SENTENCE], [[OTHER]], seed=3)["bleu"]
    assert metric.low == metric.value == metric.high


# --- scores by attribute


def test_each_group_is_scored_as_if_alone() -> None:
    hypotheses, references = corpus(60)
    attributes = [{"category": "ABC"[n % 3], "size": str(n % 12)} for n in range(60)]
    groups = broken_down(hypotheses, references, attributes, seed=5, samples=50)
    assert list(groups) == ["category", "size"]
    assert list(groups["size"]) == [str(n) for n in range(12)]
    for attribute, values in groups.items():
        for value, metrics in values.items():
            chosen = [n for n in range(60) if attributes[n][attribute] == value]
            alone = scored([hypotheses[n] for n in chosen], [references[n] for n in chosen], seed=5, samples=50)
            assert metrics == alone


def test_values_are_sorted_and_a_missing_attribute_is_left_out() -> None:
    texts, references = ["a"] * 4, [["a"]] * 4
    rows: list[dict[str, str]] = [{"n": "10", "mixed": "10"}, {"n": "9", "mixed": "x"}, {"n": "9", "mixed": "9"}, {}]
    groups = broken_down(texts, references, rows, seed=0, samples=1)
    assert {name: list(values) for name, values in groups.items()} == {"n": ["9", "10"], "mixed": ["10", "9", "x"]}
    assert groups["n"]["9"]["bleu"].n == 2
    assert broken_down(texts, references, [{}] * 4, seed=0, samples=1) == {}


def test_an_attribute_of_nearly_as_many_values_as_inputs_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    count = MOST_VALUES + 1
    rows = [{"source": f"document {n}", "half": str(n % 2)} for n in range(count)]
    groups = broken_down(["a"] * count, [["a"]] * count, rows, seed=0, samples=1)
    assert list(groups) == ["half"]
    assert f"no breakdown by source: it has {count} values" in caplog.text


# --- references against each other


def leave_one_out(references: list[list[str]], name: str) -> float:
    """The definition, round by round with sacrebleu's corpus score."""
    rounds: list[float] = []
    for turn in range(max(map(len, references))):
        group = [texts for texts in references if len(texts) > max(turn, 1)]
        others = [texts[:turn] + texts[turn + 1 :] for texts in group]
        hypotheses = [texts[turn] for texts in group]
        rounds.append(sacrebleu_scorers()[name].corpus_score(hypotheses, list(zip_longest(*others))).score)
    return sum(rounds) / len(rounds)


def of_references(references: list[list[str]], **options: int) -> ReferenceScores:
    return score_references(references, [{}] * len(references), scorers(), **options)


def test_each_group_of_references_is_scored_as_if_alone() -> None:
    _, references = corpus(60)
    attributes = [{"third": str(n % 3), **({"odd": "yes"} if n % 2 else {})} for n in range(60)]
    result = score_references(references, attributes, scorers(), seed=5, samples=50)
    assert {name: list(values) for name, values in result.breakdown.items()} == {
        "third": ["0", "1", "2"],
        "odd": ["yes"],
    }
    for attribute, values in result.breakdown.items():
        for value, metrics in values.items():
            alone = [texts for texts, row in zip(references, attributes, strict=True) if row.get(attribute) == value]
            assert metrics == of_references(alone, seed=5, samples=50).metrics
    assert result.metrics == of_references(references, seed=5, samples=50).metrics


def test_references_are_scored_leaving_one_out() -> None:
    _, references = corpus(80)
    left_out = sum(len(texts) == 1 for texts in references)
    result = of_references(references, seed=2, samples=100)
    assert result.left_out == left_out > 0
    for name, metric in result.metrics.items():
        assert metric.value == pytest.approx(leave_one_out(references, name), abs=1e-12)
        assert metric.n == 80 - left_out
        assert "nrefs:var|" in metric.signature
        assert "|rounds:5|" in metric.signature
        low, value, high = numbers(metric)
        assert low < value < high
    assert of_references(references, seed=2, samples=100) == result


def test_a_round_that_a_resample_misses_is_left_out_of_its_mean() -> None:
    references = [[SENTENCE, SENTENCE, SENTENCE], [OTHER, OTHER], [OTHER, OTHER]]
    metric = of_references(references, seed=0, samples=200).metrics["bleu"]
    assert numbers(metric) == pytest.approx((100, 100, 100))


def test_without_second_references_there_is_no_score() -> None:
    result = of_references([[SENTENCE], [OTHER]], seed=0)
    assert result.left_out == 2
    for metric in result.metrics.values():
        assert (metric.value, metric.low, metric.high, metric.n) == (None, None, None, 0)
    content = json.loads(json.dumps(to_json(result.metrics, {}, {})))
    assert content["metrics"]["bleu"]["value"] is None


# --- refusals and the file


@pytest.mark.parametrize(
    ("hypotheses", "references", "expected"),
    [
        ([], [], "nothing to score: there are no texts"),
        (["a"], [["a"], ["b"]], "cannot score 1 texts against 2 inputs"),
        (["a", "b"], [["a"], []], "cannot score 1 of 2 inputs: they have no reference"),
    ],
)
def test_what_cannot_be_scored_is_refused(hypotheses: list[str], references: list[list[str]], expected: str) -> None:
    with pytest.raises(ConfigError, match=expected):
        scored(hypotheses, references, seed=0)
    with pytest.raises(ConfigError, match=expected):
        broken_down(hypotheses, references, [{}] * len(hypotheses), seed=0)


def test_references_without_inputs_and_attributes_of_another_split_are_refused() -> None:
    with pytest.raises(ConfigError, match="nothing to score"):
        of_references([], seed=0)
    with pytest.raises(ConfigError, match="cannot score 1 texts against 2 inputs"):
        broken_down(["a"], [["a"]], [{}, {}], seed=0)


def test_metrics_json_has_the_designed_shape() -> None:
    metric = Metric(50.0, 48.0, 52.0, 10, "nrefs:1")
    plain = {"value": 50.0, "low": 48.0, "high": 52.0, "n": 10, "signature": "nrefs:1"}
    content = to_json({"bleu": metric}, {"seen": {"unseen": {"bleu": metric}}}, {"seed": 1})
    assert json.loads(json.dumps(content)) == {
        "metrics": {"bleu": plain},
        "breakdown": {"seen": {"unseen": {"bleu": plain}}},
        "provenance": {"seed": 1},
    }


def test_the_official_e2e_sample() -> None:
    """The official scorer, which has its own tokenizer, prints 72.03 for these files; so does lower-cased 13a here."""
    folder = Path(os.environ.get("DATATUNER_DATA", "data")) / "e2e_metrics_sample"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there; set DATATUNER_DATA to the folder of the real corpora")
    hypotheses = (folder / "baseline-output.txt").read_text("utf-8").splitlines()
    references = [block.split("\n") for block in (folder / "devel-conc.txt").read_text("utf-8").strip().split("\n\n")]
    assert len(hypotheses) == len(references)
    assert_same_as_sacrebleu(hypotheses, references)
    assert scored(hypotheses, references, seed=0)["bleu"].value == pytest.approx(72.03, abs=0.005)
