"""A classifier trained by the command, what it says of texts, and which folders are refused."""

import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from datatuner import corpora
from datatuner.checkpoints import load_classifier
from datatuner.errors import CheckpointError, ConfigError
from datatuner.fidelity import TrainedClassifier, score
from datatuner.findings import SlotError
from datatuner.judging import agreement
from datatuner.lineage import seal
from datatuner.metrics.classification import (
    calibration,
    confusion_matrix,
    event_calibration_error,
    expected_calibration_error,
    fit_temperature,
    held_out,
    label_scores,
    macro_f1,
    softmax,
)
from datatuner.modules.classifier_module import ClassifierModule
from datatuner.planning import classifier_stage
from datatuner.records import LABELS, Verdict
from datatuner.validation import validate
from tests.configs import composed

SMALL = (
    "corpus=demo",
    "classifier=tiny",
    "classifier.encoder.vocab_size=400",
    "classifier.encoder.architecture.num_hidden_layers=1",
    "classifier.encoder.architecture.hidden_size=32",
    "classifier.encoder.architecture.intermediate_size=32",
    "classifier.max_epochs=2",
    "classifier.batch_size=8",
    "corruptions.pairs=80",
    "trainer=cpu",
    "trainer.threads=1",
    "trainer.log_every=1",
)
Command = Callable[..., "subprocess.CompletedProcess[str]"]
Changer = Callable[[Callable[[Path], object]], Path]


@pytest.fixture(scope="module")
def folder(datatuner: Command, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished classifier folder, trained without one operation."""
    runs = tmp_path_factory.mktemp("classifier")
    arguments = ("train", "stage=classifier", *SMALL, "corruptions.leave_out=negated", "seed=1", f"runs_dir={runs}")
    finished = datatuner(*arguments)
    assert finished.returncode == 0, finished.stderr
    assert datatuner(*arguments).stdout.startswith("reused: ")
    return next(runs.glob("demo/classifier-tiny-*"))


@pytest.fixture(scope="module")
def trained(folder: Path) -> TrainedClassifier:
    return load_classifier(folder)


@pytest.fixture
def changed(folder: Path, tmp_path: Path) -> Changer:
    """changed(f): a copy of the folder after f(copy)."""

    def make(change: Callable[[Path], object]) -> Path:
        copy = Path(shutil.copytree(folder, tmp_path / "copy"))
        change(copy)
        if (copy / "done.json").is_file():  # as a training that has left these files
            (copy / "best.ckpt.sha256").unlink()
            done = json.loads((copy / "done.json").read_text())
            (copy / "done.json").write_text(json.dumps({**done, "outputs": seal(copy, "classifier")}))
        return copy

    return make


# What a training leaves


def test_what_a_training_records(folder):
    told = json.loads((folder / "classifier.json").read_text())
    assert (told["labels"], told["corpus"]) == (list(LABELS), "demo")
    assert told["corruptions"] == {"recipe": "audited", "pairs": 80, "leave_out": "negated"}
    scores = told["scores"]
    assert set(scores["labels"]) == set(LABELS)
    assert [sum(row) for row in scores["confusion"]] == [row["n"] for row in scores["labels"].values()]
    assert told["temperature"] == scores["temperature"]
    assert scores["calibration"]["after"]["nll"] <= scores["calibration"]["before"]["nll"]
    assert 0 <= scores["calibration"]["after"]["ece_accurate"] <= 1
    assert scores["left_out"]["operation"] == "negated"
    done = json.loads((folder / "done.json").read_text())
    assert done["scores"] == scores
    assert done["best"]["val/macro_f1"] == pytest.approx(scores["macro_f1"], abs=1e-6)
    assert (done["train_pairs"], done["steps"]) == (80, 20)
    assert not (folder / "last.ckpt").exists()


def test_the_best_epoch_is_kept(folder):
    rows = [line.split(",") for line in (folder / "metrics.csv").read_text().splitlines()]
    place = rows[0].index("val/macro_f1")
    seen = [float(row[place]) for row in rows[1:] if row[place]]
    assert len(seen) == 2
    assert json.loads((folder / "done.json").read_text())["best"]["val/macro_f1"] == pytest.approx(max(seen))


def test_a_checkpoint_loads_without_pickle_and_without_the_folder(folder, trained):
    module = ClassifierModule.load_from_checkpoint(folder / "best.ckpt", weights_only=True, map_location="cpu")
    assert isinstance(module, ClassifierModule)
    mine = trained.classifier.state_dict()
    assert all(torch.equal(tensor, mine[name]) for name, tensor in module.classifier.state_dict().items())


# Scoring


@pytest.fixture(scope="module")
def pairs() -> list[tuple[object, str]]:
    examples = corpora.read("demo", None, "test")[:12]
    return [(e.source, text) for e in examples for text in (*e.references, "", e.references[0])]


def test_scores_depend_on_the_pair_alone(trained, pairs):
    settled: list[int] = []
    found = score(trained, pairs, batch_size=7, on_batch=settled.append)
    assert found.probabilities.shape == (len(pairs), len(LABELS))
    np.testing.assert_allclose(found.probabilities.sum(axis=1), 1)
    assert sum(settled) == len(pairs)
    assert found.distinct == len(set(pairs)) < len(pairs)
    for batch_size in (1, 1000):
        again = score(trained, pairs, batch_size=batch_size).probabilities
        np.testing.assert_allclose(again, found.probabilities, atol=1e-5)
    backwards = score(trained, pairs[::-1], batch_size=5).probabilities[::-1]
    np.testing.assert_allclose(backwards, found.probabilities, atol=1e-5)
    places = {pair: place for place, pair in enumerate(pairs)}
    assert all((found.probabilities[i] == found.probabilities[places[p]]).all() for i, p in enumerate(pairs))


def test_nothing_to_score(trained):
    found = score(trained, [], batch_size=4)
    assert (found.probabilities.shape, found.cut_data, found.cut_text, found.distinct) == ((0, 5), 0, 0, 0)


def test_an_empty_text_and_one_that_is_too_long(trained):
    source = corpora.read("demo", None, "test")[0].source
    found = score(trained, [(source, ""), (source, "A walk. " * 50), (source, "walk " * 900)], batch_size=2)
    assert np.isfinite(found.probabilities).all()
    assert (found.cut_data, found.cut_text) == (1, 1)
    room = 512 - 3
    words = len(trained.encoder.tokenizer(" walk " + "walk " * 899, add_special_tokens=False)["input_ids"])
    cut = trained.encoder.pair(source, "walk " * 900)
    assert cut.cut_text == words - room
    assert cut.segment_ids.count(0) == 2  # no data is left


def test_probabilities_are_those_of_the_tempered_logits(folder, trained, pairs):
    source, text = pairs[0]
    pair = trained.encoder.pair(source, text)
    ids = torch.tensor([pair.input_ids])
    with torch.no_grad():
        logits = trained.classifier(ids, torch.tensor([pair.segment_ids]), torch.ones_like(ids))
    temperature = json.loads((folder / "classifier.json").read_text())["temperature"]
    expected = torch.softmax(logits.double() / temperature, dim=-1)[0].numpy()
    np.testing.assert_allclose(score(trained, pairs[:1], batch_size=1).probabilities[0], expected, atol=1e-6)


# What is refused


def test_a_classifier_of_another_corpus_or_other_labels(trained, changed):
    trained.ensure_fits("demo")
    with pytest.raises(CheckpointError, match=r"is a classifier of corpus=demo, not of corpus=viggo"):
        trained.ensure_fits("viggo")

    def other_order(copy: Path) -> None:
        told = json.loads((copy / "classifier.json").read_text())
        (copy / "classifier.json").write_text(json.dumps({**told, "labels": told["labels"][::-1]}))

    with pytest.raises(CheckpointError, match="with the labels hallucination, omission"):
        load_classifier(changed(other_order)).ensure_fits("demo")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda copy: (copy / "done.json").unlink(), "is not a finished classifier folder"),
        (lambda copy: (copy / "classifier.json").unlink(), "is not a finished classifier folder"),
        (lambda copy: (copy / "classifier.json").write_text("{}"), "not a usable checkpoint"),
        (lambda copy: (copy / "best.ckpt").write_bytes(b"PK"), "not a usable checkpoint"),
        (lambda copy: shutil.rmtree(copy / "tokenizer"), "not a usable checkpoint"),
    ],
)
def test_an_unfinished_or_damaged_folder(changed, change, expected):
    with pytest.raises(CheckpointError, match=expected):
        load_classifier(changed(change))


def test_a_folder_with_another_number_of_labels(changed):
    def fewer(copy: Path) -> None:
        told = json.loads((copy / "classifier.json").read_text())
        (copy / "classifier.json").write_text(json.dumps({**told, "labels": ["right", "wrong"]}))

    with pytest.raises(CheckpointError, match="not a usable checkpoint"):
        load_classifier(changed(fewer))


def test_the_command_needs_a_classifier(datatuner, tmp_path):
    refused = datatuner("train", "stage=classifier", "corpus=demo", "seed=1", f"runs_dir={tmp_path}")
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert "there is no classifier to train: pass classifier=" in refused.stderr


def test_all_mistakes_of_a_classifier_are_listed_at_once():
    wrong = {
        "classifier.batch_size": 0,
        "classifier.patience": 0,
        "classifier.optim.lr": "nan",
        "classifier.encoder.vocab_size": 258,
        "corruptions.pairs": 4,
        "corruptions.leave_out": "negate",
    }
    overrides = [f"{key}={value}" for key, value in wrong.items()]
    with pytest.raises(ConfigError) as refused:
        validate(composed("train", "corpus=demo", "classifier=tiny", "seed=1", *overrides))
    assert str(refused.value).count("; ") == len(wrong) - 1
    assert all(key in str(refused.value) for key in wrong)
    assert "Did you mean negated" in str(refused.value)
    validate(composed("train", "corpus=demo", "seed=1", "corruptions.pairs=4"))  # nobody asks for pairs


@pytest.mark.parametrize(
    ("override", "changes"),
    [
        ("trainer.threads=1", False),
        ("classifier.eval_batch_size=3", False),
        ("generator=gpt2", False),
        ("states=coarse", False),
        ("trainer.accumulate=4", False),
        ("corpus.max_length=100", False),
        ("seed=2", True),
        ("classifier.accumulate=4", True),
        ("classifier.max_length=100", True),
        ("classifier.optim.lr=1", True),
        ("corruptions.pairs=50", True),
        ("corruptions.recipe=released", True),
        ("corruptions.leave_out=negated", True),
        ("trainer.max_steps=3", True),
    ],
)
def test_what_names_the_folder(override, changes):
    base = ["corpus=demo", "classifier=tiny"]
    seed = [] if override.startswith("seed") else ["seed=1"]
    before = classifier_stage(composed("train", *base, "seed=1"))
    after = classifier_stage(composed("train", *base, *seed, override))
    assert (before.fingerprint != after.fingerprint) == changes
    assert before.folder.name.startswith("classifier-tiny-")


# Calibration and counts


def test_a_temperature_is_found_again():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(8_000, 5)) * 2
    labels = np.array([rng.choice(5, p=row) for row in softmax(logits)])
    assert fit_temperature(logits * 3, labels) == pytest.approx(3, rel=0.05)
    before, after = calibration(logits * 3, labels, 1.0), calibration(logits * 3, labels, 3.0)
    assert after["nll"] < before["nll"]
    assert after["ece"] < 0.02 < before["ece"]
    grid = np.exp(np.linspace(0.5, 1.7, 61))
    best = min(grid, key=lambda t: calibration(logits * 3, labels, t)["nll"])
    assert fit_temperature(logits * 3, labels) == pytest.approx(best, rel=0.02)


def test_a_temperature_has_bounds():
    logits = np.array([[4.0, 0.0], [0.0, 4.0]])
    assert 0.05 <= fit_temperature(logits, np.array([0, 1])) < 0.2
    assert fit_temperature(logits, np.array([1, 0])) == pytest.approx(20)


def test_calibration_against_torch_and_by_hand():
    logits = np.array([[2.0, 0.0], [0.0, 1.0], [3.0, 0.0], [0.0, 0.5]])
    labels = np.array([0, 1, 1, 0])
    expected = torch.nn.functional.cross_entropy(torch.tensor(logits), torch.tensor(labels)).item()
    assert calibration(logits, labels, 1.0)["nll"] == pytest.approx(expected)
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.4, 0.6]])  # right, wrong, right
    assert expected_calibration_error(probabilities, np.array([0, 1, 1])) == pytest.approx((0.8 + 0.4) / 3)
    assert expected_calibration_error(np.array([[1.0, 0.0]]), np.array([0])) == 0


def test_the_calibration_error_of_an_event_by_hand():
    probabilities = np.array([0.65, 0.65, 0.1, 1.0])
    happened = np.array([True, True, True, True])
    assert event_calibration_error(probabilities, happened) == pytest.approx((2 * 0.35 + 0.9 + 0) / 4)
    assert event_calibration_error(np.array([0.5, 0.5]), np.array([True, False])) == 0


def test_judges_agree_and_a_probability_is_held_against_slot_errors():
    missing = (SlotError("missing", "name", "Aspen Way"),)

    def verdict(accurate: float, errors: tuple[SlotError, ...]) -> Verdict:
        return Verdict.by([accurate, *[(1 - accurate) / 4] * 4], errors)

    chosen = [verdict(0.9, ()), verdict(0.9, missing), verdict(0.1, ())]
    found = agreement(chosen, [*chosen, verdict(0.1, missing)])
    assert found["agree"] == found["accurate_with_slot_errors"] == found["not_accurate_without_slot_errors"] == 1
    of = "P(accurate) against no slot errors, by alignment"
    assert found["calibration_error"] == {"value": pytest.approx((0.8 + 0.9) / 3), "n": 3, "of": of}
    assert found["calibration_error_n_best"] == {"value": pytest.approx((0.8 + 0.8) / 4), "n": 4, "of": of}
    assert "calibration_error_n_best" not in agreement(chosen)


def test_scores_by_label():
    predicted, labels = np.array([0, 0, 1, 2, 0]), np.array([0, 1, 1, 2, 2])
    confusion = confusion_matrix(predicted, labels, 4)
    assert confusion.tolist() == [[1, 0, 0, 0], [1, 1, 0, 0], [1, 0, 1, 0], [0, 0, 0, 0]]
    scores = label_scores(confusion, "abcd")
    assert scores["a"] == {"precision": pytest.approx(1 / 3), "recall": 1, "f1": 0.5, "n": 1}
    assert scores["b"] == {"precision": 1, "recall": 0.5, "f1": pytest.approx(2 / 3), "n": 2}
    assert scores["d"] == {"precision": 0, "recall": 0, "f1": 0, "n": 0}
    assert macro_f1(confusion) == pytest.approx((0.5 + 2 / 3 + 2 / 3) / 3)  # without the label that never occurs
    assert math.isnan(macro_f1(np.zeros((2, 2), dtype=np.int64)))
    chosen = np.array([False, True, True, False, True])
    assert held_out(predicted, labels, chosen) == {
        "n": 3,
        "found": pytest.approx(1 / 3),
        "labelled": pytest.approx(1 / 3),
    }
    assert held_out(predicted, labels, ~chosen & chosen)["found"] is None


# Going on


@pytest.mark.slow
def test_a_killed_training_ends_with_the_same_weights(datatuner, tmp_path):
    dropout = "classifier.encoder.architecture.hidden_dropout_prob=0.1"
    long = ("classifier.max_epochs=12", "corruptions.pairs=200", "trainer.save_every=7", dropout)
    arguments = ["train", "stage=classifier", *SMALL, *long, "seed=1"]
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert datatuner(*arguments, f"runs_dir={whole}").returncode == 0
    command = [sys.executable, "-m", "datatuner.cli", *arguments, f"runs_dir={killed}"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    end = time.monotonic() + 120
    while not list(killed.glob("demo/*/last.ckpt")):
        assert process.poll() is None
        assert time.monotonic() < end
        time.sleep(0.02)
    for group in map(int, Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()):
        os.killpg(group, signal.SIGKILL)
    process.kill()
    process.wait()
    assert not list(killed.glob("demo/*/done.json"))
    finished = datatuner(*arguments, f"runs_dir={killed}")
    assert "continues after step" in finished.stderr
    found = [next(runs.glob("demo/*/best.ckpt")) for runs in (whole, killed)]
    one, other = (torch.load(path, weights_only=True)["state_dict"] for path in found)
    assert [name for name in one if not torch.equal(one[name], other[name])] == []
    scores = [json.loads(path.with_name("classifier.json").read_text())["scores"] for path in found]
    assert scores[0] == scores[1]
