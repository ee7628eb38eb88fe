"""`datatuner export RUN FOLDER`: a finished run as one folder, which `datatuner.load` reads anywhere."""

import argparse
from pathlib import Path

from datatuner.commands.data import Parser
from datatuner.composing import choices, compose, fail
from datatuner.errors import DataTunerError
from datatuner.exportable import Run, ensure_new


def main() -> None:
    arguments = _parser().parse_args()
    try:
        run = Run.of(arguments.run)
        ensure_new(arguments.folder)
        from datatuner.export import export

        licence = arguments.licence or _licence(run.plan["config"]["corpus"]["name"])
        print(export(run, arguments.folder, licence=licence))
    except (DataTunerError, OSError) as error:
        fail(str(error))
    except KeyboardInterrupt:
        fail("interrupted; nothing was written.")


def _licence(corpus: str) -> str | None:
    """What the corpus's own config says; None for own data."""
    return compose(corpus, "tiny").corpus.source.licence if corpus in choices("corpus") else None


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="datatuner export", description=__doc__)
    parser.add_argument(
        "run", metavar="RUN", type=Path, help="an evaluate-… folder, or a train-… one (generator alone)"
    )
    parser.add_argument("folder", metavar="FOLDER", type=Path, help="what to write; it must not be there yet")
    parser.add_argument("--licence", help="of the corpus, for the model card (default: what its config says)")
    return parser


if __name__ == "__main__":
    main()
