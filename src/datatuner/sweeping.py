"""The jobs of a sweep, each a process of its own, several at a time. Knows commands and folders; nothing of Hydra.

A job is what somebody could have typed alone: it finds finished stages again, waits for those that another job is
working on, and fails alone.
"""

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from datatuner.errors import OutputError, SweepFailedError, printable
from datatuner.ranks import TAIL, stoppable, tail
from datatuner.stages import LOG
from datatuner.writing import write_json

_POLL, _PATIENCE = 0.1, 30.0  # seconds between looks at the jobs, and until one that does not end is killed
_PR_SET_PDEATHSIG = 1  # of Linux's prctl
_SWEEP = "sweep.json"  # in a sweep's folder: what was asked for, and the sweep's name


@dataclass(frozen=True)
class Job:
    """One command of a sweep. `label` is what tells it from the others; its output goes to `folder/log.txt`."""

    number: int
    label: str
    command: tuple[str, ...]
    folder: Path

    @property
    def log(self) -> Path:
        return self.folder / LOG


@dataclass
class Running:
    """A job while its process is there, in one of the places that `n_jobs` leaves."""

    job: Job
    place: int
    process: subprocess.Popen[bytes]
    start: float


class Watcher(Protocol):
    """Who is told of the jobs."""

    def started(self, job: Job) -> None: ...

    def ended(self, job: Job, code: int, seconds: float) -> None: ...

    def look(self, running: Sequence[Running]) -> None:
        """Called every tenth of a second."""


def named(folder: Path, asked: Sequence[Any]) -> str:
    """A name for the sweep in `folder`: its folder's, or where the same was asked for before, the first one's.

    So what W&B is told of a sweep that is started again stays one group.

    Args:
        asked: the command, and the overrides of each job; plain values.
    """
    for path in sorted(folder.parent.glob(f"*/{_SWEEP}")):
        with suppress(OSError, ValueError, KeyError, TypeError):
            earlier = json.loads(path.read_text(encoding="utf-8"))
            if earlier["asked"] == asked:
                return str(earlier["name"])
    with suppress(OSError):  # is said when the first job cannot write
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / _SWEEP, {"name": folder.name, "asked": asked})
    return folder.name


def run_jobs(
    jobs: Sequence[Job], *, n_jobs: int, watcher: Watcher, environments: Sequence[dict[str, str]] | None = None
) -> None:
    """Runs all jobs in their order, `n_jobs` at a time; one that fails leaves the others alone.

    Args:
        environments: what each of the `n_jobs` places adds to its jobs' environment.

    Raises:
        SweepFailedError: jobs failed; names each, after its log's last lines were printed. Or a signal ended the sweep.
        OutputError: a job's folder cannot be made.
    """
    waiting, running, failed = list(jobs), dict[int, Running](), list[tuple[Job, int]]()
    with _ending(running):
        while waiting or running:
            for place in range(n_jobs):
                if waiting and place not in running:
                    job = waiting.pop(0)
                    running[place] = _start(job, place, environments[place] if environments else {})
                    watcher.started(job)
            time.sleep(_POLL)
            for place, each in list(running.items()):
                if (code := each.process.poll()) is not None:
                    del running[place]
                    watcher.ended(each.job, code, time.monotonic() - each.start)
                    failed += [(each.job, code)] if code else []
            watcher.look(list(running.values()))
    if failed:
        failed.sort(key=lambda each: each[0].number)
        for job, code in failed:
            print(f"\njob {job.number} ({job.label}) failed with exit code {code}; {job.log} ends:", file=sys.stderr)
            for line in tail(job.log, TAIL):
                print(f"  {printable(line)}", file=sys.stderr)
        names = "; ".join(f"{job.number} ({job.label})" for job, _ in failed)
        raise SweepFailedError(
            f"{len(failed)} of {len(jobs)} jobs failed: {names}. The others are finished; start the same sweep again "
            "to run only what is missing."
        )


def _start(job: Job, place: int, environment: dict[str, str]) -> Running:
    try:
        job.folder.mkdir(parents=True, exist_ok=True)
        with job.log.open("wb") as log:
            process = subprocess.Popen(
                job.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **environment},
                preexec_fn=_die_with_parent,  # noqa: PLW1509 - a sweep has one thread
            )
    except OSError as error:
        raise OutputError(f"cannot write to {job.folder}: {error.strerror or error}.") from error
    return Running(job, place, process, time.monotonic())


def _die_with_parent() -> None:
    """A job whose sweep is killed gets SIGTERM (on Linux), and ends its stage; else it would go on unseen."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


@contextmanager
def _ending(running: dict[int, Running]) -> Iterator[None]:
    """Whatever happens inside, a signal too, no job is left behind."""
    try:
        with stoppable():
            yield
    except KeyboardInterrupt as error:
        reason = str(error) or "interrupted"
        raise SweepFailedError(f"{reason}; start the same sweep again to run only what is missing.") from None
    finally:
        for each in running.values():
            each.process.terminate()
        for each in running.values():
            try:
                each.process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                each.process.kill()
                each.process.wait()


def labels(overrides: Sequence[Sequence[str]]) -> list[str]:
    """For each job the overrides that not all jobs share; all of them where there is one job."""
    shared = set(overrides[0]).intersection(*overrides) if len(overrides) > 1 else set()
    return [" ".join(word for word in each if word not in shared) for each in overrides]


def shares(n_jobs: int, visible: Sequence[str]) -> list[dict[str, str]]:
    """CUDA_VISIBLE_DEVICES for each of `n_jobs` places: equal shares of the `visible` GPUs, in their order.

    Raises:
        SweepFailedError: there are fewer GPUs than jobs at a time.
    """
    if not visible or n_jobs == 1:
        return [{} for _ in range(n_jobs)]
    each = len(visible) // n_jobs
    if each == 0:
        raise SweepFailedError(
            f"hydra.launcher.n_jobs={n_jobs} jobs at a time cannot share {len(visible)} GPU(s): pass at most "
            f"hydra.launcher.n_jobs={len(visible)}, or set CUDA_VISIBLE_DEVICES= to compute on the CPU."
        )
    return [{"CUDA_VISIBLE_DEVICES": ",".join(visible[n * each : (n + 1) * each])} for n in range(n_jobs)]


def visible_gpus() -> list[str]:
    """The GPUs that this process may use, without importing torch: CUDA_VISIBLE_DEVICES, else what the driver lists."""
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is not None:
        return [name for name in chosen.split(",") if name.strip() not in ("", "-1")]
    listed = Path("/proc/driver/nvidia/gpus")
    return [str(number) for number in range(len(list(listed.iterdir())))] if listed.is_dir() else []
