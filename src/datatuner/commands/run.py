"""`datatuner run`: train what is missing, decode, evaluate, and show three texts."""

import json
from collections.abc import Sequence
from pathlib import Path

from datatuner.composing import command
from datatuner.config import Config
from datatuner.metrics.catalogue import decimals
from datatuner.planning import decode_stage, evaluate_stage, planned_training
from datatuner.records import METRICS, PREDICTIONS
from datatuner.stages import Finished, Stage, ensure

SHOWN = 3


def run(config: Config) -> None:
    train = planned_training(config)
    decode = decode_stage(config, train)
    evaluate = evaluate_stage(config, decode)
    ensure_all([train, decode, evaluate])
    show(evaluate.folder)


def ensure_all(stages: Sequence[Stage | Finished]) -> None:
    """Runs what is not finished, in order, and says where each stage lies."""
    for stage in stages:
        ran = isinstance(stage, Stage) and ensure(stage)
        print(f"{'done' if ran else 'reused'}: {stage.folder}", flush=True)


def show(folder: Path) -> None:
    """Three texts beside their inputs and references, evenly spaced over the split, then the scores."""
    rows = [json.loads(line) for line in (folder / PREDICTIONS).read_text(encoding="utf-8").split("\n") if line]
    for row in rows[:: max(1, len(rows) // SHOWN)][:SHOWN]:
        print(f"\n{row['id']}\n  input      {row['source']}\n  text       {row['text']}")
        for reference in row["references"]:
            print(f"  reference  {reference}")
    show_scores(folder)


def show_scores(folder: Path) -> None:
    print(f"\n{folder / METRICS}")
    for name, metric in json.loads((folder / METRICS).read_text(encoding="utf-8"))["metrics"].items():
        if metric["value"] is None:
            print(f"  {name:<10} null")
        else:
            value, low, high = (f"{metric[key]:.{decimals(name)}f}" for key in ("value", "low", "high"))
            print(f"  {name:<10} {value:>6} {f'[{low}, {high}]':<16} n={metric['n']}  {metric['signature']}")


if __name__ == "__main__":
    command("run", run)
