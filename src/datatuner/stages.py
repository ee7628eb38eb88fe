"""One stage, one folder, and the processes that do its work (see ranks.py): fingerprints and locks.

A stage's folder is named by what its output depends on, so a finished one is found again and reused. Threads, paths
and loggers are not part of the name.
"""

import hashlib
import json
import math
import os
import shutil
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from datatuner import writing
from datatuner.errors import ChangedError, ConfigError, OutputError, StageFailedError
from datatuner.following import TRACKED, followed
from datatuner.locking import LOCK, POLL, cannot_write, is_locked, locked
from datatuner.ranks import Meeting, Place, launched, run_ranks

# Raised when a stage's output changes its meaning: older folders are then no longer reused.
VERSIONS = {"train": 1, "classifier": 2, "decode": 2, "score": 1, "evaluate": 3}

REFERENCES = "references"  # `predictions=references`: the human texts themselves
PLAN, DONE, LOG = "stage.json", "done.json", "log.txt"
_FAILED = "failed.{}.json"  # left by a rank of a launch that has failed, for those that wait for it
_SEEN_LATE = 20.0  # seconds after which a file is seen that another machine wrote, at the latest
MEETING = "ranks.json"  # where the ranks find each other, while they are launched by torchrun or SLURM
IN_RANKS = ("train", "classifier", "decode", "score")  # the kinds that use every device
# A training's: what it goes on from after a kill, the best weights, and its rows so far.
LAST, BEST, METRICS_CSV, METRICS_BEFORE = "last.ckpt", "best.ckpt", "metrics.csv", "metrics.before.csv"
CHECKSUM = ".sha256"  # after a checkpoint's name: the file beside it that says which contents of it are whole
_KEPT_TO_GO_ON = {LAST, LAST + CHECKSUM, BEST, BEST + CHECKSUM, METRICS_CSV, METRICS_BEFORE, LOG, TRACKED}


def corpus_key(split: str) -> str:
    """The name of a split's checksum among a stage's inputs."""
    return f"corpus.{split}"


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
    def nodes(self) -> int:
        return int(self.settings["num_nodes"]) if self.kind in IN_RANKS else 1

    @property
    def places(self) -> list[Place]:
        """Of all its processes, node by node."""
        devices = int(self.settings["devices"]) if self.kind in IN_RANKS else 1
        ranks = devices * self.nodes
        return [Place(rank, ranks, rank % devices, rank // devices) for rank in range(ranks)]

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
            "parents_fingerprints": {role: parent.fingerprint for role, parent in self.parents.items()},
        }


def is_done(folder: Path) -> bool:
    """A stage is finished when done.json, its last file, is there."""
    return (folder / DONE).is_file()


def read_plan(folder: Path) -> dict[str, Any]:
    """What stage.json in a stage's folder says; of parents that were moved with it, where they are now."""
    plan: dict[str, Any] = json.loads((folder / PLAN).read_text(encoding="utf-8"))
    if isinstance(plan, dict) and isinstance(plan.get("parents"), dict):
        plan["parents"] = {role: _where(str(parent), folder) for role, parent in plan["parents"].items()}
    return plan


def fingerprint_of(folder: Path) -> str | None:
    """What stage.json in a stage's folder says of its fingerprint; None where it cannot be read."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        return str(read_plan(folder)["fingerprint"])
    return None


def _where(parent: str, child: Path) -> str:
    """`parent`, or the folder of its name beside the child if it is no longer there."""
    moved = child.resolve().parent / Path(parent).name
    return str(moved) if moved.is_dir() and not Path(parent).is_dir() else parent


def ensure(stage: Stage) -> bool:
    """Runs `stage` unless its folder is finished; a second process waits for the first and reuses. True if it ran.

    Where torchrun or SLURM started this process as one rank of several, rank 0 does this, and the others follow it.

    Raises:
        ConfigError: they started another number of ranks than the stage is to use, or nobody started several nodes, or
            the variables that they set cannot be.
        OutputError: the folder cannot be made or written.
        StageFailedError: a process of the stage ended without its result.
    """
    place, launch, told = launched() or (None, "", "")
    if stage.kind in IN_RANKS:
        _check_ranks(stage, place, told)
    if place is None:
        return _lead(stage, None, "")
    try:
        return _follow(stage, place, launch, told) if place.rank > 0 else _lead(stage, place, launch)
    except BaseException:  # an interruption too: the others of the launch may wait for this one
        with suppress(OSError, OutputError):
            writing.write_json(stage.folder / _FAILED.format(place.rank), {"launch": launch})
        raise


def _lead(stage: Stage, place: Place | None, launch: str) -> bool:
    """What the only process does, or rank 0 of a launch."""
    with locked(stage.folder, shared=stage.nodes > 1 or "SLURM_JOB_ID" in os.environ) as lock:
        missing = not is_done(stage.folder)
        if not missing:
            ensure_same(stage)
        else:
            _clear(stage.folder)
            writing.write_json(stage.folder / PLAN, stage.plan())
            meeting = Meeting.here(nodes=stage.nodes, launch=launch)
            if place:
                writing.write_json(stage.folder / MEETING, asdict(meeting))
            places = [place] if place and stage.kind in IN_RANKS else stage.places
            try:
                elsewhere = partial(_failed_elsewhere, stage.folder, launch)
                with followed(stage.folder, stage.settings.get("logger")):
                    run_ranks(stage.folder, places, meeting, log=LOG, inherited=[lock], elsewhere=elsewhere)
                    _ensure_done(stage.folder)
            finally:
                (stage.folder / MEETING).unlink(missing_ok=True)
        for name in (LAST, LAST + CHECKSUM):  # no earlier: a kill in between would cost the whole training
            (stage.folder / name).unlink(missing_ok=True)
        return missing


def ensure_same(stage: Stage) -> None:
    """Whether a finished folder is this stage's, and not one whose fingerprint begins alike, or that was put there.

    Raises:
        ChangedError: it is another's, or its plan is damaged.
    """
    found = fingerprint_of(stage.folder) or "unreadable"
    if found != stage.fingerprint:
        raise ChangedError(
            f"{stage.folder} is finished, but of another stage: its fingerprint in {PLAN} is {found[:16]}…, not "
            f"{stage.fingerprint[:16]}…. Move it away, or pass another runs_dir=."
        )


def _ensure_done(folder: Path) -> None:
    if not is_done(folder):
        raise StageFailedError(f"the stage in {folder} ended with exit code 0, but without {DONE}.", folder / LOG)


def _check_ranks(stage: Stage, place: Place | None, told: str) -> None:
    devices, nodes = stage.settings["devices"], stage.settings["num_nodes"]
    asked = f"trainer.devices={devices} and trainer.num_nodes={nodes} are {devices * nodes}"
    if place and place.ranks != devices * nodes:
        raise ConfigError(f"{place.ranks} ranks were started ({told}), but {asked}: make them agree.")
    if place and (place.node >= nodes or place.local_rank >= devices):
        raise ConfigError(
            f"rank {place.rank} was started as number {place.local_rank} of node {place.node}, counted from 0 "
            f"({told}), but {asked}, {devices} a node: make them agree."
        )
    if not place and nodes > 1:
        raise ConfigError(
            f"trainer.num_nodes={nodes}, but nobody has started the other nodes: start this command once for each "
            'rank, with torchrun or srun (README, "More than one device").'
        )


def _follow(stage: Stage, place: Place, launch: str, told: str) -> bool:
    """What rank 0 has planned in the same launch: its own process, then the wait for the result."""
    elsewhere = partial(_failed_elsewhere, stage.folder, launch)
    ran, seen, left_since, since = False, False, math.inf, time.monotonic()
    while not is_done(stage.folder):
        meeting = None if ran or stage.kind not in IN_RANKS else _meeting(stage.folder, launch)
        if meeting:
            run_ranks(stage.folder, [place], meeting, log=LOG, inherited=[], elsewhere=elsewhere)
            ran = True
        time.sleep(POLL)
        if failed := elsewhere():
            raise StageFailedError(f"the stage in {stage.folder} failed ({failed}).", stage.folder / LOG)
        held = stage.folder.is_dir() and is_locked(stage.folder)
        if not (seen or held) and time.monotonic() - since > _SEEN_LATE:
            print(f"waiting for rank 0 of {place.ranks} ({told})", file=sys.stderr)
            since = math.inf  # said once
        seen = seen or held
        left_since = math.inf if held or not seen else min(left_since, time.monotonic())
        if time.monotonic() - left_since > _SEEN_LATE and not is_done(stage.folder):
            raise StageFailedError(f"rank 0 has left {stage.folder} without its result.", stage.folder / LOG)
    return ran


def _failed_elsewhere(folder: Path, launch: str) -> str:
    """Which other process of the launch has failed, in words; "" while none has, or there is no launch."""
    for path in sorted(folder.glob(_FAILED.format("*"))) if launch else []:
        with suppress(OSError, ValueError):  # half of it may be seen over a network
            if json.loads(path.read_text(encoding="utf-8"))["launch"] == launch:
                return f"rank {path.name.split('.')[1]} ended first, perhaps on another machine"
    return ""


def _meeting(folder: Path, launch: str) -> Meeting | None:
    """Rank 0's, of this launch. One that a killed launch left is not taken: nobody holds the lock, or not for long."""
    try:
        meeting = Meeting(**json.loads((folder / MEETING).read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return None
    return meeting if meeting.launch == launch and is_locked(folder) else None


def _clear(folder: Path) -> None:
    """Removes what a killed process left, but not what a training can go on from."""
    kept = {LOCK, *(_KEPT_TO_GO_ON if (folder / LAST).is_file() else ())}
    try:
        for path in folder.iterdir():
            if path.name not in kept:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
    except OSError as error:
        raise cannot_write(folder, error) from error
