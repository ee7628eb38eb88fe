#!/usr/bin/env bash
# The rows of the paper with `tiny`, three seeds: run.sh [viggo] [e2e] [webnlg]; `run.sh smollm2` for SmolLM2 on ViGGO.
# DATATUNER_DATA names the corpora's folder, `make weights` comes first. Finished stages are reused, so it may be killed
# at any time and started again; SEEDS="1 2" makes fewer of them.
set -euo pipefail
cd "$(dirname "$0")/../.."
runs=experiments/rows/runs
common=(trainer.threads=1 trainer.val_bleu_inputs=0 runs_dir="$runs")

rows() { # CORPUS SEED GENERATOR-OVERRIDES...: `probability` decodes validation too, so it is left out where that is large
  local corpus=$1 seed=$2 row policy policies=(binary slots oracle)
  shift 2
  local typed=(corpus="$corpus" seed="$seed" "$@" fidelity="$judge" "${common[@]}")
  for row in no_fc fc no_fc_no_fs no_states; do .venv/bin/datatuner run experiment=$row "${typed[@]}"; done
  if [ "$corpus" = viggo ]; then policies+=(probability); fi
  for policy in "${policies[@]}"; do .venv/bin/datatuner run experiment=fc reranking=$policy "${typed[@]}"; done
}

classifier() { # CORPUS: one for all rows and seeds, so that `accurate` compares; prints its folder
  .venv/bin/datatuner train stage=classifier corpus="$1" classifier=tiny corruptions.pairs=20000 seed=1 "${common[@]}" |
    tee /dev/stderr | sed -n 's/^\(done\|reused\): \(.*classifier-.*\)$/\2/p'
}

[ $# -gt 0 ] || set -- viggo e2e webnlg
for part in "$@"; do
  case $part in
    viggo) generator=(generator=tiny generator.max_epochs=6) ;;
    e2e) generator=(generator=tiny trainer.max_steps=1000) ;;
    webnlg) generator=(generator=tiny trainer.max_steps=2500) ;;
    smollm2) generator=(generator=smollm2_135m_q4 corpus.batch_size=8 trainer.max_steps=120 trainer.max_epochs=3 trainer.save_every=20) ;;
  esac
  corpus=${part/smollm2/viggo}
  judge=$(classifier "$corpus")
  [ "$part" = smollm2 ] && seeds=1 || seeds=${SEEDS:-1 2 3}
  for seed in $seeds; do rows "$corpus" "$seed" "${generator[@]}"; done
  rm -rf "experiments/rows/report/$corpus"
  .venv/bin/datatuner report "$runs/$corpus" --output "experiments/rows/report/$corpus"
  mv "experiments/rows/report/$corpus/report.md" "experiments/rows/$corpus.md"
done
