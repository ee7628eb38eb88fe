"""What a finished stage has found, told to its run of W&B: tables, charts, and scores as the run's summary."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import wandb

from datatuner.alignment import build_aligner
from datatuner.corruptions.audit import audit
from datatuner.records import BEAMS, LABELS, METRICS, PREDICTIONS, SCORED
from datatuner.stage_inputs import read_split
from datatuner.stages import DONE

INPUTS = 1000  # of a split, in the table of n-best lists; the stage's file has all
ACCURATE = "P(accurate), calibrated on corrupted references"
_LISTS = {"decode": BEAMS, "score": SCORED}


def tell(run: wandb.Run, plan: Mapping[str, Any], folder: Path) -> None:
    """What a finished stage has found: scores as the run's summary, tables and charts."""
    done = json.loads((folder / DONE).read_text(encoding="utf-8"))
    known = {key: value for key, value in done.items() if key not in ("provenance", "scores")}
    run.summary.update(_flat(known))
    kind = plan["kind"]
    if kind == "classifier":
        _tell_classifier(run, plan, done)
    elif kind in _LISTS:
        run.log({"n_best": _n_best(_lines(folder / _LISTS[kind]), {})})
    elif kind == "evaluate":
        _tell_evaluation(run, plan, folder)


def _tell_classifier(run: wandb.Run, plan: Mapping[str, Any], done: Mapping[str, Any]) -> None:
    scores, labels = done["scores"], list(LABELS)
    run.summary.update(_flat({key: scores[key] for key in ("macro_f1", "temperature", "calibration")}, "val/"))
    rows = [
        [label, *(each[key] for key in ("precision", "recall", "f1", "n"))] for label, each in scores["labels"].items()
    ]
    run.log({"labels": wandb.Table(["label", "precision", "recall", "f1", "n"], rows)})
    counts = [
        [labels[right], labels[given], count]
        for right, row in enumerate(scores["confusion"])
        for given, count in enumerate(row)
    ]
    table = wandb.Table(["Actual", "Predicted", "nPredictions"], counts)
    fields = {key: key for key in ("Actual", "Predicted", "nPredictions")}
    title = {"title": "labels: corruptions of the validation split"}
    run.log({"confusion": wandb.plot_table("wandb/confusion_matrix/v1", table, fields, title)})
    rows = [[name, *(each[key] for key in ("n", "found", "labelled"))] for name, each in scores["operations"].items()]
    run.log({"corruptions": wandb.Table(["operation", "n", "found", "labelled"], rows)})
    if plan["config"]["aligner"] is not None:
        run.log({"audit": _audit(plan)})


def _audit(plan: Mapping[str, Any]) -> wandb.Table:
    """What `datatuner data corrupt` prints of the recipe that the classifier was trained on."""
    config = plan["config"]
    train = read_split(plan, "train")
    aligner = build_aligner(config["corpus"]["name"], train)
    report, _ = audit(train, aligner, recipe=config["corruptions"]["recipe"], seed=config["seed"])
    columns = ["label", "pairs", "possible", "meaning_kept", "not_as_labelled", "words_cut", "slots"]
    rows = [[name, *(row.get(key) for key in columns)] for name, row in report["operations"].items()]
    return wandb.Table(["operation", *columns], rows)


def _tell_evaluation(run: wandb.Run, plan: Mapping[str, Any], folder: Path) -> None:
    split = plan["config"]["split"]
    for system in plan["config"].get("systems", []):  # a comparison: each system has a folder
        _tell_scores(run, json.loads((folder / system / METRICS).read_text(encoding="utf-8")), f"{split}/{system}")
    if "systems" in plan["config"]:
        return
    content = json.loads((folder / METRICS).read_text(encoding="utf-8"))
    _tell_scores(run, content, split)
    for attribute, values in content["breakdown"].items():
        names = list(next(iter(values.values())))
        rows = [[value, *(scores[name]["value"] for name in names)] for value, scores in values.items()]
        table = wandb.Table([attribute, *names], rows)
        run.log({f"by_{attribute}": table})
        for name in names:
            chart = wandb.plot.bar(table, attribute, name, title=f"{name} by {attribute}")
            run.log({f"by_{attribute}_{name}": chart})
    if content["breakdown"]:
        run.log({"breakdown": _breakdown(content["breakdown"])})
    if "score" in plan["parents"]:
        chosen = {row["id"]: row["rank"] for row in _lines(folder / PREDICTIONS)}
        run.log({"n_best": _n_best(_lines(Path(plan["parents"]["score"]) / SCORED), chosen)})


def _tell_scores(run: wandb.Run, content: Mapping[str, Any], prefix: str) -> None:
    for name, metric in content["metrics"].items():
        run.summary[f"{prefix}/{name}"] = metric["value"]
        run.summary[f"{prefix}/{name}_low"], run.summary[f"{prefix}/{name}_high"] = metric["low"], metric["high"]
        run.summary[f"{prefix}/{name}_signature"] = metric["signature"]
    if found := content.get("judges", {}).get("calibration_error"):
        run.summary.update(_flat(found, f"{prefix}/calibration_error/"))


def _breakdown(content: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> wandb.Table:
    """The scores by every attribute in one table, whose key and columns a dashboard knows of any corpus."""
    parts = {f"{attribute}={value}": scores for attribute, of in content.items() for value, scores in of.items()}
    names = list(next(iter(parts.values())))
    return wandb.Table(["part", *names], [[part, *(parts[part][name]["value"] for name in names)] for part in parts])


def _n_best(rows: Iterator[Mapping[str, Any]], chosen: Mapping[str, int]) -> wandb.Table:
    """Lists of a split's first inputs, as far as they are judged; `chosen` has each input's place in the beam."""
    judged = ["label", ACCURATE, "slot_errors", "chosen"]
    table = wandb.Table(["id", "data", "place", "text", "log_probability", "complete", *judged])
    for _, row in zip(range(INPUTS), rows, strict=False):
        for place, each in enumerate(row["hypotheses"]):
            hypothesis, verdict = each.get("hypothesis", each), each.get("verdict") or {}
            errors = verdict.get("slot_errors")
            table.add_data(
                row["id"],
                row["source"],
                place,
                hypothesis["text"],
                hypothesis["log_probability"],
                hypothesis["complete"],
                verdict.get("label"),
                (verdict.get("probabilities") or {}).get("accurate"),
                None if errors is None else len(errors),
                chosen[row["id"]] == place if chosen else None,
            )
    return table


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        flat |= _flat(value, f"{prefix}{key}/") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return flat
