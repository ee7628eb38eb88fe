"""Texts whose first place reranking changed, to be read: data, the text before and the text after.

    changed.py draw CORPUS [N]      prints N of them (default 20) of `fc` against `no_fc`, drawn with a fixed seed
    changed.py count                the judgements in changed.jsonl, one line for each text read

A judgement says how many errors of content each text has against the data, by reading (rules: ../fidelity/judged).
"""

import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

from datatuner.stages import PLAN

HERE = Path(__file__).parent
JUDGED = HERE / "changed.jsonl"
GENERATOR, SEED = "tiny", 1


def evaluation(corpus: str, reranking: str) -> dict[str, dict[str, Any]]:
    """The texts of one row by id: of fine states, seed 1."""
    for folder in sorted((HERE / "runs" / corpus).glob(f"evaluate-{reranking}-*")):
        row = json.loads((folder / PLAN).read_text(encoding="utf-8"))["config"]["row"]
        if (row["states"], row["seed"], row["generator"]) == ("fine", SEED, GENERATOR):
            lines = (folder / "predictions.jsonl").read_text(encoding="utf-8").splitlines()
            return {each["id"]: each for each in map(json.loads, lines)}
    raise SystemExit(f"there is no evaluation with reranking={reranking} of {corpus}: start run.sh first.")


def changed(corpus: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    before, after = evaluation(corpus, "none"), evaluation(corpus, "severity")
    yield from ((before[name], after[name]) for name in sorted(before) if before[name]["text"] != after[name]["text"])


def draw(corpus: str, count: int) -> None:
    pairs = list(changed(corpus))
    print(f"{len(pairs)} first places changed")
    for before, after in Random(SEED).sample(pairs, count):
        print(f"\n{before['id']}  {before['source']}")
        for name, row in (("before", before), ("after", after)):
            print(f"  {name:<7}{row['verdict']['label']:<14}{row['text']}")


def count() -> None:
    rows = [json.loads(line) for line in JUDGED.read_text(encoding="utf-8").splitlines()]
    for corpus in dict.fromkeys(row["corpus"] for row in rows):
        mine = [row for row in rows if row["corpus"] == corpus]
        said = Counter(
            "better" if row["after"] < row["before"] else "worse" if row["after"] > row["before"] else "alike"
            for row in mine
        )
        right = [sum(row[when] == 0 for row in mine) for when in ("before", "after")]
        errors = [sum(row[when] for row in mine) for when in ("before", "after")]
        print(f"{corpus}: {len(mine)} read; {dict(said)}; without error {right[0]} to {right[1]}; errors {errors}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["count"]:
        count()
    else:
        draw(sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 20)
