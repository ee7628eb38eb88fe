"""`datatuner COMMAND ...`. Imports no torch, hydra or transformers: `--help` answers at once."""

import os
import sys

import datatuner
from datatuner.errors import did_you_mean

COMMANDS = {
    "data": "fetch a corpus, check it, show what the model sees of it",
    "run": "train what is missing, decode, score, rerank, evaluate; shows three texts",
    "train": "fine-tune a generator, or a fidelity classifier",
    "decode": "write the n best texts of each input of a split",
    "score": "judge these texts: slot errors, and a label by the fidelity classifier",
    "evaluate": "score a decoding, any system's texts, or the references themselves",
    "report": "tables, plots and pages over evaluations, with paired tests; a dashboard of W&B",
    "export": "a finished run as one folder, which `datatuner.load` reads anywhere",
    "generate": "texts of records, by an exported model",
    "demo": "a page in the browser, where an exported model writes texts of records",
}

USAGE = """usage: datatuner COMMAND [KEY=VALUE ...]   (data, report, export, generate, demo: OPTIONS)

{commands}

Examples:
  datatuner data fetch viggo
  datatuner run corpus=demo generator=tiny seed=1
  datatuner run corpus=viggo generator=gpt2_medium states=fine trainer=gpu seed=1
  datatuner run corpus=viggo experiment=fc seed=1
  datatuner run -m corpus=viggo generator=tiny states=fine,coarse,none seed=1,2
  datatuner evaluate corpus=e2e split=test predictions=theirs.txt output_dir=out
  datatuner evaluate corpus=e2e 'predictions=[baseline.txt,a.txt,b.jsonl]' output_dir=out
  datatuner report runs/viggo
  datatuner export runs/viggo/evaluate-severity-1a2b3c4d exports/viggo
  datatuner generate exports/viggo --input facts.jsonl --output texts.jsonl
  datatuner demo exports/viggo

`datatuner COMMAND --help` lists its choices, `--cfg job` prints its whole configuration.
A corpus lies in <data_dir>/<name>; data_dir is $DATATUNER_DATA, by default data/."""


def main() -> None:
    """Replaces this process by the command's, so that `python -m datatuner.commands.COMMAND` is all there is."""
    arguments = sys.argv[1:]
    if arguments[:1] == ["--version"]:
        print(datatuner.__version__)
    elif not arguments or arguments[0] in ("-h", "--help"):
        listed = "\n".join(f"  {name:<10} {what}" for name, what in COMMANDS.items())
        print(USAGE.format(commands=listed))
    elif arguments[0] in COMMANDS:
        os.execv(sys.executable, [sys.executable, "-m", f"datatuner.commands.{arguments[0]}", *arguments[1:]])
    else:
        hint = did_you_mean(arguments[0], COMMANDS, 1)
        print(f"datatuner: error: no command {arguments[0]!r}.{hint} Commands: {', '.join(COMMANDS)}.", file=sys.stderr)
        raise SystemExit(2)


if __name__ == "__main__":
    main()
