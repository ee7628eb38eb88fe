"""`experiment=ablation` on demo, once undisturbed and once killed by SIGKILL at five random moments, and continued.

Both must end in the same table, and no file may be half-written. Writes killed.json beside this file.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from datatuner.provenance import provenance
from datatuner.writing import write_json

HERE = Path(__file__).parent
DATATUNER = Path(sys.executable).with_name("datatuner")
SWEEP = ("experiment=ablation", "corpus=demo", "generator=tiny", "classifier=tiny", "corruptions.pairs=4000")
KILLS, SEED, LONGEST = 5, 5, 240.0  # seconds: the latest moment of a kill after a start


def command(runs: Path) -> list[str]:
    return [str(DATATUNER), "run", *SWEEP, "hydra.launcher.n_jobs=2", f"runs_dir={runs}"]


def report(runs: Path) -> str:
    return subprocess.run([DATATUNER, "report", runs / "demo"], capture_output=True, text=True, check=True).stdout


def jobs_of(runs: Path) -> list[int]:
    """Processes whose command names the folder of the sweep's runs."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if os.fsencode(runs) in path.read_bytes() and int(path.parent.name) != os.getpid():
                found.append(int(path.parent.name))
    return found


def half_written(runs: Path) -> list[str]:
    """Temporary files, and JSON that does not end."""
    found = [str(path) for path in runs.rglob(".*.tmp")]
    for path in [*runs.rglob("*.json"), *runs.rglob("*.jsonl")]:
        text = path.read_text(encoding="utf-8")
        try:
            for each in text.splitlines() if path.suffix == ".jsonl" else [text]:
                json.loads(each)
        except ValueError:
            found.append(str(path))
    return found


def killed(runs: Path) -> list[dict[str, Any]]:
    """Starts the sweep and kills it, five times; how long its jobs outlived it, and what was left half-written."""
    rng, kills = random.Random(SEED), []
    for _ in range(KILLS):
        after = rng.uniform(5, LONGEST)
        sweep = subprocess.Popen(command(runs), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with suppress(subprocess.TimeoutExpired):
            sweep.wait(after)
        os.kill(sweep.pid, signal.SIGKILL)
        sweep.wait()
        start = time.monotonic()
        while jobs_of(runs):
            time.sleep(0.1)
        done = len(list(runs.glob("demo/*/done.json")))
        kills.append(
            {
                "after_seconds": round(after, 1),
                "jobs_outlived_it_by": round(time.monotonic() - start, 1),
                "stages_done": done,
                "half_written": half_written(runs),
            }
        )
        print(kills[-1], flush=True)
    subprocess.run(command(runs), check=True)
    return kills


def main() -> None:
    quiet, disturbed = HERE / "runs" / "undisturbed", HERE / "runs" / "killed"
    subprocess.run(command(quiet), check=True)
    kills = killed(disturbed)
    same = report(quiet) == report(disturbed)
    found = {"kills": kills, "same_table": same, "provenance": provenance()}
    write_json(HERE / "killed.json", found)
    print(f"same table: {same}")


if __name__ == "__main__":
    main()
