"""Run by test_training.py as `python ddp_training.py FOLDER`: trains in FOLDER as its plan.json says.

A file of its own, because Lightning starts the other rank with the same command line.
"""

import json
import os
import sys
from pathlib import Path

from datatuner import corpora
from datatuner.training import train_generator


def main(folder: Path) -> None:
    plan = json.loads((folder / "plan.json").read_text(encoding="utf-8"))
    train, validation = (
        corpora.read("demo", None, split)[: plan["examples"][split]] for split in ("train", "validation")
    )
    done = train_generator(plan, train, validation, folder)
    rank = os.environ.get("LOCAL_RANK", "0")
    (folder / f"done{rank}.json").write_text(json.dumps(done), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
