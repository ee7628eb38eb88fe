"""What an export weighs, how long it takes to load, how fast and in how much memory `generate` answers, and what
bfloat16 changes.

    measure.py models [FOLDER CORPUS]...    sizes, load time and bfloat16 of exports
    measure.py stream FOLDER LINES...       `generate` on so many lines of the demo grammar
"""

import json
import os
import random
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import datatuner
from datatuner import corpora
from datatuner.corpora.demo import sample_slots
from datatuner.metrics.corpus_metrics import measure, score, scorers
from datatuner.provenance import provenance
from datatuner.writing import write_json

HERE = Path(__file__).parent
RUNS = HERE / "runs"
DATATUNER = Path(sys.executable).with_name("datatuner")
KILLED_FROM = 100_000  # lines: with fewer nothing is killed
KILLED_AFTER = 0.4  # of the lines
INPUTS = 100  # of a test split, for bfloat16
LOAD = (
    "import time, sys, datatuner; t = time.perf_counter(); datatuner.load(sys.argv[1]); print(time.perf_counter() - t)"
)


def facts(lines: int) -> Path:
    """Records of the demo grammar, most of them new to the model."""
    path = RUNS / f"facts-{lines}.jsonl"
    rng = random.Random(7)
    rows = (json.dumps({"id": str(n), "slots": [list(slot) for slot in sample_slots(rng)]}) for n in range(lines))
    path.write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")
    return path


def sizes(folder: Path) -> dict[str, Any]:
    files = {path.relative_to(folder).as_posix(): path.stat().st_size for path in folder.rglob("*") if path.is_file()}
    seconds = [
        float(subprocess.run([sys.executable, "-c", LOAD, folder], capture_output=True, check=True, text=True).stdout)
        for _ in range(5)
    ]
    weights = sum(size for name, size in files.items() if name.endswith(".safetensors"))
    return {"bytes": sum(files.values()), "weights": weights, "load_seconds": round(statistics.median(seconds), 2)}


def streamed(folder: Path, lines: int, *, kill: bool) -> dict[str, Any]:
    """`datatuner generate` on so many lines; killed once by SIGKILL and started again if asked."""
    output = RUNS / f"texts-{folder.name}-{lines}.jsonl"
    state = output.with_name(f"{output.name}.partial.json")
    for old in (output, state, state.with_suffix("")):
        old.unlink(missing_ok=True)
    command = [str(DATATUNER), "generate", str(folder), "--input", str(facts(lines)), "--output", str(output)]
    parts, start = [], time.monotonic()
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    while (
        kill
        and process.poll() is None
        and not (state.exists() and json.loads(state.read_text(encoding="utf-8"))["lines"] > KILLED_AFTER * lines)
    ):
        time.sleep(1)
    if kill:
        process.send_signal(signal.SIGKILL)
        parts.append(_ended(process))
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    parts.append(_ended(process))
    seconds = time.monotonic() - start
    with output.open(encoding="utf-8") as file:
        ids = [json.loads(line)["id"] for line in file]
    return {
        "lines": lines,
        "each_answered_once_in_order": ids == [str(n) for n in range(lines)],
        "exit_codes": [code for code, _ in parts],
        "lines_a_second": round(lines / seconds, 1),
        "peak_mib": [round(peak / 1024) for _, peak in parts],
    }


def _ended(process: "subprocess.Popen[bytes]") -> tuple[int, int]:
    """Exit code, and the most memory that it held, in KiB."""
    _, status, used = os.wait4(process.pid, 0)
    return os.waitstatus_to_exitcode(status), used.ru_maxrss


def precision(folder: Path, corpus: str) -> dict[str, Any]:
    """BLEU and speed on the first test inputs, in float32 and bfloat16 by turns, and how many texts differ."""
    root = Path(os.environ.get("DATATUNER_DATA", "data"))
    examples = corpora.read(corpus, root / corpus, "test")[:INPUTS]
    tuners = {name: datatuner.load(folder, precision=name) for name in ("float32", "bfloat16")}
    seconds: dict[str, list[float]] = {name: [] for name in tuners}
    texts: dict[str, list[str]] = {}
    for _ in range(1 if tuners["float32"].settings["generator"]["name"].startswith("smollm2") else 3):
        for name, tuner in tuners.items():
            start = time.perf_counter()
            texts[name] = [result.text for result in tuner.generate([example.source for example in examples])]
            seconds[name].append(time.perf_counter() - start)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    return {
        "inputs": len(examples),
        "seconds": {name: round(value, 2) for name, value in medians.items()},
        "times_as_long": round(medians["bfloat16"] / medians["float32"], 2),
        "bleu": {name: _bleu(own, [example.references for example in examples]) for name, own in texts.items()},
        "texts_that_differ": sum(a != b for a, b in zip(texts["float32"], texts["bfloat16"], strict=True)),
    }


def _bleu(texts: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    return round(score(measure(texts, references, scorers(["bleu"])), seed=0, samples=40)["bleu"].value, 2)


def main() -> None:
    part, *given = sys.argv[1:]
    path = HERE / "results.json"

    def keep(group: str, name: str, measured: object) -> None:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        found.setdefault(group, {})[name] = measured
        write_json(path, {**found, "provenance": provenance()})
        print(group, name, json.dumps(measured), flush=True)

    if part == "models":
        for folder, corpus in zip(map(Path, given[::2]), given[1::2], strict=True):
            name = f"{datatuner.load(folder).settings['generator']['name']} on {corpus}"
            keep("sizes", name, sizes(folder))
            keep("precision", name, precision(folder, corpus))
    else:
        folder, *counts = given
        for lines in map(int, counts):
            keep("generate", f"{Path(folder).name}, {lines}", streamed(Path(folder), lines, kill=lines >= KILLED_FROM))


if __name__ == "__main__":
    main()
