"""`datatuner data corrupt`: what it prints and counts; and corruptions of the real corpora."""

import json
import os
import re
from collections import Counter
from pathlib import Path

import pytest

from datatuner import corpora
from datatuner.alignment import build_aligner
from datatuner.corpora import demo
from datatuner.corruptions import OPERATIONS, corrupt
from datatuner.corruptions.audit import audit
from datatuner.errors import ConfigError
from datatuner.example import Example, Slot, SlotValues
from datatuner.records import LABELS

SOME = demo.read("train")[:150]
ALIGNER = build_aligner("demo", demo.read("train"))


@pytest.fixture(scope="module", params=OPERATIONS)
def audited(request):
    return request.param, *audit(SOME, ALIGNER, recipe=request.param, seed=1, references=40)


def test_every_operation_is_counted(audited):
    recipe, report, made = audited
    assert tuple(report["operations"]) == OPERATIONS[recipe] == tuple(made)
    for operation, row in report["operations"].items():
        assert row["pairs"] == len(made[operation])
        assert row["possible"] == row["pairs"] / 40
    assert sum(report["labels"].values()) == pytest.approx(1, abs=1e-3)


def test_audited_keeps_no_meaning_and_cuts_no_words_and_released_does():
    rows = {
        recipe: audit(SOME, ALIGNER, recipe=recipe, seed=1, references=60)[0]["operations"] for recipe in OPERATIONS
    }
    for row in rows["audited"].values():
        assert row["meaning_kept"] in (0, None)
        assert row["not_as_labelled"] in (0, None)
        assert row["words_cut"] in (0, None)
    assert rows["released"]["value_cut"]["words_cut"] > 0.3
    assert max(row["not_as_labelled"] or 0 for row in rows["released"].values()) > 0.1


def test_a_cut_word_and_a_kept_meaning_are_seen():
    """By hand: the shorter sentence, "Go on.", says nothing, and a part of "Foomarsh" is no word."""
    source = SlotValues((Slot("name", "Foomarsh"), Slot("region", "Barland")))
    one = Example("a", "train", source, ("Go on. Foomarsh lies in Barland.",))
    report, made = audit([one], build_aligner("own", [one]), recipe="released", seed=3, references=1)
    rows = report["operations"]
    assert made["shortest_sentence_removed"][0].text == "Foomarsh lies in Barland."
    assert rows["shortest_sentence_removed"]["meaning_kept"] == 1
    assert rows["shortest_sentence_removed"]["not_as_labelled"] == 1
    assert made["value_cut"][0].text != one.references[0]
    assert rows["value_cut"]["words_cut"] == 1
    assert rows["values_mixed"]["words_cut"] == 0
    assert rows["values_mixed"]["meaning_kept"] == 0
    assert set(report["slots"]) == {"name", "region"}


def test_an_unknown_recipe_is_refused():
    with pytest.raises(ConfigError, match="no recipe 'auditd'"):
        audit(SOME, ALIGNER, recipe="auditd", seed=1)


@pytest.mark.slow
def test_the_command_prints_examples_and_the_table(datatuner):
    shown = datatuner("data", "corrupt", "demo", "--n", 1, "--recipe", "released")
    assert (shown.returncode, shown.stderr) == (0, "")
    for operation in OPERATIONS["released"]:
        assert re.search(rf"^{operation} \(\w+\)$", shown.stdout, re.M)
        assert re.search(rf"^{operation} +\w+ +\d+ +[\d.]+%", shown.stdout, re.M)
    assert "«" in shown.stdout
    assert re.search(r"labels of all .*: accurate \d", shown.stdout)


@pytest.mark.slow
def test_the_audit_as_json_is_the_same_for_the_same_seed(datatuner, fixtures):
    arguments = ("data", "corrupt", "viggo", "--data-dir", fixtures, "--json", "--seed", 4)
    shown = [datatuner(*arguments) for _ in range(2)]
    assert (shown[0].returncode, shown[0].stderr) == (0, "")
    assert shown[0].stdout == shown[1].stdout
    report = json.loads(shown[0].stdout)
    assert (report["corpus"], report["split"], report["recipe"], report["seed"]) == ("viggo", "train", "audited", 4)
    assert tuple(report["operations"]) == OPERATIONS["audited"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("demoo",), "no corpus 'demoo'. Did you mean demo?"),
        (("demo", "--recipe", "auditd"), "invalid choice: 'auditd'"),
        (("demo", "--n", "0"), "'0' is no number from 1 upwards"),
        (("viggo", "--folder", "nowhere"), "no such folder"),
        (("webnlg_v3_ru",), "corpus.language=ru: what corruptions change is told by alignment, which reads en alone."),
    ],
)
def test_mistakes_are_one_line(datatuner, tmp_path, arguments, message):
    shown = datatuner("data", "corrupt", *arguments, cwd=tmp_path)
    assert shown.returncode == 2
    assert message in shown.stderr
    assert len(shown.stderr.strip().splitlines()) == 1
    assert "Traceback" not in shown.stderr


@pytest.mark.slow
@pytest.mark.parametrize("name", ["viggo", "webnlg", "e2e", "ldc2017t10"])
def test_real_corpora_give_balanced_pairs_with_whole_words(name):
    root = os.environ.get("DATATUNER_DATA")
    if not root or not (Path(root) / name).is_dir():
        pytest.skip(f"no {name} under DATATUNER_DATA ({root or 'not set'})")
    train = corpora.read(name, Path(root) / name, "train")
    pairs = corrupt(train, build_aligner(name, train), seed=1, pairs=500)
    assert Counter(pair.label for pair in pairs) == dict.fromkeys(LABELS, 100)
    known = {
        word for example in train for text in example.references for word in re.findall(r"[^\W\d_]+", text.lower())
    }
    for example in train:
        known |= set(re.findall(r"[^\W\d_]+", repr(example.source).lower()))
    for pair in pairs:
        assert set(re.findall(r"[^\W\d_]+", pair.text.lower())) <= known, pair
