#!/usr/bin/env bash
# Slot errors of the human references: results.json, coverage.json, recall.json; each error as a line to runs/ (not stored).
# DATATUNER_DATA names the corpora's folder. About five minutes on one core.
set -euo pipefail
cd "$(dirname "$0")/../.."
OMP_NUM_THREADS=1 .venv/bin/python experiments/slot_errors/measure.py
OMP_NUM_THREADS=1 .venv/bin/python experiments/slot_errors/coverage.py
OMP_NUM_THREADS=1 .venv/bin/python experiments/slot_errors/recall.py
