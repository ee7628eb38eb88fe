#!/usr/bin/env bash
# One process against two, one thread each, the same global batch: run.sh [tiny] [smollm2]. DATATUNER_DATA names the corpora's
# folder; `smollm2` needs `make weights`. 5 and 20 minutes on two quiet cores. Writes results.json.
set -euo pipefail
cd "$(dirname "$0")/../.."
[ $# -gt 0 ] || set -- tiny smollm2
.venv/bin/python experiments/scaling/measure.py "$@"
