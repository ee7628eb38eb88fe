#!/usr/bin/env bash
# Trains, decodes and evaluates on the real corpora; starting it again reuses what is finished. DATATUNER_DATA names the
# corpora's folder. `run.sh tiny` takes about an hour and a half on one core, `run.sh smollm2` four (`make weights` first); it may be
# killed at any time and goes on when it is started again.
set -euo pipefail
cd "$(dirname "$0")/../.."
part="${1:-all}"
# These trainings were made when `tiny` had dropout.
dropout=(generator.backbone.architecture.{resid,embd,attn}_pdrop=0.1)
run() { .venv/bin/datatuner run seed=1 trainer.threads=1 runs_dir=experiments/first_light/runs "$@"; }

if [ "$part" != smollm2 ]; then
  run corpus=ldc2017t10 generator=tiny "${dropout[@]}" generator.max_epochs=25
  run corpus=viggo generator=tiny "${dropout[@]}" generator.max_epochs=8
  run corpus=webnlg generator=tiny "${dropout[@]}" generator.max_epochs=6
  run corpus=e2e generator=tiny "${dropout[@]}" generator.max_epochs=1
fi
if [ "$part" != tiny ]; then
  run corpus=viggo generator=smollm2_135m_q4 corpus.batch_size=8 trainer.max_epochs=3 trainer.save_every=40
fi
.venv/bin/python experiments/first_light/collect.py
