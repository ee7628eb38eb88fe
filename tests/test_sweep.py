"""`-m`: jobs as processes of their own. Scheduling with commands of a moment, the rest by real sweeps."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rich.console import Console

from datatuner.errors import SweepFailedError
from datatuner.ranks import tail
from datatuner.sweep_overview import Overview, clock
from datatuner.sweeping import Job, labels, named, run_jobs, shares, visible_gpus
from tests.test_run import children_of, started, wait_for, written


def job(folder: Path, number: int, code: str) -> Job:
    return Job(number, f"n={number}", (sys.executable, "-c", code), folder / str(number))


def jobs_of(folder: Path, *codes: str) -> list[Job]:
    return [job(folder, number, code) for number, code in enumerate(codes)]


def overview(jobs: list[Job], width: int = 100, *, is_terminal: bool = False) -> Overview:
    console = Console(file=open(os.devnull, "w"), force_terminal=is_terminal, width=width, record=True)  # noqa: SIM115, PTH123
    return Overview(jobs, console)


# Scheduling


def test_so_many_jobs_at_a_time_and_every_job_once(tmp_path):
    """Each job writes how many run with it; none ends before three did once, however slow the machine is."""
    code = f"""
import os, pathlib, sys, time
here = pathlib.Path({str(tmp_path)!r})
mine = here / f"running-{{os.getpid()}}"
mine.touch()
most, end = 0, time.monotonic() + 60
while time.monotonic() < end and not (here / "full").exists():
    most = max(most, len(list(here.glob("running-*"))))
    if most >= 3:
        (here / "full").touch()
    time.sleep(0.05)
time.sleep(0.2)  # for one too many to begin
print("beside", max(most, len(list(here.glob("running-*")))))
mine.unlink()
"""
    jobs = jobs_of(tmp_path, *[code] * 7)
    with overview(jobs) as watcher:
        run_jobs(jobs, n_jobs=3, watcher=watcher)
    beside = [int(each.log.read_text().split()[1]) for each in jobs]
    assert max(beside) == 3
    assert "7 of 7 ended" in watcher.console.export_text()


def test_a_failing_job_leaves_the_others_whole_and_is_named_with_its_last_lines(tmp_path, capsys):
    fails = "print('first'); print('\\x1b[31mlast words'); raise SystemExit(3)"
    jobs = jobs_of(tmp_path, "print(1)", fails, "print(2)", "raise SystemExit(2)", "print(3)")
    with overview(jobs) as watcher, pytest.raises(SweepFailedError) as failed:
        run_jobs(jobs, n_jobs=2, watcher=watcher)
    assert str(failed.value).startswith("2 of 5 jobs failed: 1 (n=1); 3 (n=3).")
    shown = capsys.readouterr().err
    assert "job 1 (n=1) failed with exit code 3" in shown
    assert "first\n  \\x1b[31mlast words" in shown  # a terminal is not told what a log's control characters say
    assert [each.log.read_text() for each in (jobs[0], jobs[2], jobs[4])] == ["1\n", "2\n", "3\n"]


def test_places_have_environments_of_their_own(tmp_path):
    jobs = jobs_of(tmp_path, *["import os; print(os.environ['PLACE'])"] * 4)
    with overview(jobs) as watcher:
        run_jobs(jobs, n_jobs=2, watcher=watcher, environments=[{"PLACE": "a"}, {"PLACE": "b"}])
    assert {each.log.read_text().strip() for each in jobs} == {"a", "b"}


def test_an_interrupted_sweep_leaves_no_job_behind(tmp_path):
    """The sweep as a process, since a signal is its own."""
    code = f"""
import sys
from pathlib import Path
from datatuner.sweep_overview import Overview
from datatuner.sweeping import Job, run_jobs
jobs = [Job(n, str(n), (sys.executable, "-c", "import time; print(1, flush=True); time.sleep(600)"),
        Path({str(tmp_path)!r}, str(n))) for n in range(3)]
with Overview(jobs) as watcher:
    run_jobs(jobs, n_jobs=2, watcher=watcher)
"""
    for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGKILL):
        sweep = subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        logs = [tmp_path / name / "log.txt" for name in "01"]
        wait_for(lambda: all(log.exists() and log.read_text() for log in logs))  # noqa: B023 - called here and now
        sweep.send_signal(number)
        _, errors = sweep.communicate(timeout=60)
        assert sweep.returncode != 0
        if number != signal.SIGKILL:
            way_out = (
                f"stopped by {signal.Signals(number).name}; start the same sweep again to run only what is missing."
            )
            assert errors.splitlines()[-1].endswith(way_out)
        wait_for(lambda: not jobs_alive(), 20)
        for log in logs:
            log.unlink()


def jobs_alive() -> list[Path]:
    lines = (path for path in Path("/proc").glob("[0-9]*/cmdline"))
    found = []
    for path in lines:
        try:
            if b"time.sleep(600)" in path.read_bytes() and b"run_jobs" not in path.read_bytes():
                found.append(path)
        except OSError:
            continue
    return found


def test_a_sweep_that_is_started_again_keeps_its_name(tmp_path):
    asked = ["datatuner.commands.run", [["corpus=demo", "seed=1"], ["corpus=demo", "seed=2"]]]
    assert named(tmp_path / "1", asked) == "1"
    assert named(tmp_path / "2", [asked[0], [["corpus=demo", "seed=1"]]]) == "2"
    assert named(tmp_path / "3", asked) == named(tmp_path / "4", asked) == "1"
    (tmp_path / "1" / "sweep.json").write_text('{"asked"')  # damaged: a new name, and no error
    assert named(tmp_path / "5", asked) == "5"


# What is shown


def test_the_table_shows_what_ended_what_runs_with_its_last_line_and_how_many_are_to_come(tmp_path):
    jobs = jobs_of(
        tmp_path,
        "",
        "raise SystemExit(1)",
        "import time; print('epoch 1'); print('a\\rb', flush=True); time.sleep(600)",
        "",
    )
    with overview(jobs, is_terminal=True) as watcher:
        seen: list[str] = []

        def stop(running):
            Overview.look(watcher, running)
            if len(running) == 1 and running[0].job.number == 2 and tail(jobs[2].log, 1) == ["b"]:
                watcher._running = running
                console = Console(width=100, record=True, file=open(os.devnull, "w"))  # noqa: SIM115, PTH123
                console.print(watcher.table())
                seen.append(console.export_text())
                running[0].process.kill()

        watcher.look = stop  # type: ignore[method-assign]
        with pytest.raises(SweepFailedError):
            run_jobs(jobs, n_jobs=1, watcher=watcher)
    rows = [line.split() for line in seen[0].splitlines()[1:]]
    assert rows[0] == ["1", "to", "come"]
    assert rows[1][:3] + rows[1][-1:] == ["2", "n=2", "running", "b"]
    assert rows[2][:4] == ["1", "n=1", "failed", "(1)"]
    assert rows[3][:3] == ["0", "n=0", "done"]


@pytest.mark.parametrize(("seconds", "expected"), [(0, "0:00"), (61.4, "1:01"), (3599.6, "1:00:00"), (7325, "2:02:05")])
def test_clock(seconds, expected):
    assert clock(seconds) == expected


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ([["a=1", "b=1"], ["a=1", "b=2"]], ["b=1", "b=2"]),
        ([["a=1", "b=1"]], ["a=1 b=1"]),
        ([["a=1"], ["a=1"]], ["", ""]),
    ],
)
def test_a_label_has_what_jobs_do_not_share(overrides, expected):
    assert labels(overrides) == expected


# GPUs


def test_jobs_share_the_gpus_in_equal_parts(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5,6,7,2")
    assert visible_gpus() == ["4", "5", "6", "7", "2"]
    assert [each["CUDA_VISIBLE_DEVICES"] for each in shares(2, visible_gpus())] == ["4,5", "6,7"]
    assert shares(1, visible_gpus()) == [{}]
    with pytest.raises(SweepFailedError, match=r"n_jobs=6 .* 5 GPU"):
        shares(6, visible_gpus())
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert shares(3, visible_gpus()) == [{}, {}, {}]


# Real sweeps


def trainings(runs: Path) -> int:
    """How many processes have trained anything."""
    return sum(path.read_text().count(" of them trained") for path in runs.glob("demo/train-*/log.txt"))


def sweeps(runs: Path) -> list[list[str]]:
    """The logs of each sweep's jobs, oldest sweep first."""
    found = []
    for folder in sorted((runs / "sweeps").iterdir()):
        jobs = sorted((path for path in folder.iterdir() if path.is_dir()), key=lambda path: int(path.name))
        found.append([(path / "log.txt").read_text() for path in jobs])
    return found


@pytest.mark.slow
def test_a_sweep_trains_once_what_jobs_share_goes_on_beside_a_failure_and_runs_only_what_is_missing(
    datatuner, small, tmp_path
):
    runs = tmp_path / "runs dir, with signs"
    words = ["run", "-m", *small, "seed=1,-1", "reranking=none,slots", f"runs_dir='{runs}'", "hydra.launcher.n_jobs=2"]
    first = datatuner(*words)
    assert first.returncode == 2
    assert first.stderr.splitlines()[-1].startswith("datatuner: error: 2 of 4 jobs failed: 2 (seed=-1 reranking=none);")
    assert "seed=-1 must lie between" in first.stderr
    assert "job 0 of 4 started: seed=1 reranking=none" in first.stdout
    assert trainings(runs) == 1
    finished = {folder: written(folder) for folder in (runs / "demo").iterdir()}
    assert {folder.name.rpartition("-")[0] for folder in finished} == {
        *("train-tiny", "decode-tiny", "score-none", "evaluate-none", "evaluate-slots")
    }
    again = datatuner(*words)
    assert again.returncode == 2
    assert {folder: written(folder) for folder in (runs / "demo").iterdir()} == finished
    before, after = sweeps(runs)
    assert sum(log.count("done: ") for log in before) == 5
    assert sum(log.count("done: ") for log in after) == 0
    assert [log.count("reused: ") for log in after] == [4, 4, 0, 0]


@pytest.mark.slow
def test_ablation_is_the_whole_matrix_in_one_word(datatuner, small, tmp_path):
    """Every job has a seed that cannot be, so that it ends at once."""
    ended = datatuner("run", "experiment=ablation", *small, "seed=-1", f"runs_dir={tmp_path}", "classifier=tiny")
    assert ended.returncode == 2
    cells = [
        f"states={states} reranking={policy}"
        for states in ("fine", "coarse", "none")
        for policy in ("none", "severity")
    ]
    assert all(f"({cell})" in ended.stderr for cell in cells)
    assert "6 of 6 jobs failed" in ended.stderr
    assert "18 jobs" not in ended.stderr


def test_a_wrong_override_is_refused_before_any_job(datatuner, small, tmp_path):
    ended = datatuner("run", "-m", *small, "seed=1", "states=fine,corase", f"runs_dir={tmp_path}")
    assert (ended.returncode, "corase" in ended.stderr) == (2, True)
    assert not list(tmp_path.glob("sweeps/*/0"))


@pytest.mark.parametrize("folder", ["out", "out/../out", "out/${reranking}"])
def test_jobs_that_would_share_an_output_dir_are_refused_before_any_of_them(datatuner, small, tmp_path, folder):
    typed = ("evaluate", "-m", *small, "seed=1,2", f"runs_dir={tmp_path}")
    ended = datatuner(*typed, f"output_dir='{folder}'", cwd=tmp_path)
    (said,) = ended.stderr.splitlines()
    assert ended.returncode == 2
    assert said.startswith("datatuner: error: output_dir=out")
    assert said.endswith(
        "is one folder for several jobs (seed=1; seed=2): put what they differ in into it, such as "
        "output_dir='out/${seed}'."
    )
    assert not list(tmp_path.glob("sweeps/*/0"))


@pytest.mark.slow
def test_jobs_with_output_dirs_of_their_own_run(base_run, datatuner, small, tmp_path):
    texts = [json.loads(line)["text"] for line in next(base_run.glob("demo/eval*/predictions.jsonl")).open()]
    (tmp_path / "texts.txt").write_text("\n".join(text.replace("\n", " ") for text in texts), encoding="utf-8")
    typed = ("evaluate", "-m", *small, "seed=1,2", f"predictions={tmp_path / 'texts.txt'}", f"runs_dir={tmp_path}")
    ended = datatuner(*typed, "output_dir='out/${seed}'", cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert {path.parent.name for path in tmp_path.glob("out/*/metrics.json")} == {"1", "2"}


def test_no_jobs_at_a_time_is_refused(datatuner, small, tmp_path):
    ended = datatuner("run", "-m", *small, "seed=1", f"runs_dir={tmp_path}", "hydra.launcher.n_jobs=0")
    assert ended.stderr.strip() == "datatuner: error: hydra.launcher.n_jobs=0 must be at least 1."


@pytest.mark.slow
@pytest.mark.parametrize("devices", ["1,2", "2,1"])
def test_jobs_of_one_and_two_processes_in_one_sweep(datatuner, small, tmp_path, devices):
    """In one process, the second job would inherit the first one's ranks (PITFALLS, 1)."""
    ended = datatuner("run", "-m", *small, "seed=1", f"trainer.devices={devices}", f"runs_dir={tmp_path}")
    assert ended.returncode == 0, ended.stderr
    logs = {path.parent: len(list(path.parent.glob("log*.txt"))) for path in tmp_path.glob("demo/train-*/done.json")}
    assert sorted(logs.values()) == [1, 2]
    assert len(list(tmp_path.glob("demo/evaluate-*/metrics.json"))) == 2


@pytest.mark.slow
def test_a_killed_sweep_goes_on_where_it_was(small, tmp_path, datatuner):
    words = ["run", "-m", *small, "seed=1,2", f"runs_dir={tmp_path}"]
    with started(*words, cwd=tmp_path) as sweep:
        wait_for(lambda: list(tmp_path.glob("demo/train-*/done.json")))
        os.kill(sweep.pid, signal.SIGKILL)
        wait_for(lambda: not children_of(tmp_path), 60)
    time.sleep(0.5)
    assert not list(tmp_path.rglob(".*.tmp"))
    ended = datatuner(*words)
    assert ended.returncode == 0, ended.stderr
    assert len(list(tmp_path.glob("demo/evaluate-*/metrics.json"))) == 2
    assert trainings(tmp_path) == 2
