"""LoRA beside full fine-tuning: trains, decodes, evaluates both at the same time, a core each; writes results.json."""

import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

FOLDER = Path(__file__).parent
DATATUNER = FOLDER.parents[1] / ".venv" / "bin" / "datatuner"
COMMON = (
    "corpus=viggo",
    "generator=smollm2_135m_q4",
    "corpus.batch_size=8",
    "trainer.threads=1",
    "trainer.val_bleu_inputs=0",
    "trainer.save_every=1000000",
    "seed=1",
)
# By step_times.py a full step takes 1.15 times as long as one of LoRA: these take the same time.
KINDS = {
    "full": ("trainer.max_steps=60",),
    "lora": ("trainer.max_steps=69", "generator.lora.rank=16", "generator.optim.lr=1e-3"),
}


def main() -> None:
    with ThreadPoolExecutor() as pool:  # each waits for its own processes
        rows = list(pool.map(compare, KINDS, range(len(KINDS))))
    (FOLDER / "results.json").write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    for row in rows:
        bleu = row["metrics"]["bleu"]
        print(
            f"{row['kind']}: BLEU {bleu['value']:.2f} [{bleu['low']:.2f}, {bleu['high']:.2f}], {row['steps']} steps, "
            f"{row['seconds']:.0f} s, {row['peak_memory_mib']:,} MiB, {row['trainable']:,} weights trained"
        )


def compare(kind: str, core: int) -> dict[str, object]:
    """One row; the training's memory is kept in a file of its own, since a finished training is not made again."""
    runs = FOLDER / "runs" / kind
    memory = runs / "peak_memory_mib"
    overrides = (*COMMON, *KINDS[kind], f"runs_dir={runs}")
    peak = run(core, "train", *overrides)
    if not memory.exists():
        memory.write_text(str(peak), encoding="utf-8")
    run(core, "run", *overrides)
    train, evaluate = (next(runs.glob(f"viggo/{stage}-*/done.json")).parent for stage in ("train", "evaluate"))
    done = load(train / "done.json")
    return {
        "kind": kind,
        "overrides": KINDS[kind],
        "metrics": load(evaluate / "metrics.json")["metrics"],
        "peak_memory_mib": int(memory.read_text(encoding="utf-8")),
        **{key: done[key] for key in ("steps", "seconds", "trainable", "parameters", "best", "norms", "provenance")},
        "weights": load(train / "stage.json")["inputs"]["weights"],
    }


def run(core: int, command: str, *overrides: str) -> int:
    """The largest resident memory of the command and its children, in MiB."""
    child = subprocess.Popen(["taskset", "-c", str(core), DATATUNER, command, *overrides])
    _, status, usage = os.wait4(child.pid, 0)
    if status:
        raise SystemExit(f"datatuner {command} failed; start this script again to go on.")
    return usage.ru_maxrss // 1024


def load(path: Path) -> dict[str, object]:
    return json.loads(path.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
