"""The road after decoding, by real commands on the ViGGO fixture: classifier, scores, reranking, rows, report."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from datatuner import corpora, load
from datatuner.lineage import seal
from datatuner.records import LABELS

pytestmark = pytest.mark.slow  # three whole runs before the first test
# The smallest classifier there is, beside conftest's smallest generator.
CLASSIFIER = (
    "classifier=tiny",
    "classifier.encoder.vocab_size=300",
    "classifier.encoder.architecture.num_hidden_layers=1",
    "classifier.encoder.architecture.hidden_size=32",
    "corruptions.pairs=20",
)


@pytest.fixture(scope="module")
def command(datatuner, small, fixtures):
    """command("run", override, …, runs_dir=…): on the ViGGO fixture, with the smallest models."""

    def run(name: str, *overrides: str, runs_dir: Path, classifier: tuple[str, ...] = CLASSIFIER) -> Any:
        corpus = ("corpus=viggo", f"corpus.folder={fixtures / 'viggo'}", "seed=1", f"runs_dir={runs_dir}")
        kept = [override for override in small if override != "corpus=demo"]
        return datatuner(name, *kept, *corpus, *classifier, *overrides)

    return run


@pytest.fixture(scope="module")
def rows(command, tmp_path_factory) -> Path:
    """A runs_dir with the rows no_fc_no_fs, no_fc and fc."""
    runs_dir: Path = tmp_path_factory.mktemp("rows")
    for name in ("no_fc_no_fs", "no_fc", "fc"):
        ran = command("run", f"experiment={name}", runs_dir=runs_dir)
        assert ran.returncode == 0, ran.stderr
    return runs_dir / "viggo"


def folders(root: Path, kind: str) -> list[Path]:
    return sorted(root.glob(f"{kind}-*"))


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def content(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    return found


def test_rows_share_generators_lists_and_the_classifier(rows):
    counts = {kind: len(folders(rows, kind)) for kind in ("train", "decode", "classifier", "score", "evaluate")}
    assert counts == {"train": 2, "decode": 2, "classifier": 1, "score": 2, "evaluate": 3}


def test_scored_hypotheses_are_the_decodings_with_their_verdicts(rows):
    for folder in folders(rows, "score"):
        plan = json.loads((folder / "stage.json").read_text())
        beams = lines(Path(plan["parents"]["decode"]) / "beams.jsonl")
        for beam, scored in zip(beams, lines(folder / "scored.jsonl"), strict=True):
            assert [each["hypothesis"] for each in scored["hypotheses"]] == beam["hypotheses"]
            for each in scored["hypotheses"]:
                probabilities = each["verdict"]["probabilities"]
                assert list(probabilities) == list(LABELS)
                assert sum(probabilities.values()) == pytest.approx(1)
                assert each["verdict"]["label"] == max(LABELS, key=probabilities.__getitem__)
                assert 0 <= each["sentence_bleu"] <= 100


def test_metrics_hold_slot_errors_the_human_floor_and_the_classifiers_share(rows):
    for folder in folders(rows, "evaluate"):
        found = content(folder)
        assert list(found["metrics"]) == ["bleu", "bleu_cased", "chrf_pp", "ser", "accurate", "ser_references"]
        predictions = lines(folder / "predictions.jsonl")
        errors = sum(len(row["verdict"]["slot_errors"]) for row in predictions)
        slots = sum(row["slots"] for row in predictions)
        assert found["metrics"]["ser"]["value"] == pytest.approx(100 * errors / slots)
        accurate = sum(row["verdict"]["label"] == "accurate" for row in predictions)
        assert found["metrics"]["accurate"]["value"] == pytest.approx(100 * accurate / len(predictions))
        judged = [row["judges_differ"] for row in predictions]
        assert found["judges"]["agree"] == judged.count(False)
        counts = ("agree", "accurate_with_slot_errors", "not_accurate_without_slot_errors")
        assert sum(found["judges"][name] for name in counts) == len(predictions)
        assert found["judges"]["calibration_error"]["n"] == len(predictions)
        lists = lines(Path(json.loads((folder / "stage.json").read_text())["parents"]["score"]) / "scored.jsonl")
        assert found["judges"]["calibration_error_n_best"]["n"] == sum(len(row["hypotheses"]) for row in lists)
        by_slot = sum(sum(row.values()) - row["slots"] for row in found["slots"].values())
        assert by_slot == errors


def test_a_report_has_the_papers_rows_and_their_tests(rows, datatuner):
    shown = datatuner("report", rows, "--samples", 40)
    assert shown.returncode == 0, shown.stderr
    table = [line.split(" | ") for line in shown.stdout.splitlines() if line.startswith("| ")]
    assert table[0][2:6] == ["BLEU", "chrF++", "SER", "accurate"]
    assert [row[0] for row in table[2:5]] == ["| no_fc_no_fs", "| no_fc", "| fc"]
    assert {row[0] for row in table[7:]} == {"| no_fc_no_fs", "| fc"}  # each against no_fc
    by_folder = {
        content(folder)["provenance"]["row"]["states"]: content(folder) for folder in folders(rows, "evaluate")
    }
    coarse = by_folder["coarse"]["metrics"]["bleu"]["value"]
    assert table[2][2].startswith(f"{coarse:.2f} [")


def test_a_report_of_nothing_and_of_an_unknown_baseline_is_refused(rows, datatuner, tmp_path):
    (tmp_path / "empty").mkdir()
    for arguments, expected in (
        ([tmp_path / "nothing"], "nothing: no such folder."),
        ([tmp_path / "empty"], "there is no evaluation in it"),
        ([rows, "--baseline", "fcc"], "--baseline fcc: there is no such row. Rows: no_fc_no_fs, no_fc, fc."),
    ):
        refused = datatuner("report", *arguments)
        assert refused.returncode == 2
        assert expected in refused.stderr
        assert refused.stderr.count("\n") == 1


def test_a_report_says_where_slot_errors_are_by_different_rules(rows, datatuner, tmp_path):
    shutil.copytree(rows, tmp_path / "viggo")
    warning = "Slot errors are by different versions of the alignment and must not be compared: evaluate them again."
    assert warning not in datatuner("report", tmp_path).stdout
    metrics = folders(tmp_path / "viggo", "evaluate")[0] / "metrics.json"
    metrics.write_text(re.sub(r"aligner:\d+", "aligner:1", metrics.read_text(encoding="utf-8")), encoding="utf-8")
    assert "is not the file that its stage left" in datatuner("report", tmp_path).stdout
    sealed(metrics.parent)
    assert warning in datatuner("report", tmp_path).stdout.splitlines()


def test_other_systems_in_folders_of_one_name_are_told_apart(rows, datatuner, tmp_path):
    for name in ("theirs", "ours"):
        out = tmp_path / name / "out"
        shutil.copytree(folders(rows, "evaluate")[0], out)
        scores = content(out)
        scores["provenance"]["row"] = {}
        (out / "metrics.json").write_text(json.dumps(scores), encoding="utf-8")
        sealed(out)
    said = datatuner("report", tmp_path).stdout
    assert "| theirs/out | 0 |" in said
    assert "| ours/out | 0 |" in said
    assert "Left out" not in said


def test_of_two_evaluations_of_one_row_and_seed_that_by_newer_versions_counts(rows, datatuner, tmp_path):
    (first, *_) = folders(rows, "evaluate")
    older = Path(shutil.copytree(first, tmp_path / "older"))
    scores = content(older)
    scores["provenance"]["versions"]["decode"] -= 1
    (older / "metrics.json").write_text(json.dumps(scores), encoding="utf-8")
    sealed(older)
    shown = datatuner("report", first, older, "--samples", 40)
    left_out = "Left out, since another evaluation of its row and seed counts (newer rules, labels)"
    assert f"{left_out}: {older}\n" in shown.stdout


def sealed(folder: Path, kind: str = "evaluate") -> None:
    """As a stage that has left these files."""
    done = json.loads((folder / "done.json").read_text(encoding="utf-8"))
    (folder / "done.json").write_text(json.dumps({**done, "outputs": seal(folder, kind)}), encoding="utf-8")


def test_the_weight_of_probability_is_chosen_on_validation(rows, command):
    ran = command("run", "experiment=fc", "reranking=probability", runs_dir=rows.parent)
    assert ran.returncode == 0, ran.stderr
    (folder,) = folders(rows, "evaluate-probability")
    found = content(folder)["n_best"]
    tuned = found["tuned_on_validation"]
    assert [row["weight"] for row in tuned] == [tenth / 10 for tenth in range(11)]
    near = [row for row in tuned if row["bleu"] >= max(row["bleu"] for row in tuned) - 0.3]
    fewest = [row for row in near if row["ser"] == min(row["ser"] for row in near)]
    assert found["weight"] == max((row["bleu"], row["weight"]) for row in fewest)[1]
    plan = json.loads((folder / "stage.json").read_text())
    assert (
        json.loads((Path(plan["parents"]["validation"]) / "stage.json").read_text())["config"]["split"] == "validation"
    )


def test_any_systems_texts_are_labelled_by_a_finished_classifier(rows, command, tmp_path):
    (classifier,) = folders(rows, "classifier")
    inputs = lines(folders(rows, "evaluate")[0] / "predictions.jsonl")
    (tmp_path / "theirs.txt").write_text("\n" * len(inputs))  # empty texts are scored like any other
    arguments = [f"predictions={tmp_path / 'theirs.txt'}", f"fidelity={classifier}", f"output_dir={tmp_path / 'out'}"]
    ran = command("evaluate", *arguments, runs_dir=rows.parent, classifier=())
    assert ran.returncode == 0, ran.stderr
    found = lines(tmp_path / "out" / "predictions.jsonl")
    assert {row["text"] for row in found} == {""}
    assert all(row["verdict"]["label"] in LABELS for row in found)
    assert all(row["verdict"]["slot_errors"] for row in found)
    assert content(tmp_path / "out")["metrics"]["ser"]["value"] >= 90


@pytest.mark.parametrize("policy", ["binary", "severity", "probability"])
def test_a_policy_that_needs_labels_is_refused_without_a_classifier(command, tmp_path, policy):
    refused = command("run", f"reranking={policy}", runs_dir=tmp_path, classifier=())
    assert refused.returncode == 2
    assert f"reranking={policy} needs a classifier: pass classifier=…, or fidelity=FOLDER" in refused.stderr


def test_a_classifier_of_another_corpus_is_refused_by_name(rows, datatuner, small, tmp_path):
    (classifier,) = folders(rows, "classifier")
    refused = datatuner("run", *small, "seed=1", f"fidelity={classifier}", f"runs_dir={tmp_path}")
    assert refused.returncode == 2
    assert "was trained on corpus=viggo, and says nothing of corpus=demo" in refused.stderr
    assert not tmp_path.joinpath("demo").exists()


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (lambda row: {**row, "hypotheses": row["hypotheses"][:1]}, "expected the decoding's 2 hypotheses, found 1"),
        (lambda row: {**row, "id": "test-99"}, "1 missing"),
        (lambda row: {**row, "slots": "many"}, "expected 'slots' with a whole number"),
    ],
)
def test_a_scored_file_that_lacks_something_is_refused(rows, command, tmp_path, damage, expected):
    shutil.copytree(rows, tmp_path / "viggo")
    for folder in folders(tmp_path / "viggo", "score"):
        first, *others = lines(folder / "scored.jsonl")
        changed = [damage(first), *others]
        (folder / "scored.jsonl").write_text("\n".join(map(json.dumps, changed)) + "\n", encoding="utf-8")
        sealed(folder, "score")
    refused = command("evaluate", "states=fine", "reranking=slots", runs_dir=tmp_path)
    assert refused.returncode == 2
    assert expected in refused.stderr.splitlines()[-1]


def test_a_language_that_alignment_does_not_read_has_labels_alone(command, rows, tmp_path):
    shutil.copytree(rows, tmp_path / "viggo")
    german = ("experiment=fc", "corpus.language=de")
    ran = command("run", *german, f"fidelity={folders(tmp_path / 'viggo', 'classifier')[0]}", runs_dir=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert "% of inputs have no accurate text (by classifier)" in ran.stdout
    (scored,) = set(folders(tmp_path / "viggo", "score")) - {
        tmp_path / "viggo" / f.name for f in folders(rows, "score")
    }
    for row in lines(scored / "scored.jsonl"):
        assert row["slots"] is None
        assert all(h["verdict"]["slot_errors"] is None and h["verdict"]["label"] for h in row["hypotheses"])
    ran = command("run", *german, "reranking=oracle", "classifier=none", runs_dir=tmp_path, classifier=())
    assert ran.returncode == 0, ran.stderr
    (said,) = (line for line in ran.stdout.splitlines() if line.startswith("  n best: "))
    assert said.startswith("  n best: reranking=oracle changed ")


def test_an_exported_row_writes_and_labels_as_the_run_did(rows, datatuner, fixtures, tmp_path):
    (evaluated,) = (folder for folder in folders(rows, "evaluate") if "severity" in folder.name)
    ran = datatuner("export", evaluated, tmp_path / "viggo")
    assert ran.returncode == 0, ran.stderr
    tuner = load(tmp_path / "viggo")
    results = tuner.generate([example.source for example in corpora.read("viggo", fixtures / "viggo", "test")])
    card, scored = (tmp_path / "viggo/README.md").read_text(encoding="utf-8"), content(evaluated)["judges"]
    errors = tuner.settings["classifier"]["calibration_error"]
    assert errors["own_texts"] == scored["calibration_error"]
    here = f"{errors['own_texts']['value']:.3f} on the {len(results)} texts of the test split"
    assert f"error is {errors['corrupted_references']:.3f} there, and {here}" in card
    abstention = tuner.settings["abstention"]
    assert abstention["inputs"] == len(results)
    for row in abstention["table"]:
        kept = [each for each in results if any(text.fidelity >= row["threshold"] for text in each.candidates)]
        assert row["kept"] == pytest.approx(len(kept) / len(results))
        share = "–" if row["errors"] is None else f"{row['errors']:.1%}"
        assert f"| {row['threshold']} | {row['kept']:.1%} | {share} |" in card
    for result, row in zip(results, lines(evaluated / "predictions.jsonl"), strict=True):
        assert (result.text, result.label) == (row["text"], row["verdict"]["label"])
        assert result.candidates[0].probabilities == pytest.approx(row["verdict"]["probabilities"], abs=1e-6)
        assert [error.slot for error in result.candidates[0].errors] == [
            e["slot"] for e in row["verdict"]["slot_errors"]
        ]
    act = "inform(name[Dirt: Showdown], has_mac_release[no])"  # a row as it stands in ViGGO
    assert tuner.generate(act, abstain_below=1).text is None
    assert len(tuner.generate(act, abstain_below=1).alternatives) == 2
