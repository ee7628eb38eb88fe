"""Judges of semantic fidelity, on errors that none of them has made and on outputs judged by reading.

    measure.py CORPUS NAME=CLASSIFIER_FOLDER …     writes results/CORPUS.json; the alignment is always among the judges

Injected errors are put into the test split's human references by tests/error_injection.py; a judge finds one if it does
not call the text accurate. The judged outputs are in judged/judged.jsonl.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from datatuner import corpora
from datatuner.alignment import build_aligner
from datatuner.checkpoints import load_classifier
from datatuner.example import Source
from datatuner.fidelity import score
from datatuner.provenance import provenance
from datatuner.records import LABELS
from datatuner.writing import write_json

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1]))
from tests.error_injection import inject  # noqa: E402 - the tests' own module, no part of the package

PER_KIND, SEED = 150, 11
Pairs = Sequence[tuple[Source, str]]
Judge = Callable[[Pairs], list[list[str]]]  # the labels of each pair's errors, that of the whole text first


def by_alignment(name: str, folder: Path) -> Judge:
    """Its errors as labels: what is said besides the data before what is left out, as the readers' rules have it."""
    aligner = build_aligner(name, corpora.read(name, folder, "train"))
    labels = {"added": "hallucination", "missing": "omission", "wrong": "value_error", "repeated": "repetition"}

    def judge(pairs: Pairs) -> list[list[str]]:
        found = [{error.kind for error in aligner.align(*pair).errors} for pair in pairs]
        return [[label for kind, label in labels.items() if kind in kinds] for kinds in found]

    return judge


def by_classifier(name: str, folder: Path) -> Judge:
    trained = load_classifier(folder)
    trained.ensure_fits(name)

    def judge(pairs: Pairs) -> list[list[str]]:
        labels = score(trained, pairs, batch_size=32).probabilities.argmax(axis=1)
        return [[LABELS[n]] if n else [] for n in labels]

    return judge


def first(errors: Sequence[Sequence[str]]) -> list[str]:
    """One label for each text."""
    return [each[0] if each else LABELS[0] for each in errors]


def by_kind(truth: Sequence[Sequence[str]], said: Sequence[Sequence[str]]) -> dict[str, list[int]]:
    """Per label: texts that the reader found such an error in, and of these, those in which the judge did."""
    both = list(zip(truth, said, strict=True))
    return {
        label: [sum(label in read for read, _ in both), sum(label in read and label in found for read, found in both)]
        for label in LABELS[1:]
    }


def agreement(truth: Sequence[str], said: Sequence[str]) -> dict[str, object]:
    """Of texts with an error: how many are found (recall), and how many of those found are ones (precision)."""
    wrong = np.array([label != "accurate" for label in truth])
    found = np.array([label != "accurate" for label in said])
    both = int((wrong & found).sum())
    chance = wrong.mean() * found.mean() + (1 - wrong.mean()) * (1 - found.mean())
    agree = float((wrong == found).mean())
    return {
        "n": len(truth),
        "with_error": int(wrong.sum()),
        "recall": both / max(1, int(wrong.sum())),
        "precision": both / max(1, int(found.sum())),
        "false_alarms": float(found[~wrong].mean()) if (~wrong).any() else None,
        "agree": agree,
        "kappa": (agree - chance) / (1 - chance) if chance < 1 else None,
        "same_label": float(np.mean([one == other for one, other in zip(truth, said, strict=True)])),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", choices=corpora.NAMES)
    parser.add_argument("classifiers", nargs="*", metavar="NAME=FOLDER")
    arguments = parser.parse_args()
    name, folder = arguments.corpus, Path(os.environ["DATATUNER_DATA"]) / arguments.corpus
    test = corpora.read(name, folder, "test")
    sources = {example.id: example.source for example in test}
    judges = {"alignment": by_alignment(name, folder)}
    for typed in arguments.classifiers:
        title, _, where = typed.partition("=")
        judges[title] = by_classifier(name, Path(where))
    injected = inject(list(test), seed=SEED, per_kind=PER_KIND)
    pairs = [(each.source, each.text) for each in injected]
    rows = map(json.loads, (HERE / "judged" / "judged.jsonl").read_text(encoding="utf-8").splitlines())
    judged = [row for row in rows if row["corpus"] == name]
    outputs = [(sources[row["id"]], row["text"]) for row in judged]
    results: dict[str, object] = {"corpus": name, "classifiers": arguments.classifiers}
    for title, judge in judges.items():
        said = first(judge(pairs))
        hits_of: dict[str, list[int]] = {}
        for each, label in zip(injected, said, strict=True):
            hits_of.setdefault(each.kind, []).append(label != "accurate")
        unchanged = hits_of.pop("unchanged", [])
        found = judge(outputs)
        results[title] = {
            "injected": {
                "recall": {kind: [round(float(np.mean(hits)), 4), len(hits)] for kind, hits in hits_of.items()},
                "recall_of_all": float(np.mean([hit for hits in hits_of.values() for hit in hits])),
                "false_alarms_on_references": [round(float(np.mean(unchanged)), 4), len(unchanged)],
                "same_label": float(np.mean([e.label == s for e, s in zip(injected, said, strict=True)])),
            },
            "judged_outputs": {
                **agreement([row["label"] for row in judged], first(found)),
                "errors_by_kind": by_kind([row["errors"] for row in judged], found),
            },
        }
    (HERE / "results").mkdir(exist_ok=True)
    write_json(HERE / "results" / f"{name}.json", {**results, "provenance": provenance()})
    print(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
