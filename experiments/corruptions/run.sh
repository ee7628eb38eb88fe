#!/bin/sh
# Audit of both recipes on the four real training splits: results.json, about 10 minutes on one core.
# Needs DATATUNER_DATA. What was read: `python experiments/corruptions/draw.py viggo 50 3`, and the same for webnlg.
set -eu
cd "$(dirname "$0")/../.."
for corpus in viggo webnlg e2e ldc2017t10; do
    .venv/bin/python experiments/corruptions/audit.py "experiments/corruptions/$corpus.json" "$corpus"
done
.venv/bin/python - <<'PYTHON'
import json
from pathlib import Path

folder = Path("experiments/corruptions")
names = ("webnlg", "e2e", "viggo", "ldc2017t10")
merged = {name: json.loads((folder / f"{name}.json").read_text())[name] for name in names}
(folder / "results.json").write_text(json.dumps(merged, indent=1) + "\n")
for name in names:
    (folder / f"{name}.json").unlink()
PYTHON
