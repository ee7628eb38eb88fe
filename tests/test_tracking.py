"""W&B, by real commands: what it is told, read from its offline logs, and that nothing that it does stops a stage."""

import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from datatuner import corpora
from datatuner.dashboard import dashboard
from datatuner.exported import opened
from datatuner.following import where
from datatuner.tracking import _before, _name_as_source, name_of, system_of
from tests.conftest import DATATUNER, hears_ctrl_c
from tests.offline_wandb import OfflineRun, offline_runs
from tests.test_run import children_of, started, wait_for

FC = ("experiment=fc", "classifier=tiny", "corruptions.pairs=100", "corruptions.recipe=audited")
KEY = "a" * 40


def environment(**changes: str) -> dict[str, str]:
    """Without what names an account, and where W&B would look for one."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("WANDB_") and key != "NETRC"}
    return {**kept, **changes}


@pytest.fixture(scope="module")
def offline(datatuner, small, tmp_path_factory) -> Path:
    """The runs_dir of a run of all stages, tracked offline."""
    folder: Path = tmp_path_factory.mktemp("tracked")
    typed = [*small, "trainer.max_steps=6", "trainer.log_every=2", *FC, "logger=wandb", "logger.artifacts=true"]
    env = environment(WANDB_MODE="offline")
    ran = datatuner("run", *typed, "seed=1", f"runs_dir={folder}", env=env)
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr.count("W&B: ") == 5
    return folder


@pytest.fixture(scope="module")
def told(offline: Path) -> dict[str, OfflineRun]:
    return {run.job_type: run for run in offline_runs(offline)}


def plan(runs: Path, kind: str) -> dict[str, Any]:
    (path,) = (runs / "demo").glob(f"{kind}-*/stage.json")
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def table(runs: Path, run: OfflineRun, key: str) -> dict[str, Any]:
    """What a table holds that was logged under `key`."""
    path = run.summary[key]["path"] if isinstance(run.summary.get(key), dict) else run.summary[f"{key}/path"]
    (file,) = (runs / "wandb").glob(f"offline-run-*-{run.identifier}/files/{path}")
    content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return content


@pytest.mark.slow
def test_each_stage_is_a_run_with_a_name_a_group_and_its_configuration(offline, told):
    assert {kind: run.name for kind, run in told.items()} == {
        "classifier": "classifier tiny 1",
        "train": "train tiny fine 1",
        "decode": "decode tiny fine 1",
        "score": "score tiny fine 1",
        "evaluate": "evaluate tiny fine severity 1",
    }
    for kind, run in told.items():
        assert (run.group, run.exit_code) == ("demo", 0)
        own = plan(offline, kind)
        assert run.config["fingerprint"] == own["fingerprint"]
        assert run.config["checksums"] == own["inputs"]
        assert {"commit", "packages", "machine"} <= run.config["provenance"].keys()
    assert told["decode"].config["decoding"]["beam_size"] == 2
    assert told["decode"].config["parents"] == {"train": plan(offline, "train")["fingerprint"]}


@pytest.mark.slow
def test_curves_are_those_of_metrics_csv(offline, told):
    (path,) = (offline / "demo").glob("train-*/metrics.csv")
    steps = [int(line.split(",")[1]) for line in path.read_text(encoding="utf-8").splitlines()[1:]]
    told_steps = [row["step"] for row in told["train"].history]
    assert sorted(set(told_steps)) == sorted(set(steps))
    assert sum("train/loss" in row for row in told["train"].history) == 3
    assert {"val/loss", "val/bleu"} <= set().union(*told["train"].history)
    assert "val/macro_f1" in set().union(*told["classifier"].history)
    assert told["train"].summary["steps"] == 6


@pytest.mark.slow
def test_tables_and_scores(offline, told):
    (folder,) = (offline / "demo").glob("evaluate-*")
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    summary = told["evaluate"].summary
    for name, metric in metrics["metrics"].items():
        assert summary[f"test/{name}"] == metric["value"]
        assert (summary[f"test/{name}_low"], summary[f"test/{name}_high"]) == (metric["low"], metric["high"])
    lists = table(offline, told["evaluate"], "n_best")
    assert len(lists["data"]) == 2 * 200
    rows = [dict(zip(lists["columns"], row, strict=True)) for row in lists["data"]]
    assert sum(row["chosen"] for row in rows) == 200
    first = json.loads((folder / "predictions.jsonl").read_text(encoding="utf-8").splitlines()[0])
    chosen = next(row for row in rows if row["chosen"])
    assert (chosen["text"], chosen["place"], chosen["label"]) == (
        first["text"],
        first["rank"],
        first["verdict"]["label"],
    )
    assert chosen["slot_errors"] == len(first["verdict"]["slot_errors"])
    assert table(offline, told["decode"], "n_best")["data"][0][-1] is None  # nothing is chosen yet
    assert table(offline, told["evaluate"], "by_size")["columns"][:2] == ["size", "bleu"]
    confusion = table(offline, told["classifier"], "confusion_table")
    assert len(confusion["data"]) == 25
    assert {row[0] for row in table(offline, told["classifier"], "labels")["data"]} >= {"accurate", "omission"}
    assert table(offline, told["classifier"], "corruptions")["columns"] == ["operation", "n", "found", "labelled"]
    audit = table(offline, told["classifier"], "audit")
    assert {"operation", "label", "meaning_kept"} <= set(audit["columns"])


def panels(kind: str) -> list[dict[str, Any]]:
    """The configurations of the dashboard's panels of a kind, as W&B names it."""
    sections = dashboard("demo", project="p", entity=None)._to_model().spec.section.panel_bank_config.sections
    found = [panel for section in sections for panel in section.panels if panel.view_type == kind]
    return [dict(panel.config) if isinstance(panel.config, dict) else panel.config.model_dump() for panel in found]


@pytest.mark.slow
def test_a_dashboard_names_what_is_told(offline, told):
    assert {run.config["system"] for run in told.values()} == {
        "demo classifier tiny",
        "demo tiny fine",
        "demo tiny fine severity",
    }
    bars, curves, charts = panels("Bar Chart"), panels("Run History Line Plot"), panels("Vega2")
    named = {key for each in bars for key in each["metrics"]}
    # An input has slots, or is a graph, whose texts have a coverage instead of slot errors (the test below).
    absent = {"test/coverage", "test/coverage_low", "test/coverage_high"}
    assert named - told["evaluate"].summary.keys() == absent
    steps = set().union(*told["train"].history)
    assert {key for each in curves for key in [*each["metrics"], each["x_axis"]]} <= steps
    assert {each["group_by"] for each in [*bars, *curves]} == {"system.value"}
    (texts,) = panels("Weave")
    assert texts["panel2Config"]["exp"]["fromOp"]["inputs"]["key"]["val"] == "n_best"
    for kind in ("decode", "score", "evaluate"):
        assert table(offline, told[kind], "n_best")["columns"][0] == "id"
    for chart in charts:
        arguments = chart["user_query"]["query_fields"][0]["fields"]
        (key,) = [each["args"][0]["value"] for each in arguments if each["name"] == "summaryTable"]
        teller = told["classifier" if key == "confusion_table" else "evaluate"]
        assert set(chart["field_settings"].values()) <= set(table(offline, teller, key)["columns"])


@pytest.mark.slow
def test_texts_of_graphs_are_told_their_coverage(datatuner, fixtures, tmp_path):
    texts = [example.references[0] for example in corpora.read("ldc2017t10", fixtures / "ldc2017t10", "test")]
    theirs = tmp_path / "theirs.txt"
    theirs.write_text("\n".join(texts), encoding="utf-8")
    typed = ["corpus=ldc2017t10", f"predictions={theirs}", "bootstrap_samples=40", "logger=wandb"]
    env = environment(WANDB_MODE="offline")
    ran = datatuner("evaluate", *typed, f"data_dir={fixtures}", f"runs_dir={tmp_path}", env=env)
    assert ran.returncode == 0, ran.stderr
    (run,) = offline_runs(tmp_path)
    assert run.config["system"] == "ldc2017t10 theirs.txt"
    assert {"test/coverage", "test/coverage_low", "test/coverage_high"} <= run.summary.keys()


@pytest.mark.slow
def test_each_system_of_a_comparison_is_told(datatuner, fixtures, tmp_path):
    references = [example.references[0] for example in corpora.read("viggo", fixtures / "viggo", "test")]
    for name, texts in (("ours", references), ("empty", [""] * len(references))):
        (tmp_path / f"{name}.txt").write_text("\n".join(texts) + "\n", encoding="utf-8")
    typed = ["corpus=viggo", f"predictions=[{tmp_path}/ours.txt,{tmp_path}/empty.txt]", "bootstrap_samples=40"]
    typed += ["logger=wandb", "logger.artifacts=true", f"data_dir={fixtures}", f"runs_dir={tmp_path}"]
    ran = datatuner("evaluate", *typed, env=environment(WANDB_MODE="offline"))
    assert ran.returncode == 0, ran.stderr
    (run,) = offline_runs(tmp_path)
    assert run.config["system"] == "viggo ours, empty"
    assert (run.summary["test/empty/bleu"], run.summary["test/ours/ser_low"]) == (0, 0)
    assert len(run.artifacts) == 1


@pytest.mark.slow
def test_artifacts_are_kept_if_asked(offline, told):
    for kind, run in told.items():
        (folder,) = (offline / "demo").glob(f"{kind}-*")
        assert folder.name in run.artifacts


@pytest.mark.slow
def test_a_finished_stage_is_not_told_again(offline, datatuner, small):
    before = len(offline_runs(offline))
    typed = [*small, "trainer.max_steps=6", "trainer.log_every=2", *FC, "logger=wandb"]
    ran = datatuner("run", *typed, "seed=1", f"runs_dir={offline}", env=environment(WANDB_MODE="offline"))
    assert (ran.returncode, ran.stderr) == (0, "")
    assert len(offline_runs(offline)) == before


@pytest.fixture
def silent_server() -> Iterator[str]:
    """An address that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        kept: list[socket.socket] = []

        def accept() -> None:
            while True:
                try:
                    kept.append(server.accept()[0])
                except OSError:
                    return

        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)


def train(datatuner: Any, small: Any, folder: Path, *typed: str, env: dict[str, str]) -> Any:
    """A training that must not care, and leaves no process behind."""
    command = ["train", *small, "trainer.val_bleu_inputs=0", "seed=1", f"runs_dir={folder}", "logger=wandb", *typed]
    ran = datatuner(*command, env=env)
    assert ran.returncode == 0, ran.stderr
    assert list((folder / "demo").glob("train-*/done.json"))
    assert "Traceback" not in ran.stderr
    deadline = time.monotonic() + 15
    while (left := processes(folder)) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert left == []
    return ran


def processes(folder: Path) -> list[str]:
    listed = subprocess.run(["ps", "-ewwo", "args"], capture_output=True, text=True, check=True).stdout.splitlines()
    return [line for line in listed if str(folder) in line and "commands." in line]


@pytest.mark.slow
def test_a_service_that_never_answers_stops_nothing(datatuner, small, tmp_path, silent_server):
    env = environment(WANDB_BASE_URL=silent_server, WANDB_API_KEY=KEY)
    ran = train(datatuner, small, tmp_path, "logger.patience=2", env=env)
    assert "W&B: no answer in" in ran.stderr


@pytest.mark.slow
def test_a_service_that_is_down_leaves_an_offline_run(datatuner, small, tmp_path):
    env = environment(WANDB_BASE_URL="http://127.0.0.1:1", WANDB_API_KEY=KEY)
    ran = train(datatuner, small, tmp_path, "logger.patience=20", env=env)
    assert "This run is kept, not sent." in ran.stderr
    (run,) = offline_runs(tmp_path)
    assert (run.job_type, run.exit_code) == ("train", 0)


@pytest.mark.slow
def test_without_an_account_nothing_is_asked_and_what_to_set_is_said(datatuner, small, tmp_path):
    ran = train(datatuner, small, tmp_path / "runs", env=environment(HOME=str(tmp_path)))
    assert "Set WANDB_API_KEY (or `wandb login`), or WANDB_MODE=offline." in ran.stderr
    assert len(offline_runs(tmp_path / "runs")) == 1


@pytest.mark.slow
def test_a_folder_that_cannot_be_written_stops_nothing(datatuner, small, tmp_path):
    (tmp_path / "wandb").write_text("in the way", encoding="utf-8")
    ran = train(datatuner, small, tmp_path, env=environment(WANDB_MODE="offline"))
    assert "the stage is not affected" in ran.stderr


@pytest.mark.slow
def test_a_failed_stage_is_a_failed_run(datatuner, small, tmp_path):
    typed = [
        *small,
        "trainer.max_steps=30",
        "generator.optim.lr=1e30",
        "seed=1",
        f"runs_dir={tmp_path}",
        "logger=wandb",
    ]
    ran = datatuner("train", *typed, env=environment(WANDB_MODE="offline"))
    assert ran.returncode == 2
    (run,) = offline_runs(tmp_path)
    assert run.exit_code == 1
    assert run.job_type == "train"


@pytest.mark.slow
def test_the_group_is_the_sweep(datatuner, small, tmp_path):
    typed = [*small, "seed=1,2", f"runs_dir={tmp_path}", "logger=wandb", "hydra.launcher.n_jobs=2"]
    ran = datatuner("train", "-m", *typed, env=environment(WANDB_MODE="offline"))
    assert ran.returncode == 0, ran.stderr
    (sweep,) = (tmp_path / "sweeps").iterdir()
    assert {(run.name, run.group) for run in offline_runs(tmp_path)} == {
        ("train tiny fine 1", sweep.name),
        ("train tiny fine 2", sweep.name),
    }
    (lost,) = (run.config["fingerprint"][:8] for run in offline_runs(tmp_path) if run.name.endswith("1"))
    shutil.rmtree(tmp_path / "demo" / f"train-tiny-{lost}")
    again = datatuner("train", "-m", *typed, env=environment(WANDB_MODE="offline"))
    assert again.returncode == 0, again.stderr
    assert len(list((tmp_path / "sweeps").iterdir())) == 2
    assert [run.group for run in offline_runs(tmp_path)] == [sweep.name] * 3


@pytest.mark.parametrize(
    ("typed", "variables", "expected"),
    [
        ({}, {}, ("datatuner", None, "viggo", "/runs")),
        ({}, {"WANDB_PROJECT": "", "WANDB_RUN_GROUP": "", "WANDB_DIR": ""}, ("datatuner", None, "viggo", "/runs")),
        (
            {},
            {"WANDB_PROJECT": "p", "WANDB_ENTITY": "e", "WANDB_RUN_GROUP": "g", "WANDB_DIR": "/d"},
            ("p", "e", "g", "/d"),
        ),
        (
            {"project": "mine", "entity": None, "group": "ours"},
            {"WANDB_PROJECT": "p", "WANDB_ENTITY": "e", "WANDB_RUN_GROUP": "g"},
            ("mine", "e", "ours", "/runs"),
        ),
    ],
)
def test_what_is_typed_counts_before_the_environment_and_that_before_a_default(monkeypatch, typed, variables, expected):
    for name in ("WANDB_PROJECT", "WANDB_ENTITY", "WANDB_RUN_GROUP", "WANDB_DIR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    found = where(typed, {"group": "viggo", "folder": "/runs"})
    assert tuple(found[key] for key in ("project", "entity", "group", "folder")) == expected


@pytest.fixture
def unscored(base_run, tmp_path) -> Path:
    """A runs_dir in which `evaluate` has two stages to do, neither of which loads a model."""
    copy: Path = shutil.copytree(base_run, tmp_path / "runs")
    for kind in ("score", "evaluate"):
        (folder,) = (copy / "demo").glob(f"{kind}-*")
        shutil.rmtree(folder)
    return copy


def identifiers(runs: Path) -> set[str]:
    """What each stage's wandb.json names."""
    return {json.loads(path.read_text(encoding="utf-8"))["id"] for path in runs.glob("demo/*/wandb.json")}


@pytest.mark.slow
def test_under_an_agent_of_a_sweep_the_last_stage_alone_fills_its_run(unscored, datatuner, small, tmp_path):
    (tmp_path / "parameters.yaml").write_text("wandb_version: 1\nseed:\n  value: 1\n", encoding="utf-8")
    agent = {"WANDB_SWEEP_ID": "sweep", "WANDB_RUN_ID": "waiting", "WANDB_PROJECT": "theirs"}
    agent |= {"WANDB_SWEEP_PARAM_PATH": str(tmp_path / "parameters.yaml"), "WANDB_DIR": str(tmp_path / "own")}
    command = ["evaluate", *small, "seed=1", f"runs_dir={unscored}", "logger=wandb"]
    env = environment(WANDB_MODE="offline", WANDB_RUN_GROUP="ours", **agent)
    ran = datatuner(*command, env=env)
    assert ran.returncode == 0, ran.stderr
    runs = {run.job_type: run for run in offline_runs(tmp_path / "own")}
    assert {kind: run.sweep for kind, run in runs.items()} == {"score": "", "evaluate": "sweep"}
    assert runs["evaluate"].identifier == "waiting"
    assert runs["evaluate"].config["seed"] == 1
    assert {run.identifier for run in runs.values()} == identifiers(unscored)
    assert {(run.project, run.group) for run in runs.values()} == {("theirs", "ours")}
    assert "W&B: evaluate: the run of sweep sweep: " in ran.stderr
    again = datatuner(*command, env=env)
    assert (again.returncode, again.stderr.count("\n")) == (0, 1)
    assert again.stderr.endswith(" was finished before: the sweep's run stays empty\n")


@pytest.mark.slow
def test_a_w_and_b_that_is_switched_off_is_one_true_line(unscored, datatuner, small):
    command = ["evaluate", *small, "seed=1", f"runs_dir={unscored}", "logger=wandb"]
    ran = datatuner(*command, env=environment(WANDB_MODE="disabled"))
    assert ran.returncode == 0, ran.stderr
    said = [line for line in ran.stderr.splitlines() if line.startswith("W&B: ")]
    assert said == [
        f"W&B: {kind}: switched off by WANDB_MODE=disabled; nothing is kept or sent" for kind in ("score", "evaluate")
    ]
    assert identifiers(unscored) == set()


@pytest.mark.slow
def test_a_training_that_goes_on_is_told_whole_in_its_group(datatuner, small, tmp_path, monkeypatch):
    for name, value in environment(WANDB_MODE="offline", DATATUNER_SWEEP="first").items():
        monkeypatch.setenv(name, value)
    words = [word for word in small if not word.startswith("trainer.max_steps")]
    words += ["trainer.max_steps=300", "trainer.save_every=5", "trainer.log_every=1", "trainer.val_bleu_inputs=0"]
    command = ["train", *words, "corpus.batch_size=4", "seed=1", f"runs_dir={tmp_path}", "logger=wandb"]
    with started(*command, cwd=tmp_path) as process:
        wait_for(lambda: list(tmp_path.glob("demo/train-*/last.ckpt")))
        wait_for(lambda: json.loads(next(tmp_path.glob("demo/train-*/wandb.json")).read_text())["step"] > 0)
        (child,) = children_of(tmp_path)
        os.kill(child, signal.SIGUSR1)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert errors.splitlines()[-1].startswith("datatuner: error: stopped by SIGUSR1; start it again to go on in train-")
    ran = datatuner(*command, env=environment(WANDB_MODE="offline", DATATUNER_SWEEP="second"))
    assert ran.returncode == 0, ran.stderr
    assert "continues after step" in ran.stderr
    killed, whole = offline_runs(tmp_path)
    assert (killed.exit_code, whole.exit_code) == (1, 0)
    assert killed.identifier == whole.identifier
    assert (killed.group, whole.group) == ("first", "first")
    (named,) = (line for line in ran.stderr.splitlines() if line.startswith("W&B: train: `wandb sync "))
    assert str(sorted((tmp_path / "wandb").glob("offline-run-*"))[1]) in named
    assert [row["step"] for row in whole.history if "train/loss" in row] == list(range(300))


@pytest.mark.parametrize(
    ("known", "logger", "expected"),
    [
        ({"id": "a", "step": 7, "offline": False, "group": "g"}, {}, ("a", "g", 7)),  # W&B has these steps
        ({"id": "a", "step": 7, "offline": True, "group": "g"}, {}, ("a", "g", -1)),
        ({"id": "a", "step": 7}, {}, ("a", "now", -1)),  # of an earlier version
        ({"id": "a", "step": 7, "offline": False, "project": "q", "entity": None}, {}, (None, "now", -1)),
        ({"id": "a", "step": 7, "offline": False}, {"fills": "waiting"}, ("waiting", "now", -1)),
        ([], {}, (None, "now", -1)),
    ],
)
def test_the_run_that_a_killed_training_had(tmp_path, known, logger, expected):
    (tmp_path / "wandb.json").write_text(json.dumps(known), encoding="utf-8")
    found = _before(tmp_path, {"project": "p", "entity": None, "group": "now", **logger})
    assert (found["id"] if expected[0] else None, found["group"], found["step"]) == expected
    assert found["id"] != "a" or expected[0] == "a"


@pytest.fixture
def evaluation(offline, tmp_path) -> Path:
    """The tracked run's evaluation in a runs_dir of its own, so that W&B's files of an export are there alone."""
    (found,) = (offline / "demo").glob("evaluate-*")
    copy: Path = shutil.copytree(found, tmp_path / "runs" / "demo" / found.name)
    content = json.loads((copy / "stage.json").read_text(encoding="utf-8"))
    content["settings"]["logger"]["patience"] = 10
    (copy / "stage.json").write_text(json.dumps(content), encoding="utf-8")
    return copy


@pytest.mark.slow
def test_an_export_is_a_model_that_names_what_it_was_made_from(offline, datatuner, evaluation, tmp_path):
    folder = tmp_path / "for W&B"
    ran = datatuner("export", evaluation, folder, "--wandb", env=environment(WANDB_MODE="offline"))
    assert (ran.returncode, ran.stdout) == (0, f"{folder}\n")
    (kept,) = (tmp_path / "runs" / "wandb").glob("offline-run-*")
    assert ran.stderr == f"W&B: export: `wandb sync {kept}` sends it\n"
    (run,) = offline_runs(tmp_path / "runs")
    assert (run.name, run.job_type, run.group) == ("export tiny fine severity 1", "export", "demo")
    assert run.exit_code == 0
    manifest = opened(folder)  # nothing in it was changed
    model = run.artifacts["for-W-B"]
    known = json.loads(model.metadata)
    assert model.type == "model"
    assert set(known["of"]) == {path.name for path in (offline / "demo").iterdir()}
    assert known["fingerprint"] == run.config["fingerprint"]
    assert known["metrics"] == manifest["metrics"]
    sent = {entry.path: entry.local_path for entry in model.manifest.contents}
    assert sent == {name: str(folder / name) for name in [*manifest["files"], "export.json"]}


def exports(datatuner: Any, run: Path, folder: Path, **env: str) -> str:
    """What is said where W&B cannot take an export, which must be there all the same."""
    ran = datatuner("export", run, folder, "--wandb", env=environment(**env))
    assert (ran.returncode, ran.stdout) == (0, f"{folder}\n"), ran.stderr
    assert "Traceback" not in ran.stderr
    opened(folder)
    said: str = ran.stderr
    return said


@pytest.mark.slow
def test_an_export_does_not_need_w_and_b(datatuner, evaluation, tmp_path, silent_server):
    said = exports(datatuner, evaluation, tmp_path / "a", HOME=str(tmp_path / "nobody"))
    assert "Set WANDB_API_KEY (or `wandb login`), or WANDB_MODE=offline." in said
    assert len(offline_runs(tmp_path / "runs")) == 1
    said = exports(datatuner, evaluation, tmp_path / "b", WANDB_BASE_URL=silent_server, WANDB_API_KEY=KEY)
    assert f"no answer in time (logger.patience); {tmp_path / 'b'} is complete" in said
    shutil.rmtree(tmp_path / "runs" / "wandb")
    (tmp_path / "runs" / "wandb").write_text("in the way", encoding="utf-8")
    said = exports(datatuner, evaluation, tmp_path / "c", WANDB_MODE="offline")
    assert f"{tmp_path / 'c'} is complete" in said


@pytest.mark.slow
def test_an_interrupted_hand_over_leaves_the_export(evaluation, tmp_path, silent_server):
    folder = tmp_path / "export"
    env = environment(WANDB_BASE_URL=silent_server, WANDB_API_KEY=KEY)
    command = [str(DATATUNER), "export", str(evaluation), str(folder), "--wandb"]
    pipes: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=env, preexec_fn=hears_ctrl_c, **pipes) as process:  # noqa: PLW1509 - no threads
        deadline = time.monotonic() + 120
        while len(processes(folder)) < 2 and time.monotonic() < deadline:
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        out, said = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, f"{folder}\n")
    assert f"W&B: interrupted; {folder} is complete" in said
    opened(folder)
    assert processes(folder) == []


def test_lineage_is_what_was_kept_as_an_artifact(tmp_path):
    kept = {"artifacts": True, "project": "p", "entity": None}
    loggers = {"train-a": kept, "decode-b": {**kept, "entity": "team"}, "score-c": {**kept, "artifacts": False}}
    for name, logger in {**loggers, "evaluate-d": None}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "stage.json").write_text(json.dumps({"settings": {"logger": logger}}), encoding="utf-8")
    used: list[str] = []
    said: list[str] = []

    class Run:
        def use_artifact(self, path: str) -> None:
            used.append(path)
            if "decode" in path:
                raise ValueError("artifact membership not found")

    for name in [*loggers, "evaluate-d"]:
        _name_as_source(cast(Any, Run()), tmp_path / name, said.append)
    assert used == ["p/train-a:latest", "team/p/decode-b:latest"]
    assert said == [f"{used[1]} is not named as what the export was made from: artifact membership not found"]


def test_a_system_is_what_seeds_share(tmp_path):
    config = {"corpus": {"name": "e2e"}, "generator": {"name": "gpt2"}, "states": "coarse", "seed": 3}
    plan = {"kind": "train", "config": config, "settings": {}, "parents": {}}
    assert system_of(plan) == "e2e gpt2 coarse"
    given = {"kind": "evaluate", "config": {**config, "row": {}}, "settings": {"predictions": "/x/theirs.txt"}}
    assert system_of({**given, "parents": {}}) == "e2e theirs.txt"


def test_a_name_says_what_tells_runs_apart():
    config = {"generator": {"name": "gpt2"}, "states": "coarse", "split": "validation", "seed": 3}
    assert name_of({"kind": "train", "config": config, "parents": {}}) == "train gpt2 coarse validation 3"


@pytest.mark.slow
def test_the_logger_changes_no_fingerprint(datatuner, base_run, small):
    ran = datatuner(
        "run", *small, "seed=1", f"runs_dir={base_run}", "logger=wandb", env=environment(WANDB_MODE="offline")
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.count("reused: ") == 4
    assert not (base_run / "wandb").exists()


def test_a_project_of_another_kind_is_refused(datatuner):
    ran = datatuner("run", "corpus=demo", "generator=tiny", "seed=1", "logger=wand")
    assert ran.stderr.strip().endswith("logger=wand: no such logger. Did you mean wandb? One of: none, wandb.")
