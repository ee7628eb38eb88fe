"""recall.json: how many injected errors the alignment finds, by kind and slot, on the four test splits.

tests/error_injection.py puts errors into human references by rules of its own. An error counts as found if the
alignment has one that it did not have on the pair before the injection; `at_its_slot` asks for the slot too. The
accurate pairs are the references as they are: any error on one is a false alarm.
"""

import argparse
import os
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from datatuner import corpora
from datatuner.alignment import Aligner, SlotError, build_aligner
from datatuner.example import Example, Source
from datatuner.provenance import provenance
from datatuner.writing import write_json

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1]))
from tests.error_injection import Injected, inject  # noqa: E402 - the tests' own module, no part of the package

DATA = Path(os.environ["DATATUNER_DATA"])


def errors(aligner: Aligner, source: Source, text: str) -> Counter[SlotError]:
    """Without places, which an injection moves."""
    found = aligner.align(source, text).errors
    return Counter(SlotError(error.kind, error.slot, error.value, error.found) for error in found)


def found(aligner: Aligner, example: Example, injected: Injected) -> tuple[bool, bool]:
    """Whether the alignment sees anything new, and whether at the injected slot."""
    new = errors(aligner, injected.source, injected.text) - errors(aligner, example.source, injected.original)
    return bool(new), any(error.slot == injected.slot for error in new)


def tabulate(rows: Mapping[str, list[tuple[bool, bool]]]) -> dict[str, dict[str, float]]:
    return {
        name: {
            "injected": len(hits),
            "found": round(100 * sum(any_ for any_, _ in hits) / len(hits), 2),
            "at_its_slot": round(100 * sum(own for _, own in hits) / len(hits), 2),
        }
        for name, hits in sorted(rows.items())
    }


def measure(name: str, split: str, seed: int, per_kind: int) -> dict[str, Any]:
    aligner = build_aligner(name, corpora.read(name, DATA / name, "train"))
    examples = {example.id: example for example in corpora.read(name, DATA / name, split)}
    by_kind: dict[str, list[tuple[bool, bool]]] = {}
    by_slot: dict[str, list[tuple[bool, bool]]] = {}
    alarms = []
    for injected in inject(list(examples.values()), seed=seed, per_kind=per_kind):
        if injected.kind == "unchanged":
            alarms.append(bool(errors(aligner, injected.source, injected.text)))
            continue
        hit = found(aligner, examples[injected.example_id], injected)
        by_kind.setdefault(injected.kind, []).append(hit)
        by_slot.setdefault(injected.slot, []).append(hit)
    every = [hit for hits in by_kind.values() for hit in hits]
    return {
        "split": split,
        "all": tabulate({"all": every})["all"],
        "by_kind": tabulate(by_kind),
        "by_slot": tabulate({slot: hits for slot, hits in by_slot.items() if len(hits) >= 5}),
        "references_with_an_error": round(100 * sum(alarms) / len(alarms), 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--split", default="test")
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--per-kind", type=int, default=200)
    arguments = parser.parse_args()
    report: dict[str, Any] = {"seed": arguments.seed, "per_kind": arguments.per_kind}
    for name in ("viggo", "e2e", "webnlg", "ldc2017t10"):
        report[name] = measure(name, arguments.split, arguments.seed, arguments.per_kind)
        print(name, report[name]["all"], {kind: row["found"] for kind, row in report[name]["by_kind"].items()})
    if arguments.split == "test":
        write_json(HERE / "recall.json", {**report, "provenance": provenance()})


if __name__ == "__main__":
    main()
