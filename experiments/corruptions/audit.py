"""Audits both recipes on the real training splits: python audit.py OUTPUT [CORPUS ...].

Beside `datatuner.corruptions.audit`: the time that 20,000 pairs take, and how well the text alone gives the label away
(a naive Bayes over words and word pairs, trained and tested on different inputs; chance is 20 %).
"""

import json
import math
import os
import re
import resource
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any
from zlib import crc32

from datatuner import corpora
from datatuner.alignment import build_aligner
from datatuner.corruptions import OPERATIONS, Pair, corrupt
from datatuner.corruptions.audit import audit
from datatuner.records import LABELS

CORPORA = ("webnlg", "e2e", "viggo", "ldc2017t10")
PAIRS, REFERENCES, SEED = 20_000, 500, 0


def words(pair: Pair) -> list[str]:
    tokens = ["^", *re.findall(r"\w+|[^\w\s]", pair.text.lower()), "$"]
    return [*tokens, *map(" ".join, pairwise(tokens))]


def text_alone(pairs: Sequence[Pair]) -> dict[str, float]:
    """Recall per label, and their mean, of a naive Bayes that sees no data; a fifth of the inputs is tested on."""
    tested = {pair.example_id for pair in pairs if crc32(pair.example_id.encode()) % 5 == 0}
    counts: dict[str, Counter[str]] = {label: Counter() for label in LABELS}
    for pair in pairs:
        if pair.example_id not in tested:
            counts[pair.label].update(set(words(pair)))
    vocabulary = len({word for counter in counts.values() for word in counter})
    totals = {label: counter.total() + vocabulary for label, counter in counts.items()}
    right: dict[str, list[bool]] = defaultdict(list)
    for pair in pairs:
        if pair.example_id in tested:
            found = set(words(pair))
            scores = {x: sum(math.log((counts[x][w] + 1) / totals[x]) for w in found) for x in LABELS}
            right[pair.label].append(max(LABELS, key=scores.__getitem__) == pair.label)
    recalls = {label: round(sum(right[label]) / max(1, len(right[label])), 3) for label in LABELS}
    return recalls | {"mean": round(sum(recalls.values()) / len(LABELS), 3)}


def measured(name: str, recipe: str) -> dict[str, Any]:
    train = corpora.read(name, Path(os.environ["DATATUNER_DATA"]) / name, "train")
    aligner = build_aligner(name, train)
    start = time.process_time()
    pairs = corrupt(train, aligner, recipe=recipe, seed=SEED, pairs=PAIRS)
    seconds = time.process_time() - start
    report, _ = audit(train, aligner, recipe=recipe, seed=SEED, references=REFERENCES)
    labels = Counter(pair.label for pair in pairs)
    return report | {
        "pairs": len(pairs),
        "pairs_by_label": {label: labels[label] for label in LABELS},
        "pairs_by_operation": dict(Counter(pair.operation or "as it is" for pair in pairs).most_common()),
        "cpu_seconds": round(seconds, 1),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "text_alone": text_alone(pairs),
    }


def main() -> None:
    output, names = Path(sys.argv[1]), sys.argv[2:] or CORPORA
    results = {name: {recipe: measured(name, recipe) for recipe in OPERATIONS} for name in names}
    output.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
