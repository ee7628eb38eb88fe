#!/usr/bin/env bash
# Judges of fidelity compared: run.sh [viggo] [e2e] [webnlg] [held_out] [minilm_l6]. DATATUNER_DATA names the corpora's
# folder; `minilm_l6` needs `make weights`. The `audited` classifiers are those of experiments/rows (made here if they are
# not there). Finished trainings are reused and killed ones resumed, so it may be started again at any time.
set -euo pipefail
cd "$(dirname "$0")/../.."
rows=experiments/rows/runs runs=experiments/fidelity/runs
common=(seed=1 trainer.threads=1 trainer.val_bleu_inputs=0)

train() { # CORPUS RUNS-FOLDER OVERRIDES…: prints the classifier's folder
  .venv/bin/datatuner train stage=classifier corpus="$1" runs_dir="$2" "${common[@]}" "${@:3}" |
    tee /dev/stderr | sed -n 's/^\(done\|reused\): \(.*classifier-.*\)$/\2/p'
}
held_out() { # CORPUS: with fewer pairs, one classifier that sees all operations, and one without each
  local whole operation
  whole=$(train "$1" $runs classifier=tiny corruptions.pairs=8000)
  for operation in $(operations "$whole"); do
    train "$1" $runs classifier=tiny corruptions.pairs=8000 corruptions.leave_out="$operation"
  done
}
operations() { # CLASSIFIER-FOLDER: those that make errors of its corpus
  .venv/bin/python - "$1" <<'PYTHON'
import json, sys
from pathlib import Path
made = json.loads((Path(sys.argv[1]) / "classifier.json").read_text())["scores"]["operations"]
print(*(name for name in made if not name.startswith("both_")))  # those two make accurate pairs
PYTHON
}

[ $# -gt 0 ] || set -- viggo e2e webnlg held_out
for part in "$@"; do
  case $part in
    held_out) held_out viggo ;;
    minilm_l6) train viggo $runs classifier=minilm_l6 corruptions.pairs=20000 ;;
    *)
      audited=$(train "$part" $rows classifier=tiny corruptions.pairs=20000)
      released=$(train "$part" $runs classifier=tiny corruptions.pairs=20000 corruptions.recipe=released)
      .venv/bin/python experiments/fidelity/measure.py "$part" audited="$audited" released="$released"
      ;;
  esac
done
.venv/bin/python experiments/fidelity/collect.py $rows $runs
