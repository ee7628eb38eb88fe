"""`datatuner evaluate`: any system's texts against sacrebleu's own scores, the references, output_dir."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import sacrebleu

from datatuner import corpora
from datatuner.metrics.catalogue import DEFAULT
from tests.conftest import DATATUNER

TEXTS = [
    "Moss: The Return is a puzzle for everyone over ten, out on June 29, 2031.",
    "Which perspective do you like?",
    "O'Malley & Sons did well.",
    "You said Fenland was poor.",
    "Have you tried fenland on PC?",
    "",
    "You have a Mac? Try Fenland.",
    "What is the oldest arcade game?",
    "What makes first-person games so good?",
]


@pytest.fixture
def evaluate(datatuner, fixtures, tmp_path):
    """evaluate(corpus, …): the command on a fixture corpus with runs_dir=tmp_path/runs."""

    def run(corpus: str, *arguments: object):
        folders = [f"corpus.folder={fixtures / corpus}", f"runs_dir={tmp_path / 'runs'}"]
        return datatuner("evaluate", f"corpus={corpus}", *folders, "bootstrap_samples=40", *arguments)

    return run


def results(folder: Path) -> Any:
    return json.loads((folder / "metrics.json").read_text(encoding="utf-8"))


def rows(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / "predictions.jsonl").read_text(encoding="utf-8").splitlines()]


def text_scores(metrics: dict[str, Any]) -> dict[str, float]:
    """The values of the metrics that compare texts with references."""
    return {name: metric["value"] for name, metric in metrics.items() if name in DEFAULT}


def sacrebleus(texts: list[str], references: list[tuple[str, ...]]) -> dict[str, float]:
    """The same scores by sacrebleu's interface, where None stands for a reference that an input lacks."""
    width = max(map(len, references))
    streams: Any = [[each[k] if k < len(each) else None for each in references] for k in range(width)]
    return {
        "bleu": sacrebleu.BLEU(lowercase=True).corpus_score(texts, streams).score,
        "bleu_cased": sacrebleu.BLEU().corpus_score(texts, streams).score,
        "chrf_pp": sacrebleu.CHRF(word_order=2).corpus_score(texts, streams).score,
    }


def test_any_systems_texts_get_sacrebleus_scores_in_output_dir(evaluate, fixtures, tmp_path):
    given, out = tmp_path / "theirs.txt", tmp_path / "deep" / "out"
    given.write_text("\n".join(TEXTS) + "\n", encoding="utf-8")
    ran = evaluate("viggo", "split=train", f"predictions={given}", f"output_dir={out}")
    assert ran.returncode == 0, ran.stderr
    assert {path.name for path in out.iterdir()} == {"metrics.json", "predictions.jsonl", "done.json"}
    assert not (tmp_path / "runs").exists()

    corpus = corpora.read("viggo", fixtures / "viggo", "train")
    expected = sacrebleus(TEXTS, [example.references for example in corpus])
    content = results(out)
    assert text_scores(content["metrics"]) == pytest.approx(expected, abs=1e-9)
    assert all(metric["n"] == len(TEXTS) for metric in content["metrics"].values())
    assert set(content["breakdown"]["act"]) == {example.attributes["act"] for example in corpus}
    assert [(row["id"], row["text"]) for row in rows(out)] == [
        (example.id, text) for example, text in zip(corpus, TEXTS, strict=True)
    ]
    assert {row["complete"] for row in rows(out)} == {None}
    # What the terminal shows: three texts and where the scores are.
    assert ran.stdout.count("\n  input      ") == 3
    assert f"\n{out / 'metrics.json'}\n" in ran.stdout
    assert f"{given}: 9 texts, 1 of them empty" in ran.stderr

    # The same texts by id, in any order, are the same scores.
    by_id = tmp_path / "theirs.jsonl"
    shuffled = [{"id": example.id, "text": text} for example, text in zip(corpus, TEXTS, strict=True)][::-1]
    by_id.write_text("\n".join(map(json.dumps, shuffled)), encoding="utf-8")
    again = evaluate("viggo", "split=train", f"predictions={by_id}", f"output_dir={out / 'again'}")
    assert again.returncode == 0, again.stderr
    assert results(out / "again")["metrics"] == content["metrics"]
    assert len(list((out / "again").iterdir())) == 3


def test_another_evaluations_results_are_never_replaced(evaluate, tmp_path):
    out = tmp_path / "out"
    for name in ("one", "two"):
        (tmp_path / f"{name}.txt").write_text(f"The Blue Door is a restaurant.\nThe Oak is {name}.\n")

    def run(name: str, where: Path = out) -> tuple[int, str]:
        ran = evaluate("e2e", f"predictions={tmp_path / name}.txt", f"output_dir={where}")
        return ran.returncode, ran.stderr.splitlines()[-1]

    def refused(path: Path) -> tuple[int, str]:
        left = "is there already, and not of this evaluation: pass output_dir= with another folder, or remove it."
        return 2, f"datatuner: error: {path} {left}"

    assert run("one")[0] == 0
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    assert run("two") == refused(out / "metrics.json")
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert run("one")[0] == 0  # the very same one
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert json.loads(before["metrics.json"])["provenance"]["fingerprint"]
    (out / "metrics.json").unlink()  # whose texts are these?
    assert run("one") == refused(out / "predictions.jsonl")
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "comparison.json").write_text("{}")
    assert run("one", theirs) == refused(theirs / "comparison.json")


@pytest.mark.slow
def test_of_two_evaluations_at_once_for_one_folder_one_is_refused(fixtures, tmp_path):
    out, started = tmp_path / "out", []
    for name in ("one", "two"):
        given = tmp_path / f"{name}.txt"
        given.write_text(f"The Blue Door is a restaurant.\nThe Oak is {name}.\n")
        command = [str(DATATUNER), "evaluate", "corpus=e2e", f"corpus.folder={fixtures / 'e2e'}", f"output_dir={out}"]
        typed = [*command, f"predictions={given}", "bootstrap_samples=40"]
        started.append(subprocess.Popen(typed, stderr=subprocess.PIPE, text=True, cwd=tmp_path))
    said = [process.communicate(timeout=250)[1].splitlines()[-1] for process in started]
    codes = [process.returncode for process in started]
    assert sorted(codes) == [0, 2], said
    assert said[codes.index(2)] in (
        f"datatuner: error: another process writes to {out}. Wait for it, or pass output_dir= with another folder.",
        f"datatuner: error: {out / 'metrics.json'} is there already, and not of this evaluation: pass output_dir= with "
        "another folder, or remove it.",
    )
    name = ("one", "two")[codes.index(0)]
    assert rows(out)[1]["text"] == f"The Oak is {name}."
    assert {path.name for path in out.iterdir()} == {"metrics.json", "predictions.jsonl", "done.json"}


def test_the_output_of_an_evaluation_that_broke_is_kept(evaluate, fixtures, tmp_path, monkeypatch):
    (tmp_path / "breaks.py").write_text(
        "import sys\n"
        "from datatuner.example import Example, Slot, SlotValues\n"
        "class Reader:\n"
        "    def files(self, folder, split):\n        return [folder / 'corpus' / 'mine.yaml']\n"
        "    def read(self, folder, split, tally):\n"
        "        if sys.modules['__main__'].__spec__.name == 'datatuner.commands.stage':\n"
        "            raise RuntimeError('own code')\n"
        "        yield Example('1', split, SlotValues((Slot('name', 'A'),)), ('A.',))\n"
    )
    (tmp_path / "corpus").mkdir()
    yaml = "name: mine\nreader: {_target_: breaks.Reader}\n"
    (tmp_path / "corpus" / "mine.yaml").write_text(yaml)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    out = tmp_path / "out"
    where = ("--config-dir", tmp_path, f"corpus.folder={tmp_path}")
    broke = evaluate("mine", *where, "predictions=references", f"output_dir={out}")
    assert broke.returncode == 2
    assert broke.stderr.splitlines()[-1] == (
        f"datatuner: error: the evaluation failed. Its output is in {out / 'log.txt'}."
    )
    assert "RuntimeError: own code" in (out / "log.txt").read_text()


@pytest.mark.slow
def test_without_output_dir_the_evaluation_is_a_stage(evaluate, tmp_path):
    given = tmp_path / "theirs.txt"
    given.write_text("The Blue Door is a restaurant.\nThe Oak is dear.\n")
    first, second = (evaluate("e2e", f"predictions={given}") for _ in range(2))
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    (folder,) = (tmp_path / "runs" / "e2e").iterdir()
    assert folder.name.startswith("evaluate-predictions-")
    assert first.stdout.startswith(f"done: {folder}\n")
    assert second.stdout == first.stdout.replace("done:", "reused:", 1)


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("short.txt", "only one\n", "short.txt: expected 2 lines, one per input of this split, found 1. "),
        (
            "other.jsonl",
            '{"id": "test-1", "text": "x"}\n{"id": "train-7", "text": "y"}\n',
            "expected each of the split's 2 ids once, found 1 missing ('test-3'); 1 unknown ('train-7'). ",
        ),
    ],
)
def test_texts_that_do_not_match_the_split_are_refused_in_one_line(evaluate, tmp_path, name, content, expected):
    (tmp_path / name).write_text(content)
    refused = evaluate("e2e", f"predictions={tmp_path / name}", f"output_dir={tmp_path / 'out'}")
    assert refused.returncode == 2
    counts, mistake = refused.stderr.splitlines()
    assert counts.startswith("e2e test: 3 rows")
    assert mistake.startswith("datatuner: error: ")
    assert expected in mistake
    assert not (tmp_path / "out").exists()


def test_references_are_scored_against_each_other(evaluate, fixtures, tmp_path):
    ran = evaluate("viggo", "split=train", "predictions=references", f"output_dir={tmp_path}")
    assert ran.returncode == 0, ran.stderr
    content = results(tmp_path)
    references = [example.references for example in corpora.read("viggo", fixtures / "viggo", "train")]
    several = [each for each in references if len(each) > 1]
    assert [len(each) for each in several] == [2, 2]
    turns = [
        sacrebleus([each[k] for each in several], [(each[1 - k],) for each in several]) for k in range(2)
    ]  # each reference against the other one
    assert content["metrics"].pop("ser_references")["n"] == len(references)
    for name, metric in content["metrics"].items():
        assert metric["value"] == pytest.approx((turns[0][name] + turns[1][name]) / 2, abs=1e-9)
        assert metric["n"] == 2
    assert content["provenance"]["inputs_with_one_reference"] == len(references) - 2
    rounds = content["provenance"]["rounds"]
    assert [each["inputs"] for each in rounds] == [2, 2]
    assert [each["bleu"] for each in rounds] == pytest.approx([turn["bleu"] for turn in turns], abs=1e-9)
    by_act = content["breakdown"]["act"]
    assert sum(part["bleu"]["n"] for part in by_act.values()) == 2
    assert all(part["bleu"]["value"] is None for part in by_act.values() if part["bleu"]["n"] == 0)
    assert len(rows(tmp_path)) == len(references)


@pytest.mark.slow
def test_where_no_input_has_two_references_the_scores_are_null(evaluate, tmp_path):
    ran = evaluate("e2e", "split=test", "predictions=references", f"output_dir={tmp_path}")
    assert ran.returncode == 0, ran.stderr
    said = [line for line in ran.stderr.splitlines() if "no input has two references" in line]
    assert len(said) == 1
    assert ran.stdout.count(" null\n") == 3
    metrics = results(tmp_path)["metrics"]
    assert metrics.pop("ser_references")["n"] == 2
    for metric in metrics.values():
        assert (metric["value"], metric["low"], metric["high"], metric["n"]) == (None, None, None, 0)


@pytest.mark.slow
def test_webnlg_is_broken_down_by_seen_and_unseen_categories(evaluate, fixtures, tmp_path):
    corpus = corpora.read("webnlg", fixtures / "webnlg", "test")
    texts = ["Ulla Brandt was born in Lower Fens.", "Crème de mousse comes from Lower Fens."]
    given = tmp_path / "theirs.txt"
    given.write_text("\n".join(texts), encoding="utf-8")
    ran = evaluate("webnlg", f"predictions={given}", f"output_dir={tmp_path / 'out'}")
    assert ran.returncode == 0, ran.stderr
    parts = results(tmp_path / "out")["breakdown"]
    assert {name: set(values) for name, values in parts.items()} == {
        "category": {"Astronomer", "Food"},
        "seen": {"seen", "unseen"},
        "size": {"1"},
    }
    for example, text in zip(corpus, texts, strict=True):
        alone = sacrebleus([text], [example.references])
        found = parts["seen"][example.attributes["seen"]]
        assert text_scores(found) == pytest.approx(alone, abs=1e-9)
    assert [example.attributes["seen"] for example in corpus] == ["unseen", "seen"]


@pytest.mark.slow
def test_russian_texts_are_scored_but_not_aligned(evaluate, fixtures, tmp_path):
    texts = [example.references[0] for example in corpora.read("webnlg_v3_ru", fixtures / "webnlg_v3_ru", "test")]
    (tmp_path / "theirs.txt").write_text("\n".join(texts), encoding="utf-8")
    for number, given in enumerate((tmp_path / "theirs.txt", "references")):
        ran = evaluate("webnlg_v3_ru", f"predictions={given}", f"output_dir={tmp_path / str(number)}")
        assert ran.returncode == 0, ran.stderr
        assert "no slot errors and no coverage: alignment reads en alone (corpus.language)" in ran.stderr
        content = results(tmp_path / str(number))
        assert set(content["metrics"]) == set(DEFAULT)
        assert not {"slots", "judges"} & set(content)
        for row in rows(tmp_path / str(number)):
            verdict = {"label": None, "probabilities": None, "slot_errors": None}
            assert (row["slots"], row["verdict"], row["judges_differ"]) == (None, verdict, None)
    assert results(tmp_path / "0")["metrics"]["bleu"]["value"] == pytest.approx(100)


# --- more metrics, more systems


@pytest.mark.slow
def test_chosen_metrics_are_scored_overall_and_by_attribute(evaluate, fixtures, tmp_path):
    given = tmp_path / "theirs.txt"
    given.write_text("\n".join(TEXTS), encoding="utf-8")
    typed = ["viggo", "split=train", f"predictions={given}"]
    ran = evaluate(*typed, "metrics=[nist,bleu]")
    assert ran.returncode == 0, ran.stderr
    (folder,) = (tmp_path / "runs" / "viggo").iterdir()
    content = results(folder)
    assert list(content["metrics"]) == ["bleu", "nist", "ser", "ser_references"]
    for values in content["breakdown"]["act"].values():
        assert values["nist"]["low"] <= values["nist"]["value"] <= values["nist"]["high"]
    metric = content["metrics"]["nist"]
    shown = [line for line in ran.stdout.splitlines() if line.startswith("  nist ")]
    assert len(shown) == 1
    assert f"{metric['value']:.4f} [{metric['low']:.4f}, {metric['high']:.4f}]" in shown[0]
    assert evaluate(*typed, "metrics=[bleu,nist]").stdout.startswith("reused: ")


@pytest.fixture
def systems(tmp_path) -> list[Path]:
    """Three systems for ViGGO's training fixture: two files of the same name, and an evaluation's folder."""
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
    good, bad, folder = tmp_path / "first" / "texts.txt", tmp_path / "second" / "texts.txt", tmp_path / "ours"
    good.write_text("\n".join(TEXTS), encoding="utf-8")
    bad.write_text("\n".join(TEXTS[::-1]), encoding="utf-8")
    folder.mkdir()
    return [good, bad, folder]


@pytest.mark.slow
def test_several_systems_are_tested_against_the_first(evaluate, systems, fixtures, tmp_path):
    good, bad, folder = systems
    corpus = corpora.read("viggo", fixtures / "viggo", "train")
    lines = [json.dumps({"id": e.id, "text": text}) for e, text in zip(corpus, TEXTS, strict=True)]
    (folder / "predictions.jsonl").write_text("\n".join(lines), encoding="utf-8")
    out = tmp_path / "out"
    typed = ["viggo", "split=train", f"predictions=[{good},{bad},{folder}]", "metrics=[bleu,chrf_pp,nist]"]
    ran = evaluate(*typed, f"output_dir={out}")
    assert ran.returncode == 0, ran.stderr
    names = ["texts", "texts-2", "ours"]
    assert {path.name for path in out.iterdir()} == {"comparison.json", "done.json", *names}
    assert not (tmp_path / "runs").exists()

    # Each system's files are those it has alone.
    for name, given in zip(names, systems, strict=True):
        assert {path.name for path in (out / name).iterdir()} == {"metrics.json", "predictions.jsonl"}
        folder = tmp_path / f"alone-{name}"
        alone = evaluate("viggo", "split=train", f"predictions={given}", typed[3], f"output_dir={folder}")
        assert alone.returncode == 0, alone.stderr
        shown, expected = results(out / name), results(folder)
        assert shown["provenance"].pop("fingerprint") != expected["provenance"].pop("fingerprint")
        assert shown == expected
        assert rows(out / name) == rows(folder)

    content = json.loads((out / "comparison.json").read_text(encoding="utf-8"))
    assert content["baseline"] == "texts"
    assert content["correction"] == "Holm, over 8 comparisons, each test apart"
    assert content["samples"] == {"paired_bootstrap": 40, "approximate_randomization": 10_000}
    assert list(content["comparisons"]) == ["texts-2", "ours"]
    for row in content["comparisons"]["ours"].values():
        assert row["difference"] == 0
        assert row["paired_bootstrap"] == row["approximate_randomization"] == {"p": 1, "p_holm": 1}
    for name, row in content["comparisons"]["texts-2"].items():
        assert row["value"] == results(out / "texts-2")["metrics"][name]["value"]
        assert row["baseline"] == results(out / "texts")["metrics"][name]["value"]
        assert row["difference"] > 0 if name == "ser" else row["difference"] < 0
        assert 0 < row["approximate_randomization"]["p"] <= row["approximate_randomization"]["p_holm"] <= 1
        p_values = [row[test]["p_holm"] for test in ("paired_bootstrap", "approximate_randomization")]
        (shown,) = [line for line in ran.stdout.splitlines() if line.split()[:2] == ["texts-2", name]]
        assert shown.split()[3:] == [f"{p:.4f}" for p in p_values]
    assert "  against texts; " in ran.stdout
    hint = "8 comparisons: by Holm's correction no p-value of 40 resamples is below 0.05; pass bootstrap_samples=1600"
    assert hint in ran.stderr
    assert ran.stdout.count("metrics.json\n") == 3


@pytest.mark.slow
def test_without_output_dir_a_comparison_is_a_stage(evaluate, systems, tmp_path):
    good, bad, _ = systems
    typed = ["viggo", "split=train", f"predictions=[{good},{bad}]"]
    first, second = (evaluate(*typed) for _ in range(2))
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    (folder,) = (tmp_path / "runs" / "viggo").iterdir()
    assert folder.name.startswith("evaluate-comparison-")
    assert {path.name for path in folder.iterdir() if path.is_dir()} == {"texts", "texts-2"}
    assert second.stdout == first.stdout.replace("done:", "reused:", 1)


@pytest.mark.slow
def test_one_bad_system_of_several_is_named_and_leaves_nothing(evaluate, systems, tmp_path):
    good, bad, folder = systems
    bad.write_text("too short\n")
    refused = evaluate("viggo", "split=train", f"predictions=[{good},{bad}]", f"output_dir={tmp_path / 'out'}")
    assert refused.returncode == 2
    assert refused.stderr.splitlines()[-1].startswith(f"datatuner: error: {bad}: expected 9 lines")
    assert not (tmp_path / "out").exists()
    refused = evaluate("viggo", "split=train", f"predictions=[{good},{folder}]")
    assert refused.stderr.startswith(f"datatuner: error: predictions={folder} is a folder without predictions.jsonl")


@pytest.mark.slow
def test_an_output_dir_where_a_systems_folder_cannot_be(evaluate, systems, tmp_path):
    good, bad, _ = systems
    out = tmp_path / "out"
    out.mkdir()
    (out / "texts-2").write_text("a file")
    refused = evaluate("viggo", "split=train", f"predictions=[{good},{bad}]", f"output_dir={out}")
    assert refused.returncode == 2
    assert refused.stderr.splitlines()[-1].startswith(f"datatuner: error: cannot write to {out}: ")
    assert [path.name for path in out.rglob("*")] == ["texts-2"]
