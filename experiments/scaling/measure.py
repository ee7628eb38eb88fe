"""Seconds for a step and an epoch with one process and with two, in turns, and the losses of both.

A step's time is the difference of a long and a short training, so that start and validation cancel out; the median of
the rounds. Two processes have half of the batch each; one takes two batches for a step. What two cores of this machine
can do at all is measured too: two trainings of one process each, which have nothing to do with each other, at once.
"""

import csv
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from datatuner import corpora
from datatuner.collation import BucketedBatches
from datatuner.linearization import linearized_text
from datatuner.provenance import provenance
from datatuner.writing import write_json

HERE = Path(__file__).parent
RUNS = HERE / "runs"
DATATUNER = Path(sys.executable).with_name("datatuner")
# Overrides, short and long training in steps, rounds, batch per process, and batches of it for a step of two processes.
MODELS: dict[str, tuple[list[str], tuple[int, int], int, int, int]] = {
    "tiny": (["generator=tiny"], (20, 80), 3, 16, 1),
    "smollm2": (["generator=smollm2_135m_q4"], (1, 6), 1, 4, 1),
    "smollm2_accumulated": (["generator=smollm2_135m_q4"], (1, 4), 1, 4, 4),
}
VALIDATED = 20  # rows of the validation split: all of it would take longer than the steps
WAYS = ("one", "two", "beside")
SEQUENCES = 5103  # ViGGO's training pairs


def train(model: str, way: str, steps: int, round_: int) -> tuple[float, list[float]]:
    """Seconds of the stage, and the loss of each step; `beside` has another of its kind run at the same time."""
    overrides, _, _, batch, accumulated = MODELS[model]
    runs = RUNS / f"{model}-{way}-{steps}-{round_}"
    if not list(runs.glob("viggo/train-*/done.json")):
        common = ["corpus=viggo", "seed=1", "trainer.threads=1", "trainer.val_bleu_inputs=0", "trainer.log_every=1"]
        common += [f"corpus.batch_size={batch}", f"trainer.max_steps={steps}", f"corpus.folder={corpus()}"]
        common += [f"trainer.accumulate={accumulated if way == 'two' else 2 * accumulated}"]
        command = [str(DATATUNER), "train", *(["trainer=ddp_cpu"] if way == "two" else []), *common, *overrides]
        started = []
        for folder in [runs, runs.with_name(f"{runs.name}-other")][: 1 + (way == "beside")]:
            shutil.rmtree(folder, ignore_errors=True)
            started.append(subprocess.Popen([*command, f"runs_dir={folder}"]))
        codes = [process.wait() for process in started]
        if any(codes):
            raise SystemExit(f"{runs}: a training failed")
    (folder,) = runs.glob("viggo/train-*")
    with (folder / "metrics.csv").open(encoding="utf-8") as file:
        losses = [float(row["train/loss"]) for row in csv.DictReader(file) if row["train/loss"]]
    return json.loads((folder / "done.json").read_text(encoding="utf-8"))["seconds"], losses


def corpus() -> Path:
    """ViGGO's training split, and a little of its validation split."""
    folder = RUNS / "viggo"
    if not folder.exists():
        scratch = Path(tempfile.mkdtemp(dir=RUNS))
        theirs = Path(os.environ["DATATUNER_DATA"]) / "viggo"
        for name in ("viggo-train.csv", "viggo-test.csv"):
            shutil.copy(theirs / name, scratch)
        lines = (theirs / "viggo-valid.csv").read_text(encoding="utf-8").splitlines(keepends=True)
        (scratch / "viggo-valid.csv").write_text("".join(lines[: 1 + VALIDATED]), encoding="utf-8")
        scratch.rename(folder)
    return folder


def waiting(batch: int, accumulated: int) -> float:
    """How much longer the slower of two ranks works on a step than both do on average, by the words of its batches."""
    train = corpora.read("viggo", corpus(), "train")
    words = [len(f"{linearized_text(e.source)} {text}".split()) for e in train for text in e.references]
    sizes = [max(words[i] for i in each) * len(each) for each in BucketedBatches(words, batch, shuffle=True, seed=1)]
    steps = len(sizes) // (2 * accumulated)
    ranks = np.array(sizes[: steps * 2 * accumulated]).reshape(steps, accumulated, 2).sum(axis=1)
    return float(ranks.max(axis=1).sum() / ranks.mean(axis=1).sum())


def measure(model: str) -> dict[str, Any]:
    _, (short, long), rounds, batch, accumulated = MODELS[model]
    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    losses = {}
    for number in range(rounds):
        for way in WAYS:
            before, _ = train(model, way, short, number)
            after, losses[way] = train(model, way, long, number)
            seconds[way].append((after - before) / (long - short))
    step = {way: statistics.median(values) for way, values in seconds.items()}
    steps = SEQUENCES / (2 * batch * accumulated)
    return {
        "global_batch": 2 * batch * accumulated,
        "seconds_a_step": {way: round(value, 3) for way, value in step.items()},
        "seconds_an_epoch": {way: round(value * steps) for way, value in step.items()},
        "rounds": {way: [round(value, 3) for value in values] for way, values in seconds.items()},
        "efficiency": round(step["one"] / step["two"] / 2, 3),
        "efficiency_of_two_that_share_nothing": round(step["one"] / step["beside"], 3),
        "slower_rank_to_mean": round(waiting(batch, accumulated), 3),
        "largest_difference_of_losses": max(abs(a - b) for a, b in zip(losses["one"], losses["two"], strict=True)),
    }


def main() -> None:
    RUNS.mkdir(exist_ok=True)
    path = HERE / "results.json"
    found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    for model in sys.argv[1:]:
        found[model] = {**measure(model), "provenance": provenance()}
        print(model, json.dumps({key: value for key, value in found[model].items() if key != "provenance"}, indent=2))
        write_json(path, found)


if __name__ == "__main__":
    main()
