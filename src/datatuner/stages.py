"""One stage, one folder, one process: fingerprints, locks, and the children that do the work.

A stage's folder is named by what its output depends on, so a finished one is found again and reused. Threads, paths
and loggers are not part of the name.
"""

import errno
import fcntl
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from datatuner import records
from datatuner.errors import OutputError, StageFailedError

# Raised when a stage's output changes its meaning: older folders are then no longer reused.
VERSIONS = {"train": 1, "classifier": 2, "decode": 1, "score": 1, "evaluate": 2}

REFERENCES = "references"  # `predictions=references`: the human texts themselves
PLAN, DONE, LOCK, LOG = "stage.json", "done.json", "lock", "log.txt"
# A training's: what it goes on from after a kill, the best weights, and its rows so far.
LAST, BEST, METRICS_CSV, METRICS_BEFORE = "last.ckpt", "best.ckpt", "metrics.csv", "metrics.before.csv"
_KEPT_TO_GO_ON = {LAST, BEST, METRICS_CSV, METRICS_BEFORE, LOG}


@dataclass(frozen=True)
class Finished:
    """A stage that somebody ran before, known by its folder."""

    folder: Path
    fingerprint: str


@dataclass(frozen=True)
class Stage:
    """What one stage does, before it is done.

    Args:
        kind: one of VERSIONS.
        label: a word in the folder's name: the generator, the classifier, or the reranking.
        root: `<runs_dir>/<corpus>`.
        config: the resolved part of the configuration that the output depends on; plain values.
        inputs: checksums of corpus files and weights.
        settings: what the stage needs to know and its output does not depend on: folders, threads, accelerator.
        parents: the stages whose output it reads, by role.
    """

    kind: str
    label: str
    root: Path
    config: Mapping[str, Any]
    inputs: Mapping[str, str]
    settings: Mapping[str, Any]
    parents: Mapping[str, "Stage | Finished"] = field(default_factory=dict)

    @property
    def fingerprint(self) -> str:
        """sha256 of all that the output depends on, parents included."""
        content = {
            "kind": self.kind,
            "version": VERSIONS[self.kind],
            "config": self.config,
            "inputs": self.inputs,
            "parents": {role: parent.fingerprint for role, parent in self.parents.items()},
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    @property
    def folder(self) -> Path:
        return self.root / f"{self.kind}-{self.label}-{self.fingerprint[:8]}"

    def plan(self) -> dict[str, Any]:
        """The content of stage.json, all that the child process is told."""
        return {
            "kind": self.kind,
            "fingerprint": self.fingerprint,
            "config": dict(self.config),
            "inputs": dict(self.inputs),
            "settings": dict(self.settings),
            "parents": {role: str(parent.folder.resolve()) for role, parent in self.parents.items()},
        }


def is_done(folder: Path) -> bool:
    """A stage is finished when done.json, its last file, is there."""
    return (folder / DONE).is_file()


def read_plan(folder: Path) -> dict[str, Any]:
    """What stage.json in a stage's folder says."""
    plan: dict[str, Any] = json.loads((folder / PLAN).read_text(encoding="utf-8"))
    return plan


def ensure(stage: Stage) -> bool:
    """Runs `stage` unless its folder is finished; a second process waits for the first and reuses. True if it ran.

    Raises:
        OutputError: the folder cannot be made or written.
        StageFailedError: the child process ended without its result.
    """
    with _locked(stage.folder) as lock:
        missing = not is_done(stage.folder)
        if missing:
            _clear(stage.folder)
            records.write_json(stage.folder / PLAN, stage.plan())
            run_child(stage.folder, lock)
        (stage.folder / LAST).unlink(missing_ok=True)  # no earlier: a kill in between would cost the whole training
        return missing


def _clear(folder: Path) -> None:
    """Removes what a killed process left, but not what a training can go on from."""
    kept = {LOCK, *(_KEPT_TO_GO_ON if (folder / LAST).is_file() else ())}
    try:
        for path in folder.iterdir():
            if path.name not in kept:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
    except OSError as error:
        raise cannot_write(folder, error) from error


@contextmanager
def _locked(folder: Path) -> Iterator[int]:
    """An exclusive lock on the stage's folder, as a file descriptor; the kernel frees it when its owners are dead."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / LOCK).open("w")
    except OSError as error:
        raise cannot_write(folder, error) from error
    with file:
        if not _lock(file, folder):
            print(f"waiting for another process that works on {folder}", file=sys.stderr)
            while not _lock(file, folder):  # a blocking call could miss a Ctrl-C that comes just before it
                time.sleep(0.2)
        yield file.fileno()


def _lock(file: IO[str], folder: Path) -> bool:
    """Whether the lock is ours now; False while another process holds it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in (errno.EAGAIN, errno.EACCES):
            raise cannot_write(folder, error) from error
        return False
    return True


def cannot_write(folder: Path, error: OSError) -> OutputError:
    return OutputError(
        f"cannot write to {folder}: {error.strerror or error}. Free space there, or pass runs_dir= (evaluate: "
        "output_dir=) with a folder you may write to."
    )


def run_child(folder: Path, *inherited: int) -> None:
    """`python -m datatuner.commands.stage FOLDER` in its own process group and without another stage's rank variables.

    Interrupting this process ends the whole group. The child holds the `inherited` lock too: where this process alone
    is killed, nobody else starts on the folder before the child has ended.

    Raises:
        StageFailedError: it exited with another code than 0.
    """
    foreign = ("LOCAL_RANK", "NODE_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT", "PL_GLOBAL_SEED")
    environment = {key: value for key, value in os.environ.items() if key not in foreign}
    command = [sys.executable, "-m", "datatuner.commands.stage", str(folder)]
    child = subprocess.Popen(command, env=environment, start_new_session=True, pass_fds=inherited)

    def pass_on(number: int, _: Any) -> None:
        raise StageFailedError(f"stopped by {signal.Signals(number).name}; start it again to go on in {folder.name}.")

    before = {number: signal.signal(number, pass_on) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        code = child.wait()
    finally:
        for number in before:
            signal.signal(number, signal.SIG_IGN)  # a second Ctrl-C must not leave the child behind
        _end_group(child)
        for number, handler in before.items():
            signal.signal(number, handler)
    if code == REPORTED:
        raise SystemExit(REPORTED)
    if code != 0:
        how = f"killed by signal {-code}" if code < 0 else f"exit code {code}"
        raise StageFailedError(f"the stage in {folder} failed ({how}).", folder / LOG)


def _end_group(child: subprocess.Popen[bytes]) -> None:
    """SIGTERM to what still runs of the child's group, its other ranks too; SIGKILL after 10 s."""
    with suppress(ProcessLookupError):  # raised once nobody is left
        os.killpg(child.pid, signal.SIGTERM)
        for _ in range(100):
            child.poll()  # a dead leader that was not waited for counts as alive
            os.killpg(child.pid, 0)
            time.sleep(0.1)
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


REPORTED = 2  # exit code of a process that has told the user what is wrong in one line
