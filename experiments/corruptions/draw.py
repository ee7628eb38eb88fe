"""Draws pairs to be read one by one: draw.py viggo 50 SEED [OPERATION], so many of each label or of one operation."""

import os
import sys
from pathlib import Path
from random import Random

from datatuner import corpora
from datatuner.alignment import build_aligner
from datatuner.corruptions import Pair, corrupt
from datatuner.example import Example
from datatuner.linearization import linearized_text
from datatuner.records import LABELS

MADE = 2000  # pairs, of which those to read are drawn


def draw(name: str, count: int, seed: int, operation: str | None = None) -> tuple[list[Example], list[Pair]]:
    """`count` audited pairs of each label, or of one operation, of the training split."""
    train = corpora.read(name, Path(os.environ["DATATUNER_DATA"]) / name, "train")
    made = corrupt(train, build_aligner(name, train), seed=seed, pairs=MADE)
    if operation is not None:
        return list(train), Random(f"{seed}-{operation}").sample([p for p in made if p.operation == operation], count)
    drawn = []
    for label in LABELS:
        drawn += Random(f"{seed}-{label}").sample([pair for pair in made if pair.label == label], count)
    return list(train), drawn


def main() -> None:
    name, count, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    examples, pairs = draw(name, count, seed, *sys.argv[4:])
    known = {example.id: example for example in examples}
    for number, pair in enumerate(pairs):
        example = known[pair.example_id]
        print(f"\n#{number} {pair.label} {pair.operation or '-'} [{pair.example_id} {pair.reference}]")
        print("D", linearized_text(pair.source))
        if pair.source != example.source and pair.text == example.references[pair.reference]:
            print("was D", linearized_text(example.source))
        print("T", f"{pair.text[: pair.start]}«{pair.text[pair.start : pair.end]}»{pair.text[pair.end :]}")
        if not pair.end > pair.start and pair.text != example.references[pair.reference]:
            print("was T", example.references[pair.reference])


if __name__ == "__main__":
    main()
