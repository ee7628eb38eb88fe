#!/usr/bin/env bash
# Checks the four real corpora and times reading and encoding; writes results.json. DATATUNER_DATA names the corpora's
# folder, `make weights` brings SmolLM2's tokenizer. About four minutes on one core.
set -euo pipefail
cd "$(dirname "$0")/../.."
export OMP_NUM_THREADS=1 RAYON_NUM_THREADS=1 TOKENIZERS_PARALLELISM=false
for corpus in webnlg e2e viggo ldc2017t10; do .venv/bin/datatuner data check "$corpus"; done
.venv/bin/python experiments/data/measure.py "$@"
