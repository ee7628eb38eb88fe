"""`datatuner run`: train what is missing, decode, score, rerank, evaluate, and show three texts."""

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from datatuner.composing import command
from datatuner.config import Config, Reranking
from datatuner.following import agents_run
from datatuner.lineage import intact, other_code
from datatuner.metrics.catalogue import decimals
from datatuner.parents import planned_classifier, planned_training, row_of
from datatuner.planning import decode_stage, evaluate_stage, score_stage
from datatuner.records import METRICS, PREDICTIONS
from datatuner.stages import Finished, Stage, ensure

SHOWN = 3
CODE_SHOWN = 5  # modules
WIDTH = len("coverage_references")


def run(config: Config) -> None:
    stages = road(config)
    ensure_all(stages)
    show(stages[-1].folder)


def road(config: Config) -> list[Stage | Finished]:
    """All stages of a run, each after those whose output it reads; the evaluation is the last."""
    train, classifier = planned_training(config), planned_classifier(config)
    if isinstance(train, Stage):
        train = replace(train, settings={**train.settings, "decodes": config.decoding.max_new_tokens})
    decode = decode_stage(config, train)
    # The classifier first: weights that are not there show before a generator is trained.
    stages: list[Stage | Finished] = [*([classifier] if classifier else []), train, decode]
    parents = {"score": score_stage(config, decode, classifier)}
    if config.reranking is Reranking.probability:  # its weight is chosen on the validation split
        validation = replace(config, split="validation")
        other = decode_stage(validation, train)
        parents["validation"] = score_stage(validation, other, classifier)
        stages.append(other)
    evaluate = evaluate_stage(config, parents, row=row_of(config, train, classifier))
    return [*stages, *parents.values(), evaluate]


def ensure_all(stages: Sequence[Stage | Finished]) -> None:
    """Runs what is not finished, in order, and says where each stage lies."""
    *before, last = stages
    for stage in [*before, filling(last) if isinstance(last, Stage) else last]:
        ran = isinstance(stage, Stage) and ensure(stage)
        print(f"{'done' if ran else 'reused'}: {stage.folder}", flush=True)
        if not ran:
            say_other_code(stage.folder)
    if not ran and isinstance(stage, Stage) and "fills" in (stage.settings.get("logger") or {}):
        print(f"W&B: {stage.folder.name} was finished before: the sweep's run stays empty", file=sys.stderr)


def say_other_code(folder: Path) -> None:
    """One line where a stage that is reused was made by other code than today's."""
    if changed := other_code(folder):
        named = ", ".join(changed[:CODE_SHOWN]) + (", …" if len(changed) > CODE_SHOWN else "")
        print(f"{folder} was made by other code ({named}): to make it anew, remove it", file=sys.stderr)


def filling(stage: Stage) -> Stage:
    """A command's last stage, which has the scores that a sweep of W&B goes by, as the run that its agent waits for."""
    logger, run = stage.settings.get("logger"), agents_run()
    return replace(stage, settings={**stage.settings, "logger": {**logger, "fills": run}}) if logger and run else stage


def show(folder: Path) -> None:
    """Three texts beside their inputs and references, evenly spaced over the split, then the scores."""
    lines = intact(folder / PREDICTIONS).read_text(encoding="utf-8").split("\n")
    rows = [json.loads(line) for line in lines if line]
    for row in rows[:: max(1, len(rows) // SHOWN)][:SHOWN]:
        print(f"\n{row['id']}\n  input      {row['source']}\n  text       {row['text']}")
        for reference in row["references"]:
            print(f"  reference  {reference}")
    show_scores(folder)


def show_scores(folder: Path) -> None:
    content = json.loads(intact(folder / METRICS).read_text(encoding="utf-8"))
    print(f"\n{folder / METRICS}")
    for name, metric in content["metrics"].items():
        if metric["value"] is None:
            print(f"  {name:<{WIDTH}} null")
        else:
            value, low, high = (f"{metric[key]:.{decimals(name)}f}" for key in ("value", "low", "high"))
            print(f"  {name:<{WIDTH}} {value:>6} {f'[{low}, {high}]':<16} n={metric['n']}  {metric['signature']}")
    if "calibration_error" in content.get("judges", {}):
        error = content["judges"]["calibration_error"]
        print(
            f"  P(accurate), calibrated on corrupted references: calibration error {error['value']:.3f} on these "
            f"{error['n']} texts, against no slot errors"
        )
    if found := content.get("n_best"):
        changed = f"reranking={found['reranking']} changed {found['first_places_changed']:.1%} of first places"
        if found["judged_by"] is None:
            print(f"  n best: {changed}")
        else:
            without = f"{found['inputs_without_accurate']:.1%} of inputs have no accurate text"
            print(f"  n best: {without} (by {found['judged_by']}); {changed}")


if __name__ == "__main__":
    command("run", run)
