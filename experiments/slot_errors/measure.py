"""results.json: slot errors of the human references of E2E and ViGGO, per kind and slot; speed.

The rules were frozen (commit "Slot rules frozen") before a test split was scored.
"""

import csv
import json
import os
import random
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from datatuner import corpora
from datatuner.alignment import Aligner, Alignment, build_aligner
from datatuner.corpora import Corpus
from datatuner.corpora.corpus import normalize_spaces
from datatuner.corpora.e2e import RELEASES, parse
from datatuner.metrics.corpus_metrics import measure, score
from datatuner.metrics.slot_errors import KINDS, SlotErrorRate, slot_table
from datatuner.provenance import provenance

DATA = Path(os.environ["DATATUNER_DATA"])


def rates(corpus: Corpus, alignments: Sequence[Sequence[Alignment]]) -> dict[str, Any]:
    """SER with its interval over inputs, each kind's share of it, what aligners of the data's slots alone would see."""
    metric = SlotErrorRate.of_references(alignments)
    references = [example.references for example in corpus]
    ser = score(measure([texts[0] for texts in references], references, {"ser": metric}), seed=0)["ser"]
    totals = metric.rows.sum(axis=0)
    kinds = {kind: 100 * float(count / totals[-1]) for kind, count in zip(KINDS, totals, strict=False)}
    return {
        "texts": sum(map(len, references)),
        "slots": int(totals[-1]),
        "ser": {"value": ser.value, "low": ser.low, "high": ser.high, "signature": ser.signature},
        "kinds": kinds,
        "without_added": (ser.value or 0) - kinds["added"],
        "by_slot": slot_table([each for texts in alignments for each in texts]),
    }


def score_split(aligner: Aligner, name: str, split: str) -> tuple[dict[str, Any], list[str]]:
    """The figures, and every error as a line to be read (not stored)."""
    corpus = corpora.read(name, DATA / name, split)
    alignments = [[aligner.align(each.source, text) for text in each.references] for each in corpus]
    lines = [
        f"{error.kind}\t{error.slot}\t{error.value}\t{error.found}\t{text}"
        for each, found in zip(corpus, alignments, strict=True)
        for text, alignment in zip(each.references, found, strict=True)
        for error in alignment.errors
    ]
    return rates(corpus, alignments), lines


def backed_by_the_original(aligner: Aligner, split: str) -> dict[str, int]:
    """Of cleaned E2E's `added` values, how many the uncleaned data have: they are no false alarms of the rules."""
    found: Counter[str] = Counter()
    with RELEASES["e2e"].files(DATA / "e2e", split)[0].open(encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            source, original = (parse(normalize_spaces(row[column])) for column in ("mr", "orig_mr"))
            if source is None or original is None:
                continue
            for error in aligner.align(source, row["ref"]).errors:
                if error.kind == "added":
                    found["added"] += 1
                    theirs = {slot.value for slot in original.slots if slot.name == error.slot}
                    found["same value in the original data"] += bool(theirs & {*error.found.split("|")})
                    found["another value there"] += bool(theirs and not theirs & {*error.found.split("|")})
    return dict(found)


def speed(aligner: Aligner, name: str, runs: int = 5) -> dict[str, float]:
    """Validation texts aligned per second of this process's CPU time."""
    corpus = corpora.read(name, DATA / name, "validation")
    pairs = [(each.source, text) for each in corpus for text in each.references]
    random.Random(0).shuffle(pairs)
    found = []
    for _ in range(runs):
        start = time.process_time()
        for source, text in pairs:
            aligner.align(source, text)
        found.append(len(pairs) / (time.process_time() - start))
    return {
        "texts_per_second_best": max(found),
        "texts_per_second_worst": min(found),
        "load_average": os.getloadavg()[0],
    }


def main() -> None:
    report: dict[str, Any] = {}
    folder = Path(__file__).parent
    (folder / "runs").mkdir(exist_ok=True)
    for name in ("e2e", "viggo"):
        aligner = build_aligner(name, corpora.read(name, DATA / name, "train"))
        report[name] = {"speed": speed(aligner, name)}
        for split in ("validation", "test"):
            found, lines = score_split(aligner, name, split)
            if name == "e2e":
                found["added_values"] = backed_by_the_original(aligner, split)
            report[name][split] = found
            (folder / "runs" / f"{name}-{split}.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
            print(f"{name} {split}: SER {found['ser']['value']:.2f}, without added {found['without_added']:.2f}")
    report["provenance"] = provenance()
    (folder / "results.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
