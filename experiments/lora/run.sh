#!/usr/bin/env bash
# LoRA against full fine-tuning at equal wall time: the time of a step of each, then both trainings side by side, a core
# each. DATATUNER_DATA names the corpora's folder; `make weights` first. About 25 minutes on two undisturbed cores.
set -euo pipefail
cd "$(dirname "$0")/../.."
export OMP_NUM_THREADS=1
.venv/bin/python experiments/lora/step_times.py
.venv/bin/python experiments/lora/compare.py
