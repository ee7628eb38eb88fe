#!/bin/sh
# Audit of both recipes on real training splits: run.sh [CORPUS…], all four by default, about 10 minutes on one core.
# Writes results.json; what it holds of other corpora stays. Needs DATATUNER_DATA.
# What was read: `python experiments/corruptions/draw.py viggo 50 3`, and the same for webnlg.
set -eu
cd "$(dirname "$0")/../.."
[ $# -gt 0 ] || set -- webnlg e2e viggo ldc2017t10
for corpus in "$@"; do
    .venv/bin/python experiments/corruptions/audit.py "experiments/corruptions/$corpus.json" "$corpus"
    .venv/bin/python - "$corpus" <<'PYTHON'
import json, sys
from pathlib import Path

folder = Path("experiments/corruptions")
(name,), results, part = sys.argv[1:], folder / "results.json", folder / f"{sys.argv[1]}.json"
results.write_text(json.dumps(json.loads(results.read_text()) | json.loads(part.read_text()), indent=1) + "\n")
part.unlink()
PYTHON
done
