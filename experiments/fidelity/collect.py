"""results/classifiers.json, and tables.md: what the finished classifiers scored, and the judges beside each other.

    collect.py RUNS_FOLDER …     each holds <corpus>/classifier-*; every classifier that is done makes a row

A classifier's own scores are on corrupted validation references of its own recipe; what `measure.py` has written
(results/CORPUS.json) compares judges on errors that none of them has made.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from datatuner.records import LABELS
from datatuner.stages import DONE, PLAN
from datatuner.writing import write_json

JUDGES = ("alignment", "audited", "released")
RESULTS = Path(__file__).parent / "results"


def finished(runs: list[Path]) -> Iterator[dict[str, Any]]:
    """One row for each finished classifier, ordered by corpus, encoder, recipe and left-out operation."""
    folders = sorted(folder for root in runs for folder in root.glob("*/classifier-*") if (folder / DONE).exists())
    rows = []
    for folder in folders:
        config = json.loads((folder / PLAN).read_text(encoding="utf-8"))["config"]
        done = json.loads((folder / DONE).read_text(encoding="utf-8"))
        rows.append(
            {
                "corpus": config["corpus"]["name"],
                "classifier": config["classifier"]["name"],
                "recipe": config["corruptions"]["recipe"],
                "left_out": config["corruptions"].get("leave_out"),
                "seed": config["seed"],
                "asked_pairs": config["corruptions"].get("pairs"),
                "train_pairs": done["train_pairs"],
                "steps": done["steps"],
                "parameters": done["parameters"],
                "seconds": done["seconds"],
                "scores": done["scores"],
                "provenance": done["provenance"],
            }
        )
    yield from sorted(rows, key=lambda r: (r["corpus"], r["classifier"], r["recipe"], r["left_out"] or ""))


def table(header: list[str], rows: list[list[str]]) -> str:
    """Markdown; numbers to the right from the third column on."""
    aligned = ["---"] * 2 + ["---:"] * (len(header) - 2)
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [header, aligned, *rows])


def by_label(rows: list[dict[str, Any]]) -> str:
    """Macro-F1, F1 of each label, and calibration, of the classifiers that were trained on every operation."""
    lines = []
    for row in rows:
        scores = row["scores"]
        f1 = [scores["macro_f1"], *(scores["labels"][label]["f1"] for label in LABELS)]
        errors = [scores["calibration"][when]["ece"] for when in ("before", "after")]
        figures = [f"{figure:.3f}" for figure in (*f1, *errors)]
        name = f"{row['classifier']}, {row['recipe']}"
        lines.append([row["corpus"], name, f"{row['train_pairs']:,}", *figures, f"{scores['temperature']:.2f}"])
    header = ["corpus", "classifier", "pairs", "macro-F1", *LABELS, "ECE before", "after", "temperature"]
    return table(header, lines)


def by_held_out(rows: list[dict[str, Any]]) -> str:
    """What a classifier that never saw an operation makes of its pairs, beside one of equal size that did."""
    whole = {_setting(r): r for r in rows if r["left_out"] is None}
    lines = []
    for row in rows:
        twin = whole.get(_setting(row))
        if row["left_out"] is None or twin is None:
            continue
        unseen, seen = row["scores"]["left_out"], twin["scores"]["operations"][row["left_out"]]
        lines.append(
            [row["corpus"], row["left_out"], str(unseen["n"])]
            + [f"{100 * each[key]:.1f}" for key in ("found", "labelled") for each in (seen, unseen)]
        )
    header = ["corpus", "operation", "pairs", "not accurate: seen", "held out", "its label: seen", "held out"]
    return table(header, lines)


def judges() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Corpus, judge and what `measure.py` found of it."""
    for path in (RESULTS / f"{corpus}.json" for corpus in ("viggo", "e2e", "webnlg")):
        content = json.loads(path.read_text(encoding="utf-8"))
        yield from ((content["corpus"], name, content[name]) for name in JUDGES if name in content)


def by_injected_kind() -> str:
    """In percent: injected errors of each kind that each judge finds."""
    rows = [(corpus, name, found["injected"]["recall"]) for corpus, name, found in judges()]
    kinds = list(dict.fromkeys(kind for *_, recall in rows for kind in recall))
    cells = ([f"{100 * recall[kind][0]:.1f}" if kind in recall else "-" for kind in kinds] for *_, recall in rows)
    lines = [[corpus, name, *figures] for (corpus, name, _), figures in zip(rows, cells, strict=True)]
    return table(["corpus", "judge", *(f"`{kind}`" for kind in kinds)], lines)


def by_read_kind() -> str:
    """Judged outputs with errors of each kind, and in how many of them each judge says so."""
    lines = [
        [corpus, name, *(f"{hits} of {n}" for n, hits in found["judged_outputs"]["errors_by_kind"].values())]
        for corpus, name, found in judges()
    ]
    return table(["corpus", "judge", *LABELS[1:]], lines)


def by_judge() -> str:
    """In percent: injected errors that each judge finds, its false alarms, and its agreement with the reader."""
    lines = []
    for corpus, name, found in judges():
        injected, judged = found["injected"], found["judged_outputs"]
        figures = [
            *(injected["recall_of_all"], injected["false_alarms_on_references"][0], injected["same_label"]),
            *(judged["recall"], judged["false_alarms"], judged["agree"]),
        ]
        lines.append([corpus, name, *(f"{100 * figure:.1f}" for figure in figures), f"{judged['kappa']:.2f}"])
    header = ["corpus", "judge", "injected: found", "references in error", "same label"]
    return table([*header, "judged outputs: found", "false alarms", "agree", "kappa"], lines)


def _setting(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(row[key] for key in ("corpus", "classifier", "recipe", "asked_pairs", "seed"))


def main() -> None:
    rows = list(finished([Path(root) for root in sys.argv[1:]]))
    RESULTS.mkdir(exist_ok=True)
    write_json(RESULTS / "classifiers.json", rows)
    own = by_label([row for row in rows if row["left_out"] is None])
    tables = [by_judge(), by_injected_kind(), by_read_kind(), own, by_held_out(rows)]
    text = "\n\n".join(tables) + "\n"
    (RESULTS / "tables.md").write_text(text, encoding="utf-8")
    print(text, end="")


if __name__ == "__main__":
    main()
