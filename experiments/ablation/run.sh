#!/usr/bin/env bash
# The ablation on the demo corpus, undisturbed and then killed five times: about 25 minutes on two quiet cores each.
# Writes table.md, the report of the undisturbed sweep, and killed.json. Finished stages are reused.
set -euo pipefail
cd "$(dirname "$0")/../.."
.venv/bin/python experiments/ablation/sweep.py
