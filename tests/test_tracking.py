"""W&B, by real commands: what it is told, read from its offline logs, and that nothing that it does stops a stage."""

import json
import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from datatuner.tracking import name_of
from tests.offline_wandb import OfflineRun, offline_runs

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
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout.splitlines()
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
