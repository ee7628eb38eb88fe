"""The outputs that were judged by reading: draws their ids again and checks judged.jsonl against the runs.

    python experiments/fidelity/judged/sample.py [RUNS]          # checks, prints counts
    python experiments/fidelity/judged/sample.py --show [RUNS]   # prints data and text of each, to be read

RUNS is experiments/first_light/runs (written by experiments/first_light/run.sh tiny); the corpora in $DATATUNER_DATA
tell the seen categories of WebNLG from the unseen ones.
"""

import json
import os
import sys
from collections import Counter
from pathlib import Path
from random import Random

from datatuner import corpora

HERE = Path(__file__).parent
RUNS = HERE.parents[1] / "first_light" / "runs"
SEED = 4
SEVERITY = ("accurate", "value_error", "repetition", "omission", "hallucination")
COUNTS = {"viggo": {"": 80}, "e2e": {"": 50}, "webnlg": {"seen": 35, "unseen": 35}}  # by the attribute `seen`


def predictions(runs: Path, corpus: str) -> dict[str, dict[str, str]]:
    """The predictions of `tiny` on the test split, by id."""
    for metrics in sorted(runs.glob(f"{corpus}/evaluate-none-*/metrics.json")):
        decoded = json.loads(metrics.read_text())["provenance"]["parents"]["decode"]
        if Path(decoded).name.startswith("decode-tiny-"):
            lines = (metrics.parent / "predictions.jsonl").read_text().splitlines()
            return {row["id"]: row for row in map(json.loads, lines)}
    raise SystemExit(f"{runs / corpus}: no evaluation of `tiny`; run experiments/first_light/run.sh tiny")


def sample(runs: Path, corpus: str) -> list[dict[str, str]]:
    """Predictions drawn without replacement, uniformly in each stratum, in the order of the draw."""
    rows = predictions(runs, corpus)
    examples = corpora.read(corpus, Path(os.environ["DATATUNER_DATA"]) / corpus, "test")
    drawn: list[str] = []
    for seen, count in COUNTS[corpus].items():
        ids = sorted(example.id for example in examples if example.attributes.get("seen", "") == seen)
        drawn += Random(f"{SEED} {corpus} {seen}").sample(ids, count)
    return [rows[identifier] for identifier in drawn]


def check(runs: Path) -> None:
    """Every drawn output is judged, nothing else is, each text is that of the run, each label its worst error."""
    judged = [json.loads(line) for line in (HERE / "judged.jsonl").read_text().splitlines()]
    drawn = [(corpus, row["id"], row["text"]) for corpus in COUNTS for row in sample(runs, corpus)]
    found = [(row["corpus"], row["id"], row["text"]) for row in judged]
    if drawn != found:
        wrong = next((pair for pair in zip(drawn, found, strict=False) if pair[0] != pair[1]), "the number of lines")
        raise SystemExit(f"judged.jsonl differs from {runs}: {wrong}")
    for row in judged:
        if row["label"] != max(("accurate", *row["errors"]), key=SEVERITY.index):
            raise SystemExit(f"{row['corpus']} {row['id']}: {row['label']} is not the worst of {row['errors']}")
    for corpus in COUNTS:
        rows = [row for row in judged if row["corpus"] == corpus]
        print(corpus, len(rows), dict(Counter(row["label"] for row in rows)))
    print(f"{len(judged)} texts are those of {runs}")


if __name__ == "__main__":
    show = sys.argv[1:2] == ["--show"]
    folder = Path(sys.argv[1 + show]) if len(sys.argv) > 1 + show else RUNS
    if show:
        for name in COUNTS:
            for number, row in enumerate(sample(folder, name), 1):
                print(f"{name} {number}\n  {row['source']}\n  {row['text']}")
    else:
        check(folder)
