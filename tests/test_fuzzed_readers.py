"""Malformed files, thousands of them, for each reader and for `predictions=`.

Each is read, or refused with that reader's one error in one line that names file and line: CorpusFormatError for a
corpus, RecordError for predictions, which are no corpus. Nothing else leaves a reader, whatever `on_error` is, and time
and memory stay in proportion to the file. What is read can be linearized, hashed and pickled.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from datatuner import corpora

TARGETS = [*(name for name in corpora.NAMES if name != "demo"), "predictions.txt", "predictions.jsonl"]
HOSTILE = ["webnlg", "e2e", "viggo", "ldc2017t10", "predictions.txt", "predictions.jsonl"]
RANDOM_SECONDS = 10  # for a file of at most 400 kB; the usual one is read in a millisecond
SECONDS, SECONDS_PER_BYTE = 4, 60e-6  # the slowest take a tenth of it when the machine is theirs


@pytest.fixture
def read_files(tmp_path):
    """read_files(target, how, *numbers): what malformed_files.py found."""

    def run(target: str, how: str, *numbers: int, timeout: int = 120) -> dict[str, Any]:
        script = Path(__file__).with_name("malformed_files.py")
        command = [sys.executable, str(script), target, str(tmp_path), how, *map(str, numbers)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
        assert done.returncode == 0, done.stderr[-2000:]
        found = json.loads(done.stdout)
        print(target, how, *numbers, {key: found[key] for key in ("read", "refused", "slowest")})
        return dict(found)

    return run


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(
    ("seed", "count"), [(1, 200), *(pytest.param(seed, 2000, marks=pytest.mark.slow) for seed in (2, 3))]
)
def test_damaged_files_are_read_or_refused_in_one_line(read_files, target, seed, count):
    found = read_files(target, "random", seed, count)
    assert found["wrong"] == []
    assert found["read"] + found["refused"] == count * (2 if target in corpora.NAMES else 1)
    assert found["refused"] > count / 4
    assert found["read"] > count / 100
    assert found["slowest"][0] < RANDOM_SECONDS


@pytest.mark.parametrize("target", HOSTILE)
@pytest.mark.parametrize("size", [30_000, pytest.param(1_000_000, marks=pytest.mark.slow)])
def test_files_made_to_hurt_take_time_and_memory_in_proportion(read_files, target, size):
    """Deep nesting (100,000 levels), huge fields, entity bombs, and what makes a careless parser quadratic."""
    found = read_files(target, "hostile", size, timeout=280)
    assert found["wrong"] == []
    assert found["refused"] > 0
    assert found["slowest"][0] < SECONDS + size * SECONDS_PER_BYTE
