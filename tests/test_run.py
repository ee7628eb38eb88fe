"""`datatuner run` and its stages as processes: folders, reuse, locks, and what is left when one is killed.

Locks and signals are those of any stage. The default tests use evaluations, whose process starts fastest; the slow
ones train.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from datatuner.errors import StageFailedError
from datatuner.locking import locked
from datatuner.stages import Stage, ensure

DATATUNER = Path(sys.executable).with_name("datatuner")
NAMES = {
    "train": "train-tiny-",
    "decode": "decode-tiny-",
    "score": "score-none-",
    "evaluate": "evaluate-none-",
}
ENDLESS = "bootstrap_samples=1000000000"
LONG = "bootstrap_samples=40000"  # several seconds: longer than another process takes to start


def stages(runs_dir: Path, corpus: str = "demo") -> dict[str, Path]:
    """The one folder of each kind of stage."""
    folders = sorted((runs_dir / corpus).iterdir())
    found = {folder.name.split("-")[0]: folder for folder in folders}
    assert len(found) == len(folders)
    return found


def written(folder: Path) -> dict[str, int]:
    """When each file was last written, in ns; locks aside, which every process opens."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != "lock")
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in files}


def wait_for(what: Callable[[], object], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.05)


def children_of(folder: Path) -> list[int]:
    """The processes that work on a stage's folder, or on one below it."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if b"datatuner.commands.stage" in (line := path.read_bytes()) and os.fsencode(folder) in line:
                found.append(int(path.parent.name))
    return found


def _heeding() -> None:
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


@contextmanager
def started(*arguments: object, cwd: Path) -> Iterator["subprocess.Popen[str]"]:
    """A `datatuner` in the background, alone in its process group; killed in the end, its children too."""
    command = [str(DATATUNER), *map(str, arguments)]
    # A shell that starts pytest in the background has it ignore Ctrl-C, nohup SIGHUP, and children inherit that.
    process = subprocess.Popen(
        command,
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=_heeding,  # noqa: PLW1509 - no threads here
    )
    try:
        yield process
    finally:
        for pid in [process.pid, *children_of(cwd)]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.communicate()


@pytest.fixture
def evaluation(tmp_path: Path, fixtures: Path) -> list[str]:
    """Arguments of a small evaluation into tmp_path/runs/viggo/evaluate-references-…"""
    folder = f"corpus.folder={fixtures / 'viggo'}"
    return [
        "evaluate",
        "corpus=viggo",
        folder,
        "split=train",
        "predictions=references",
        f"runs_dir={tmp_path / 'runs'}",
    ]


def logs(tmp_path: Path) -> list[Path]:
    return list(tmp_path.glob("runs/viggo/*/log.txt"))


# One finished run


def test_a_run_leaves_its_stages_in_folders_named_by_fingerprints(base_run):
    found = stages(base_run)
    assert set(found) == set(NAMES)
    for kind, folder in found.items():
        plan = json.loads((folder / "stage.json").read_text())
        assert plan["kind"] == kind
        assert folder.name == NAMES[kind] + plan["fingerprint"][:8]
    always = {"stage.json", "log.txt", "done.json"}
    of_training = {"best.ckpt", "best.ckpt.sha256", "encoding.json", "metrics.csv", "hparams.yaml"}
    tokenizer = {"tokenizer/tokenizer.json", "tokenizer/tokenizer_config.json"}
    assert set(written(found["train"])) == always | of_training | tokenizer
    assert set(written(found["decode"])) == always | {"beams.jsonl"}
    assert set(written(found["score"])) == always | {"scored.jsonl"}
    assert set(written(found["evaluate"])) == always | {"predictions.jsonl", "metrics.json"}


def test_a_trained_folder_says_what_was_trained(base_run):
    folder = stages(base_run)["train"]
    done = json.loads((folder / "done.json").read_text())
    assert done["steps"] == 3
    assert done["best"]["val/loss"] > 0
    assert {"train_cut_sequences", "train_cut_tokens", "validation_cut_sequences", "seconds"} <= set(done)
    assert "val/bleu" in (folder / "metrics.csv").read_text().splitlines()[0]


def test_a_training_says_what_it_will_be_before_it_trains(base_run):
    log = (stages(base_run)["train"] / "log.txt").read_text()
    said = "1 x CPU, precision 32-true, 1 CPU thread(s) each; global batch 16 (16 a device); 3 steps at most, 0.0128"
    assert said in log
    assert log.index(said) < log.index("the longest batch fits; ") < log.index("epoch 1, step 3: ")


def test_metrics_have_the_documented_shape(base_run):
    content = json.loads((stages(base_run)["evaluate"] / "metrics.json").read_text())
    assert set(content) == {"metrics", "breakdown", "provenance", "slots", "n_best"}
    assert set(content["metrics"]) == {"bleu", "bleu_cased", "chrf_pp", "ser", "ser_references"}
    parts = [row for values in content["breakdown"].values() for row in values.values()]
    assert set(content["breakdown"]) == {"size", "seen"}
    for row in [content["metrics"], *parts]:
        for metric in row.values():
            assert set(metric) == {"value", "low", "high", "n", "signature"}
            assert 0 <= metric["low"] <= metric["high"]
    assert content["metrics"]["bleu"]["n"] == 200
    assert "case:lc" in content["metrics"]["bleu"]["signature"]
    origin = content["provenance"]
    assert origin["parents"] == {"score": str(stages(base_run)["score"].resolve())}
    assert {"corpus", "split", "inputs", "seed", "datatuner", "commit", "packages", "machine"} <= set(origin)


def test_a_second_start_reuses_everything_and_shows_three_texts(base_run, datatuner, small, tmp_path):
    before = written(base_run)
    shown = datatuner("run", *small, "seed=1", f"runs_dir={base_run}", cwd=tmp_path)
    assert (shown.returncode, shown.stderr) == (0, "")  # a stage's process would have said something
    assert written(base_run) == before
    folders = stages(base_run)
    assert [line for line in shown.stdout.splitlines() if ": " in line][:4] == [
        f"reused: {folders[kind]}" for kind in ("train", "decode", "score", "evaluate")
    ]
    rows = [json.loads(line) for line in (folders["evaluate"] / "predictions.jsonl").read_text().splitlines()]
    texts = [row for row in rows if f"\n{row['id']}\n" in shown.stdout]
    assert len(texts) == 3
    for row in texts:
        assert f"  input      {row['source']}\n  text       {row['text']}\n" in shown.stdout
        assert all(f"  reference  {reference}\n" in shown.stdout for reference in row["references"])
    assert f"\n{folders['evaluate'] / 'metrics.json'}\n" in shown.stdout
    assert list(tmp_path.iterdir()) == []  # Hydra leaves nothing where it was started


@pytest.mark.slow
def test_another_decoding_reuses_the_training(base_run, datatuner, small, tmp_path):
    runs_dir = tmp_path / "runs"
    shutil.copytree(base_run, runs_dir)
    before = written(runs_dir)
    ran = datatuner("run", *small, "seed=1", "decoding.max_new_tokens=2", f"runs_dir={runs_dir}")
    assert ran.returncode == 0, ran.stderr
    said = [line.split(": ") for line in ran.stdout.splitlines() if line.startswith(("done: ", "reused: "))]
    ran_or_not = {Path(folder).name.split("-")[0]: how for how, folder in said}
    assert ran_or_not == {"train": "reused", "decode": "done", "score": "done", "evaluate": "done"}
    assert {name: when for name, when in written(runs_dir).items() if name in before} == before
    assert len(list((runs_dir / "demo").iterdir())) == 7


# Several processes, killed processes


@pytest.mark.slow
def test_two_at_once_do_the_work_once(evaluation, tmp_path):
    arguments = [*evaluation, LONG]
    with started(*arguments, cwd=tmp_path) as one, started(*arguments, cwd=tmp_path) as other:
        outputs = [process.communicate(timeout=120) for process in (one, other)]
        assert [one.returncode, other.returncode] == [0, 0], outputs
    (folder,) = (tmp_path / "runs" / "viggo").iterdir()
    assert sorted(out.split(" ")[0] for out, _ in outputs) == ["done:", "reused:"]
    assert sum(f"waiting for another process that works on {folder}" in err for _, err in outputs) == 1
    (log,) = logs(tmp_path)
    assert log.read_text().count("viggo train:") == 1


@pytest.mark.parametrize(
    ("number", "receiver"),
    [
        *((number, "command") for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)),
        *((number, "stage") for number in (signal.SIGTERM, signal.SIGUSR2)),
        (signal.SIGUSR1, "both"),  # as SLURM does in a step of srun
    ],
)
def test_an_interrupted_process_ends_its_stage_with_one_line(evaluation, tmp_path, number, receiver):
    with started(*evaluation, ENDLESS, cwd=tmp_path) as process:
        wait_for(lambda: logs(tmp_path) and "viggo train:" in logs(tmp_path)[0].read_text())
        (child,) = children_of(tmp_path)
        for pid in {"command": [process.pid], "stage": [child], "both": [child, process.pid]}[receiver]:
            os.kill(pid, number)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 2
    mistakes = [line for line in err.splitlines() if not line.startswith("viggo train:")]
    assert len(mistakes) == 1
    stopped = f"datatuner: error: stopped by {number.name}; start it again to go on in evaluate-references-"
    assert mistakes[0].startswith(stopped)
    assert not Path(f"/proc/{child}").exists()
    (folder,) = (tmp_path / "runs" / "viggo").iterdir()
    assert set(written(folder)) == {"stage.json", "log.txt"}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR2])
def test_a_signal_before_any_stage_is_one_line_too(evaluation, tmp_path, number):
    """While the command waits for a lock that this test holds."""
    with started(*evaluation, ENDLESS, cwd=tmp_path) as process:
        wait_for(lambda: logs(tmp_path))
        process.kill()
        for pid in children_of(tmp_path):
            os.kill(pid, signal.SIGKILL)
    with locked(logs(tmp_path)[0].parent), started(*evaluation, ENDLESS, cwd=tmp_path) as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith("waiting for another process")
        process.send_signal(number)
        _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (2, f"datatuner: error: stopped by {number.name}.\n")


def test_a_process_that_ends_well_without_its_result_has_failed(tmp_path, monkeypatch):
    monkeypatch.setattr("datatuner.stages.run_ranks", lambda *_, **__: None)
    settings = {"devices": 1, "num_nodes": 1}
    stage = Stage("evaluate", "none", tmp_path, config={}, inputs={}, settings=settings)
    with pytest.raises(StageFailedError, match=r"exit code 0, but without done.json. Its output is in .*log.txt"):
        ensure(stage)


# What launchers leave in the environment of a stage that uses one device


@pytest.mark.parametrize(
    "variables",
    [
        {"SLURM_JOB_ID": "7", "SLURM_PROCID": "0", "SLURM_NTASKS": "8", "SLURM_LOCALID": "0"},  # sbatch without srun
        {"RANK": "0", "WORLD_SIZE": "8", "LOCAL_RANK": "0"},  # the first of eight, whom the others follow
        {"RANK": "", "WORLD_SIZE": "", "LOCAL_RANK": ""},
    ],
)
def test_an_evaluation_takes_one_process_of_any_launch(evaluation, tmp_path, datatuner, variables):
    ran = datatuner(*evaluation, "bootstrap_samples=40", env={**os.environ, **variables})
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("done: ")


def test_a_launch_cannot_share_an_output_dir(evaluation, tmp_path, datatuner):
    variables = {"RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "1"}
    ran = datatuner(*evaluation, f"output_dir={tmp_path / 'out'}", env={**os.environ, **variables})
    assert ran.returncode == 2
    assert "output_dir= is for one process, and this is one of 2 (RANK=1, WORLD_SIZE=2, LOCAL_RANK=1)" in ran.stderr
    assert not (tmp_path / "out").exists()


def test_a_variable_that_is_no_number_is_named(evaluation, tmp_path, datatuner):
    variables = {"RANK": "zero", "WORLD_SIZE": "2", "LOCAL_RANK": "0"}
    ran = datatuner(*evaluation, env={**os.environ, **variables})
    assert ran.returncode == 2
    assert ran.stderr == (
        "datatuner: error: the environment has RANK='zero', which is no number from 0 on. Unset what no launcher has "
        "set, or start this command with torchrun or srun.\n"
    )
    assert not logs(tmp_path)


@pytest.mark.slow
def test_what_nohup_started_outlives_its_terminal(evaluation, tmp_path):
    command = ["nohup", str(DATATUNER), *map(str, evaluation), "bootstrap_samples=2000"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        wait_for(lambda: logs(tmp_path) and "viggo train:" in logs(tmp_path)[0].read_text())
        process.send_signal(signal.SIGHUP)
        assert process.wait(120) == 0


@pytest.mark.slow
def test_interrupting_who_waits_leaves_the_other_alone(evaluation, tmp_path):
    with started(*evaluation, ENDLESS, cwd=tmp_path):
        wait_for(lambda: logs(tmp_path))
        with started(*evaluation, ENDLESS, cwd=tmp_path) as waiting:
            assert waiting.stderr is not None
            assert waiting.stderr.readline().startswith("waiting for another process")
            waiting.send_signal(signal.SIGINT)
            _, err = waiting.communicate(timeout=30)
            assert (waiting.returncode, err) == (2, "datatuner: error: interrupted.\n")
            assert len(children_of(tmp_path)) == 1


@pytest.mark.slow
def test_what_a_killed_process_left_is_cleared(evaluation, tmp_path, datatuner):
    """Both killed at once, as by a machine that went down; the next start finds the lock free."""
    arguments = [*evaluation, LONG]
    with started(*arguments, cwd=tmp_path) as process:
        wait_for(lambda: logs(tmp_path) and "viggo train:" in logs(tmp_path)[0].read_text())
        for pid in [process.pid, *children_of(tmp_path)]:
            os.killpg(pid, signal.SIGKILL)
    folder = logs(tmp_path)[0].parent
    assert not (folder / "done.json").exists()
    (folder / "metrics.json").write_text('{"metrics": {"bleu"')
    (folder / "tokenizer").mkdir()
    again = datatuner(*arguments)
    assert again.returncode == 0, again.stderr
    assert set(written(folder)) == {"stage.json", "log.txt", "done.json", "metrics.json", "predictions.jsonl"}
    assert json.loads((folder / "metrics.json").read_text())["metrics"]["bleu"]["n"] == 2


@pytest.mark.slow
def test_where_the_planner_alone_is_killed_its_stage_goes_on(evaluation, tmp_path, datatuner):
    arguments = [*evaluation, LONG]
    with started(*arguments, cwd=tmp_path) as process:
        wait_for(lambda: logs(tmp_path))
        process.kill()
        process.wait()
        again = datatuner(*arguments)
    assert again.returncode == 0, again.stderr
    assert again.stdout.startswith("reused: ")
    assert again.stderr.startswith("waiting for another process")
    assert logs(tmp_path)[0].read_text().count("viggo train:") == 1


# The same with real trainings


@pytest.fixture
def run(tmp_path: Path, fixtures: Path, small: tuple[str, ...]) -> list[str]:
    """Arguments of a run on the ViGGO fixture whose training takes some seconds."""
    changes = ["corpus=viggo", "trainer.max_steps=200", "generator.max_epochs=500", "generator.patience=500"]
    folders = [f"corpus.folder={fixtures / 'viggo'}", f"runs_dir={tmp_path / 'runs'}"]
    return ["run", *small[1:], *changes, "trainer.val_bleu_inputs=0", "seed=1", *folders]


def is_training(tmp_path: Path) -> bool:
    return any(tmp_path.glob("runs/viggo/train-*/best.ckpt"))


@pytest.mark.slow
@pytest.mark.parametrize("killed", ["both", "planner", "stage"])
def test_a_run_killed_while_it_trains_finishes_next_time(run, tmp_path, datatuner, killed):
    with started(*run, cwd=tmp_path) as process:
        wait_for(lambda: is_training(tmp_path))
        children = children_of(tmp_path)
        victims = {"both": [process.pid, *children], "planner": [process.pid], "stage": children}[killed]
        for pid in victims:
            os.killpg(pid, signal.SIGKILL)
        _, err = process.communicate(timeout=60) if killed != "planner" else (None, "")
        if killed == "stage":
            assert process.returncode == 2
            assert err.splitlines()[-1].startswith("datatuner: error: the stage in ")
            assert "(killed by signal 9)" in err
        assert not list(tmp_path.glob("runs/viggo/*/done.json"))
        again = datatuner(*run)
    assert again.returncode == 0, again.stderr
    found = stages(tmp_path / "runs", "viggo")
    assert all((found[kind] / "done.json").is_file() for kind in NAMES)
    assert not [name for name in written(tmp_path / "runs") if name.endswith(".tmp") or "/tmp" in name]
    assert json.loads((found["train"] / "done.json").read_text())["steps"] == 200


@pytest.mark.slow
def test_two_runs_at_once_train_once(run, tmp_path):
    with started(*run, cwd=tmp_path) as one, started(*run, cwd=tmp_path) as other:
        outputs = [process.communicate(timeout=280) for process in (one, other)]
        assert [one.returncode, other.returncode] == [0, 0], outputs
    found = stages(tmp_path / "runs", "viggo")
    assert (found["train"] / "log.txt").read_text().count("sequences:") == 1
    assert sum(out.count(f"done: {found['train']}\n") for out, _ in outputs) == 1
    assert sum(out.count("done: ") for out, _ in outputs) == len(NAMES)


@pytest.mark.slow
def test_an_interrupted_training_ends_its_process(run, tmp_path):
    with started(*run, cwd=tmp_path) as process:
        wait_for(lambda: is_training(tmp_path))
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
        assert process.returncode == 2
        assert [line for line in err.splitlines() if "error" in line.lower()] == [err.splitlines()[-1]]
        assert "Traceback" not in err
        assert children_of(tmp_path) == []
    assert not list(tmp_path.glob("runs/viggo/*/done.json"))


@pytest.mark.slow
def test_one_seed_twice_is_one_result(run, tmp_path, datatuner):
    texts = []
    for name in ("one", "other"):
        ran = datatuner(*run[:-1], f"runs_dir={tmp_path / name}")
        assert ran.returncode == 0, ran.stderr
        texts.append((stages(tmp_path / name, "viggo")["decode"] / "beams.jsonl").read_bytes())
    assert texts[0] == texts[1]
