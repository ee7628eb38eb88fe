"""Coverage of WebNLG's and AMR's inputs by their human references: prints a table, writes coverage.json.

Needs DATATUNER_DATA. Coverage is 100 (1 - (missing + wrong) / slots); errors are per 100 slots. The rules were frozen
before the test split was scored.
"""

import json
import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from datatuner import corpora
from datatuner.alignment import Aligner, build_aligner
from datatuner.example import Example

KINDS = ("missing", "wrong", "added", "repeated")
TRAIN_SAMPLE = 5  # every fifth training example: the rules were read off these texts


def main() -> None:
    root = Path(os.environ["DATATUNER_DATA"])
    rows = []
    for corpus in ("webnlg", "ldc2017t10"):
        train, validation, test = (corpora.read(corpus, root / corpus, split) for split in corpora.SPLITS)
        aligner = build_aligner(corpus, train)
        parts: dict[str, Iterable[Example]] = {"train sample": train[::TRAIN_SAMPLE], "validation": validation}
        parts["test"] = test
        if corpus == "webnlg":
            for seen in ("seen", "unseen"):
                parts[f"test {seen}"] = [example for example in test if example.attributes["seen"] == seen]
        rows += [{"corpus": corpus, "split": split, **measure(aligner, part)} for split, part in parts.items()]
    Path(__file__).with_suffix(".json").write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    print(f"| corpus | split | texts | slots | coverage | {' | '.join(KINDS)} | texts with added |")
    print("|---|---|" + "--:|" * (len(KINDS) + 4))
    for row in rows:
        rates = " | ".join(f"{row[name]:.2f}" for name in ("coverage", *KINDS, "texts_with_added"))
        print(f"| {row['corpus']} | {row['split']} | {row['texts']:,} | {row['slots']:,} | {rates} % |")


def measure(aligner: Aligner, examples: Iterable[Example]) -> dict[str, float]:
    """Figures of one split; errors per 100 slots, `texts_with_added` per 100 texts."""
    counts: Counter[str] = Counter()
    for example in examples:
        for text in example.references:
            alignment = aligner.align(example.source, text)
            counts.update(error.kind for error in alignment.errors)
            added = any(error.kind == "added" for error in alignment.errors)
            counts.update({"texts": 1, "slots": alignment.slots, "texts_with_added": added})
    slots = counts["slots"]
    return {
        "texts": counts["texts"],
        "slots": slots,
        "coverage": 100 * (1 - (counts["missing"] + counts["wrong"]) / slots),
        **{kind: 100 * counts[kind] / slots for kind in KINDS},
        "texts_with_added": 100 * counts["texts_with_added"] / counts["texts"],
    }


if __name__ == "__main__":
    main()
