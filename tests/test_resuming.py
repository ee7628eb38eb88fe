"""A training that is killed ends with the same weights, bit for bit; foreign checkpoints are refused."""

import csv
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from datatuner.collation import BucketedBatches
from datatuner.lineage import note_checksums
from datatuner.resuming import random_states, restore_random_states
from datatuner.weights import sha256
from tests.trainings import DROPOUT

# Two epochs and a part of one: 375 batches, and 187 or 188 steps, in each.
LONG = (
    *(f"generator.backbone.architecture.{name}=0.1" for name in DROPOUT),
    "corpus.batch_size=8",
    "trainer.max_steps=420",
    "trainer.accumulate=2",
    "trainer.workers=2",
    "trainer.save_every=7",
    "trainer.log_every=1",
)


def train(small: tuple[str, ...], folder: Path) -> list[str]:
    overrides = [o for o in small if not o.startswith(("decoding.", "bootstrap", "trainer.max_steps"))]
    return ["train", *overrides, *LONG, "seed=1", f"runs_dir={folder}"]


def trained(folder: Path) -> Path:
    return next(folder.glob("demo/train-*"))


def rows(folder: Path) -> list[dict[str, str]]:
    with (trained(folder) / "metrics.csv").open(encoding="utf-8") as file:
        return [dict(row) for row in csv.DictReader(file)]


def last_step(folder: Path) -> int:
    """The step of the checkpoint that lies there, 0 without one."""
    found = list(folder.glob("demo/train-*/last.ckpt"))
    try:
        return int(torch.load(found[0], weights_only=True)["global_step"]) if found else 0
    except FileNotFoundError:  # just replaced
        return 0


def killed(
    arguments: list[str], folder: Path, when: Callable[[], bool], delay: float, number: int = signal.SIGKILL
) -> str:
    """Starts the training, ends it `delay` seconds after `when` holds, and returns what it printed last.

    SIGKILL goes to it and all its processes, another signal to the stage's process alone.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "datatuner.cli", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        end = time.monotonic() + 120
        while not when():
            assert process.poll() is None, "it ended before it was killed"
            assert time.monotonic() < end
            time.sleep(0.02)
        time.sleep(delay)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        if number == signal.SIGKILL:
            for group in map(int, children):  # each stage is a process group of its own
                os.killpg(group, number)
            process.kill()
        else:
            os.kill(int(children[0]), number)
        _, errors = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert process.returncode != 0
    assert not (trained(folder) / "done.json").exists()
    return errors


@pytest.mark.slow
def test_two_kills_change_no_bit(small, tmp_path, datatuner):
    undisturbed, disturbed = tmp_path / "undisturbed", tmp_path / "disturbed"
    assert datatuner(*train(small, undisturbed)).returncode == 0
    arguments = train(small, disturbed)
    chance = random.Random()  # another moment in each run of this test: all must do
    delays = [chance.uniform(0, 0.5) for _ in range(2)]
    killed(arguments, disturbed, lambda: last_step(disturbed) > 20, delays[0])
    first = last_step(disturbed)
    assert 20 < first < 187, delays  # in the first epoch
    said = killed(arguments, disturbed, lambda: last_step(disturbed) > 220, delays[1], signal.SIGTERM)
    stopped = f"datatuner: error: stopped by SIGTERM; start it again to go on in {trained(disturbed).name}."
    assert said.splitlines()[-1] == stopped
    assert "Traceback" not in said
    second = last_step(disturbed)
    assert 220 < second < 375, delays  # in the second
    # As a process that is killed while it starts leaves it: a new logger has deleted the file.
    (trained(disturbed) / "metrics.csv").rename(trained(disturbed) / "metrics.before.csv")
    finished = datatuner(*arguments)
    assert f"continues after step {second}" in finished.stderr

    one, other = (
        torch.load(trained(folder) / "best.ckpt", weights_only=True)["state_dict"]
        for folder in (undisturbed, disturbed)
    )
    assert one.keys() == other.keys()
    assert [name for name in one if not torch.equal(one[name], other[name])] == [], delays
    assert rows(disturbed) == rows(undisturbed), delays
    done = json.loads((trained(disturbed) / "done.json").read_text())
    assert [point["step"] for point in done["resumed"]] == [first, second]
    assert json.loads((trained(undisturbed) / "done.json").read_text())["resumed"] == []
    for name in ("last.ckpt", "last.ckpt.sha256", "metrics.before.csv"):  # not needed any more
        assert not list(tmp_path.glob(f"*/demo/*/{name}"))


@pytest.fixture(scope="module")
def stopped(small: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], Path]:
    """A training killed in mid-epoch: its arguments, its folder."""
    folder = tmp_path_factory.mktemp("stopped")
    arguments = train(small, folder)
    killed(arguments, folder, lambda: last_step(folder) > 0, 0.0)
    return arguments, trained(folder)


def change_identity(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    content = torch.load(path, weights_only=True)
    change(content["callbacks"]["ResumePoint"]["identity"])
    torch.save(content, path)
    note_checksums(path, [sha256([path])])


def older(identity: dict[str, Any]) -> None:
    identity["version"] = 0


def foreign(identity: dict[str, Any]) -> None:
    identity["config"]["generator"]["optim"]["lr"] = 0.25
    identity["inputs"]["corpus.train"] = "another"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "named"),
    [
        (older, ["version is 0 there, 1 here"]),
        (foreign, ["config.generator.optim.lr is 0.25 there, 0.003 here", "inputs.corpus.train is another there, "]),
    ],
)
def test_a_checkpoint_of_another_training_is_refused_with_the_difference(stopped, datatuner, change, named):
    arguments, folder = stopped
    before = {path: path.read_bytes() for path in (folder / "last.ckpt", folder / "last.ckpt.sha256")}
    change_identity(folder / "last.ckpt", change)
    refused = datatuner(*arguments)
    for path, content in before.items():
        path.write_bytes(content)
    assert refused.returncode == 2
    message = refused.stderr.splitlines()[-1]
    assert all(part in message for part in named)
    assert f"Remove {folder / 'last.ckpt'} to train from the start." in message
    assert "Traceback" not in refused.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[: len(content) // 2],
        lambda content: content[:200_000] + bytes(65536) + content[265_536:],  # torch would load it
    ],
)
def test_a_damaged_checkpoint_is_refused(stopped, datatuner, damage):
    arguments, folder = stopped
    before = (folder / "last.ckpt").read_bytes()
    (folder / "last.ckpt").write_bytes(damage(before))
    refused = datatuner(*arguments)
    (folder / "last.ckpt").write_bytes(before)
    assert refused.returncode == 2
    said = refused.stderr.splitlines()[-1]
    assert f"{folder / 'last.ckpt'} is not the file that was saved" in said
    assert f"Remove {folder / 'last.ckpt'} to train from the start." in said


def test_random_states_come_back():
    states = random_states()
    drawn = [random.random(), float(np.random.rand()), float(torch.rand(()))]
    restore_random_states(states)
    assert [random.random(), float(np.random.rand()), float(torch.rand(()))] == drawn


def test_a_late_start_leaves_out_the_batches_that_are_done():
    lengths = [*range(5, 40)]
    whole = BucketedBatches(lengths, 4, shuffle=True, seed=3)
    late = BucketedBatches(lengths, 4, shuffle=True, seed=3, start=(2, 5))
    assert len(late) == len(whole)
    whole.set_epoch(2)
    assert list(late) == list(whole)[5:]
    for sampler in (whole, late):
        sampler.set_epoch(3)
    assert list(late) == list(whole)
