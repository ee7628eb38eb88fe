"""Seconds for a step and an epoch with one process and with two, in turns, and the losses of both.

A step's time is the difference of a long and a short training, so that start and validation cancel out; the median of
the rounds. Two processes have half of the batch each; one takes two batches for a step.
"""

import csv
import json
import shutil
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from datatuner.provenance import provenance
from datatuner.writing import write_json

HERE = Path(__file__).parent
RUNS = HERE / "runs"
DATATUNER = Path(sys.executable).with_name("datatuner")
# Overrides, short and long training in steps, rounds, batch per process.
MODELS: dict[str, tuple[list[str], tuple[int, int], int, int]] = {
    "tiny": (["generator=tiny"], (20, 80), 3, 16),
    "smollm2": (["generator=smollm2_135m_q4"], (2, 8), 1, 4),
}
WAYS = {"one": ["trainer.accumulate=2"], "two": ["trainer=ddp_cpu"]}
SEQUENCES = 5103  # ViGGO's training pairs


def train(model: str, way: str, steps: int, round_: int) -> tuple[float, list[float]]:
    """Seconds of the stage, and the loss of each step."""
    overrides, _, _, batch = MODELS[model]
    runs = RUNS / f"{model}-{way}-{steps}-{round_}"
    if not list(runs.glob("viggo/train-*/done.json")):
        shutil.rmtree(runs, ignore_errors=True)
        common = ["corpus=viggo", "seed=1", "trainer.threads=1", "trainer.val_bleu_inputs=0", "trainer.log_every=1"]
        common += [f"corpus.batch_size={batch}", f"trainer.max_steps={steps}", f"runs_dir={runs}"]
        subprocess.run([DATATUNER, "train", *common, *overrides, *WAYS[way]], check=True)
    (folder,) = runs.glob("viggo/train-*")
    with (folder / "metrics.csv").open(encoding="utf-8") as file:
        losses = [float(row["train/loss"]) for row in csv.DictReader(file) if row["train/loss"]]
    return json.loads((folder / "done.json").read_text(encoding="utf-8"))["seconds"], losses


def measure(model: str) -> dict[str, Any]:
    _, (short, long), rounds, batch = MODELS[model]
    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    losses = {}
    for number in range(rounds):
        for way in WAYS:
            before, _ = train(model, way, short, number)
            after, losses[way] = train(model, way, long, number)
            seconds[way].append((after - before) / (long - short))
    step = {way: statistics.median(values) for way, values in seconds.items()}
    steps = SEQUENCES / (2 * batch)
    return {
        "global_batch": 2 * batch,
        "seconds_a_step": {way: round(value, 3) for way, value in step.items()},
        "seconds_an_epoch": {way: round(value * steps) for way, value in step.items()},
        "rounds": {way: [round(value, 3) for value in values] for way, values in seconds.items()},
        "efficiency": round(step["one"] / step["two"] / 2, 3),
        "largest_difference_of_losses": max(abs(a - b) for a, b in zip(losses["one"], losses["two"], strict=True)),
    }


def main() -> None:
    path = HERE / "results.json"
    found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    for model in sys.argv[1:]:
        found[model] = {**measure(model), "provenance": provenance()}
        print(model, json.dumps({key: value for key, value in found[model].items() if key != "provenance"}, indent=2))
        write_json(path, found)


if __name__ == "__main__":
    main()
