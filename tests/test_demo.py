"""The whole main job as `make demo` does it: the tiny model learns the embedded corpus, and not perfectly."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from datatuner import corpora
from datatuner.example import Example, SlotValues

VERBATIM = ("name", "region", "length", "climb", "opened", "rating")


def lost_values(example: Example, text: str) -> list[str]:
    """Values that every reference of the corpus holds word for word, and `text` does not."""
    assert isinstance(example.source, SlotValues)
    return [slot.value for slot in example.source.slots if slot.name in VERBATIM and slot.value not in text]


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_the_demo_scores_between_40_and_80_and_makes_real_mistakes(tmp_path):
    command = [str(Path(sys.executable).with_name("datatuner")), "run", "corpus=demo", "generator=tiny", "seed=1"]
    subprocess.run([*command, f"runs_dir={tmp_path}"], check=True, timeout=1400)
    (folder,) = tmp_path.glob("demo/evaluate-none-*")
    bleu = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))["metrics"]["bleu"]
    assert 40 < bleu["value"] < 80
    rows = [json.loads(line) for line in (folder / "predictions.jsonl").read_text(encoding="utf-8").splitlines()]
    test = corpora.read("demo", None, "test")
    assert all(not lost_values(example, text) for example in test for text in example.references)
    wrong = sum(bool(lost_values(example, row["text"])) for example, row in zip(test, rows, strict=True))
    assert 0.02 * len(rows) < wrong < 0.6 * len(rows)
