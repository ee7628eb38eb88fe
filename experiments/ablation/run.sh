#!/usr/bin/env bash
# The ablation on the demo corpus, undisturbed and then killed five times: about 25 minutes on two quiet cores each.
# Writes killed.json, table.md and report/ (plots, page) of the undisturbed sweep, and page.png where a chromium is
# installed. Finished stages are reused.
set -euo pipefail
cd "$(dirname "$0")/../.."
.venv/bin/python experiments/ablation/sweep.py
rm -rf experiments/ablation/report
.venv/bin/datatuner report experiments/ablation/runs/undisturbed/demo --output experiments/ablation/report
mv experiments/ablation/report/report.md experiments/ablation/table.md
.venv/bin/python experiments/ablation/screenshot.py experiments/ablation/report/*.html experiments/ablation/page.png || true
