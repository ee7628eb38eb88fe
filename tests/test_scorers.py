"""NIST, METEOR, ROUGE-L and CIDEr: the E2E scorer's published values, its own programs, and texts that break them."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datatuner import corpora
from datatuner.errors import ConfigError
from datatuner.metrics.catalogue import COCO, NAMES, require
from datatuner.metrics.corpus_metrics import Metric, breakdown, measure, score, score_references, scorers
from datatuner.metrics.nist import Nist

# What the official scorer prints for its sample; BLEU stands in test_corpus_metrics.py.
PUBLISHED = {"nist": 7.8212, "meteor": 0.4801, "rouge_l": 0.7910, "cider": 2.3039}

TEXTS = [
    "The Café Sicilia, near “Burger King”, costs £20-25.",
    "It's a pub; they don't serve 東京 ramen (sorry)…",
    "Line one.\r\nLine two,\u2028line three\x0bfour.",
    "",
    " . ",
    "a ||| b",
    "The Waterman is a cheap pub.",
]
REFERENCES = [
    [
        "The Café Sicilia is near Burger King and costs £20 to £25.",
        "Café Sicilia, costing £20-25, is near Burger King.",
    ],
    ["It is a pub that does not serve ramen.", "They do not have ramen in this pub, sorry."],
    ["Line one, line two, line three and four."],
    ["There is no text.", "Nothing."],
    ["...", "A reference of several words."],
    ["a ||| b", "b a"],
    ["The Waterman is a cheap pub.", "The Waterman is an inexpensive pub in the city."],
]


@pytest.fixture(scope="module")
def java() -> None:
    """Skips where the package or Java is missing, saying which."""
    try:
        require(COCO)
    except ConfigError as error:
        pytest.skip(str(error))


def real(name: str) -> Path:
    """A folder of the real corpora; the test is skipped where it is not there."""
    folder = Path(os.environ.get("DATATUNER_DATA", "data")) / name
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there; set DATATUNER_DATA to the folder of the real corpora")
    return folder


@pytest.fixture(scope="module")
def sample() -> tuple[list[str], list[list[str]]]:
    folder = real("e2e_metrics_sample")
    references = (folder / "devel-conc.txt").read_text("utf-8").strip().split("\n\n")
    return (folder / "baseline-output.txt").read_text("utf-8").splitlines(), [block.split("\n") for block in references]


def scored(hypotheses: list[str], references: list[list[str]], *names: str) -> dict[str, Metric]:
    return score(measure(hypotheses, references, scorers(names)), seed=1)


def assert_contained(metric: Metric) -> None:
    assert metric.value is not None
    assert metric.low is not None
    assert metric.high is not None
    assert metric.low < metric.value < metric.high


# --- published values


def test_the_samples_nist(sample):
    metric = scored(*sample, "nist")["nist"]
    assert metric.value == pytest.approx(PUBLISHED["nist"], abs=5e-5)
    assert_contained(metric)
    assert metric.signature.startswith("nrefs:var|case:lc|tok:13a|n:5|reflen:mean|version:datatuner-")


@pytest.mark.parametrize(
    "names", [("rouge_l", "cider"), pytest.param(("meteor",), marks=pytest.mark.slow)], ids=["without METEOR", "METEOR"]
)
def test_the_samples_coco_metrics(java, sample, names):
    for name, metric in scored(*sample, *names).items():
        assert metric.value == pytest.approx(PUBLISHED[name], abs=5e-5)
        assert_contained(metric)
        assert "|tok:ptb-3.4.1|" in metric.signature
        assert metric.signature.endswith("|version:pycocoevalcap-1.2")


# --- NIST


def nist(hypotheses: list[str], references: list[list[str]]) -> float:
    value = scored(hypotheses, references, "nist")["nist"].value
    assert value is not None
    return value


def test_nist_where_inputs_have_other_numbers_of_references():
    """Worked out outside this project: the first 9 words of each input's first reference, of 3.0167 on average."""
    examples = corpora.read("viggo", real("viggo"), "test")
    texts = [" ".join(example.references[0].split()[:9]) for example in examples]
    assert nist(texts, [list(example.references) for example in examples]) == pytest.approx(0.5196, abs=5e-5)


def test_nist_by_hand():
    # Each of 3 words says log2(3) bits; "a b" says nothing more once "a" is known.
    assert nist(["a b c"], [["a b c"]]) == pytest.approx(np.log2(3))
    # Half of it at 2/3 of the length (Doddington 2002), upper case or not.
    assert nist(["A b"], [["a b c"]]) == pytest.approx(np.log2(3) / 2)
    # Where inputs have 1 and 3 references of 3 words, the penalty compares 2 words each with 12 / (4 / 2) = 6 in all;
    # "c", one of the 12 words, stands in one reference of the four, and "b" in none of them but the first.
    assert nist(["a b", "d e"], [["a b c"], ["d e f", "d e f", "d e f"]]) == pytest.approx(
        0.5 * ((np.log2(12) * 2 + np.log2(4) * 2) / 4)
    )
    # 3 words in 2 references: "a" twice of 6; both references allow an "a" once, whichever is closer.
    assert nist(["a a"], [["a b c", "d a e"]]) == pytest.approx(np.log2(6 / 2) / 2 / 2)


def test_nists_length_penalty_divides_by_the_mean_number_of_references_that_are_not_empty():
    """mteval's way: 6 words in 3 references of 2 inputs are 6 / (3 / 2) = 4, and the texts have 3 words."""
    texts, references = ["a", "b c"], [["a"], ["b c", "b c d"]]
    rows = Nist().statistics(texts, references, references)
    assert rows[:, -3:].tolist() == [[1, 1, 1], [5, 2, 1]]
    equal = Nist().statistics(texts, [["a"], ["b c", "b c"]], references)  # 5 / (3 / 2) = 10 / 3
    empty = Nist().statistics(texts, [["a", ""], ["b c", "b c d"]], references)
    scores = [Nist().scores(each.sum(axis=0)[None])[0] for each in (rows, equal, empty)]
    penalties = [np.exp(np.log(0.5) / np.log(1.5) ** 2 * np.log(3 / length) ** 2) for length in (4, 10 / 3)]
    assert scores[0] / scores[1] == pytest.approx(penalties[0] / penalties[1])
    assert scores[2] == scores[0]


# --- WebNLG 2017


def webnlg(hypotheses: list[str], references: list[list[str]]) -> float:
    value = scored(hypotheses, references, "bleu_webnlg_2017")["bleu_webnlg_2017"].value
    assert value is not None
    return value


def test_webnlg_2017s_bleu():
    """Worked out outside this project: the first 12 words of each input's last reference."""
    examples = corpora.read("webnlg", real("webnlg"), "test")
    texts = [" ".join(example.references[-1].split()[:12]) for example in examples]
    assert webnlg(texts, [list(example.references) for example in examples]) == pytest.approx(64.60, abs=5e-3)


def test_webnlg_2017s_bleu_by_hand():
    text = "Ærø – “Straße”, 1.5 km"  # ae r o - " strasse " , 1 . 5 km, whatever it is written with
    assert webnlg([text], [['aero - "strasse" , 1 . 5 KM']]) == pytest.approx(100)
    # An input with one reference has two empty ones, whose length is closer to a short text's.
    assert webnlg(["a b c d"], [["a b c d e f g h i"]]) == pytest.approx(100)
    assert webnlg(["a b c d"], [["a b c d e f g h i"] * 3]) == pytest.approx(100 * np.exp(1 - 9 / 4))
    # The fourth reference is not looked at; no smoothing where an order has no match.
    assert webnlg(["a b c d"], [["x y z w"] * 3 + ["a b c d"]]) == 0
    assert webnlg([""], [["a"]]) == 0


def test_nist_of_nothing_is_0():
    assert nist(["", ""], [["a b"], ["c"]]) == 0
    assert nist(["a b"], [[""]]) == 0


@given(st.lists(st.tuples(st.text(max_size=30), st.lists(st.text(max_size=30), min_size=1, max_size=3)), min_size=1))
def test_nist_is_finite_and_not_negative_for_any_text(segments):
    texts, references = [text for text, _ in segments], [others for _, others in segments]
    rows = Nist().statistics(texts, references, references)
    (value,) = Nist().scores(rows.sum(axis=0)[None])
    assert 0 <= value < 1000


# --- Stanford's tokenizer


def test_texts_keep_their_places_whatever_they_hold(java, monkeypatch):
    """Line breaks in a text, empty texts and a locale without UTF-8 would shift or spoil what follows."""
    monkeypatch.setenv("LC_ALL", "C")
    from datatuner.metrics.coco import PtbTokenizer

    tokenize = PtbTokenizer()
    expected = [
        "the café sicilia near burger king costs # 20-25",
        "it 's a pub they do n't serve 東京 ramen -lrb- sorry -rrb-",  # brackets stay, as in the scorer
        "line one line two line three four",
        "",
        "",
        "a | | | b",
        "the waterman is a cheap pub",
    ]
    assert tokenize(TEXTS) == expected
    assert tokenize(TEXTS[::-1]) == expected[::-1]
    assert tokenize([]) == []


# --- ROUGE-L and CIDEr


@pytest.mark.slow
def test_means_are_the_packages_own(java):
    from pycocoevalcap.cider.cider import Cider
    from pycocoevalcap.rouge.rouge import Rouge

    from datatuner.metrics.coco import PtbTokenizer

    tokenize = PtbTokenizer()
    results = {index: tokenize([text]) for index, text in enumerate(TEXTS)}
    truths = {index: tokenize(texts) for index, texts in enumerate(REFERENCES)}
    metrics = scored(TEXTS, REFERENCES, "rouge_l", "cider")
    assert metrics["cider"].value == pytest.approx(Cider().compute_score(truths, results)[0], abs=1e-12)
    assert metrics["rouge_l"].value == pytest.approx(Rouge().compute_score(truths, results)[0], abs=1e-12)


def test_words_weigh_in_a_part_what_they_weigh_in_the_whole(java):
    """CIDEr of a group, and of the references against each other, counts documents in the whole reference set."""
    measured = measure(TEXTS, REFERENCES, scorers(["cider"]))
    segments = measured.rows["cider"][:, 0]
    parts = breakdown(measured, [{"half": "ab"[n % 2]} for n in range(len(TEXTS))], seed=0, samples=10)["half"]
    assert parts["a"]["cider"].value == pytest.approx(segments[::2].mean())
    assert parts["b"]["cider"].value == pytest.approx(segments[1::2].mean())

    cider = scorers(["cider"])["cider"]
    twice = cider.statistics(TEXTS * 2, REFERENCES * 2, REFERENCES)
    assert twice[:, 0] == pytest.approx(np.tile(segments, 2))

    human = score_references(REFERENCES, [{}] * len(REFERENCES), scorers(["cider", "nist"]), seed=0, samples=10)
    several = [texts for texts in REFERENCES if len(texts) > 1]
    turns = [
        cider.statistics([texts[k] for texts in several], [[texts[1 - k]] for texts in several], REFERENCES)[:, 0]
        for k in range(2)
    ]
    assert human.metrics["cider"].value == pytest.approx(np.mean(turns))
    assert human.metrics["nist"].n == len(several)
    assert "|rounds:2|version:" in human.metrics["nist"].signature


# --- METEOR


@pytest.mark.slow
def test_meteor_is_its_own_programs_score(java):
    """`EVAL` of its statistics prints each segment's score and the corpus's; so do sums and formula here."""
    from pycocoevalcap.meteor import meteor

    measured = measure(TEXTS, REFERENCES, scorers(["meteor"]))
    rows, scorer = measured.rows["meteor"], measured.scorers["meteor"]
    raw = rows.copy()
    whole = (raw[:, 20] == 0) & (raw[:, 21] > 0)
    assert whole.sum() == 2  # the last two texts
    raw[whole, 20] = 1  # what the program said before it was summed
    line = "EVAL ||| " + " ||| ".join(" ".join(map(str, row)) for row in raw) + "\n"
    jar = Path(meteor.__file__).with_name(meteor.METEOR_JAR)
    command = ["java", "-Xmx2G", "-jar", str(jar), "-", "-", "-stdio", "-l", "en", "-norm"]
    ran = subprocess.run(command, input=line.encode(), capture_output=True, check=True)
    *segments, total = map(float, ran.stdout.split())
    assert scorer.scores(rows).tolist() == pytest.approx(segments, abs=1e-12)
    assert score(measured, seed=0)["meteor"].value == pytest.approx(total, abs=1e-12)
    assert segments[-1] == 1
    assert segments[3] == 0


# --- what is missing


def test_a_missing_package_is_named_before_anything_is_computed(monkeypatch):
    monkeypatch.setitem(sys.modules, "pycocoevalcap", None)  # Python's own way to say that it cannot be imported
    with pytest.raises(ConfigError, match=r"rouge_l need the package pycocoevalcap \(`pip install pycocoevalcap`\)"):
        require(["bleu", "rouge_l"])
    require(["bleu", "nist"])


def test_missing_java_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match=r"meteor, cider need .*Java 8 or later, as the command `java`: install"):
        require(["meteor", "cider"])
    require(["nist"])


def test_a_java_that_breaks_is_one_line(java, monkeypatch, tmp_path):
    broken = tmp_path / "java"
    broken.write_text('#!/bin/sh\n[ "$1" = -version ] || { echo there is no memory >&2; exit 1; }\n')
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(ConfigError, match=r"java -cp .* \(exit code 1\): there is no memory\. Leave its metric out"):
        scored(["a"], [["a"]], "rouge_l")


def test_every_name_has_a_scorer(java):
    assert list(scorers(NAMES)) == list(NAMES)
