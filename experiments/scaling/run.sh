#!/usr/bin/env bash
# One process against two, one thread each, the same global batch: run.sh [tiny] [smollm2] [smollm2_accumulated].
# DATATUNER_DATA names the corpora's folder; SmolLM2 needs `make weights`. 7, 8 and 15 minutes on two quiet cores. Writes
# results.json.
set -euo pipefail
cd "$(dirname "$0")/../.."
[ $# -gt 0 ] || set -- tiny smollm2 smollm2_accumulated
.venv/bin/python experiments/scaling/measure.py "$@"
