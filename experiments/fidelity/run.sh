#!/usr/bin/env bash
# Judges of fidelity compared: run.sh [viggo] [e2e] [webnlg]. DATATUNER_DATA names the corpora's folder, `make weights`
# comes first. The `audited` classifiers are those of experiments/rows (made here if they are not there). Finished
# trainings are reused and killed ones resumed, so it may be started again at any time.
set -euo pipefail
cd "$(dirname "$0")/../.."
rows=experiments/rows/runs runs=experiments/fidelity/runs
train() { # CORPUS RUNS-FOLDER OVERRIDES…
  .venv/bin/datatuner train stage=classifier corpus="$1" classifier=minilm_l6 classifier.max_epochs=2 seed=1 \
    trainer.threads=1 runs_dir="$2" "${@:3}"
}
folder() { # RUNS-FOLDER CORPUS RECIPE [OPERATION]: the finished classifier with 20,000 pairs, or of a held-out operation
  .venv/bin/python - "$@" <<'PYTHON'
import json, sys
from pathlib import Path
runs, corpus, recipe, *operation = sys.argv[1:]
for folder in sorted(Path(runs, corpus).glob("classifier-minilm_l6-*")):
    made = json.loads((folder / "stage.json").read_text())["config"]["corruptions"]
    if (folder / "done.json").exists() and (made["recipe"], made.get("leave_out")) == (recipe, *operation or [None]):
        print(folder)
        break
PYTHON
}

[ $# -gt 0 ] || set -- viggo e2e webnlg
for corpus in "$@"; do
  train "$corpus" $rows corruptions.pairs=20000
  train "$corpus" $runs corruptions.pairs=20000 corruptions.recipe=released
  .venv/bin/python experiments/fidelity/measure.py "$corpus" audited="$(folder $rows "$corpus" audited)" \
    released="$(folder $runs "$corpus" released)"
done
