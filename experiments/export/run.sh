#!/usr/bin/env bash
# Exports of the demo corpus: sizes, load time, `generate` on 100,000 lines, killed once; and
# bfloat16 against float32, on the exports that are named too: run.sh [FOLDER CORPUS]... One thread. Finished stages are reused. Writes
# results.json.
set -euo pipefail
cd "$(dirname "$0")/../.."
runs=experiments/export/runs
row=(experiment=fc corpus=demo generator=tiny classifier=tiny corruptions.pairs=4000 seed=1 trainer.threads=1 "runs_dir=$runs")
export OMP_NUM_THREADS=1
folder() { .venv/bin/datatuner run "${row[@]}" "$@" | tee /dev/stderr | sed -n 's/^\(done\|reused\): \(.*evaluate-.*\)$/\2/p'; }
for beam in 5 1; do
  if [ ! -d "$runs/beam$beam" ]; then
    .venv/bin/datatuner export "$(folder decoding.beam_size=$beam decoding.n_best=$beam)" "$runs/beam$beam"
  fi
done
.venv/bin/python experiments/export/measure.py models $runs/beam5 demo "$@"
.venv/bin/python experiments/export/measure.py stream $runs/beam5 1000 4000
.venv/bin/python experiments/export/measure.py stream $runs/beam1 1000 100000
