"""`datatuner export RUN FOLDER`: a finished run as one folder, which `datatuner.load` reads anywhere."""

import argparse
from pathlib import Path
from typing import Any

from datatuner.commands.data import Parser
from datatuner.composing import choices, compose, fail
from datatuner.config import LoggerConfig, plain
from datatuner.errors import DataTunerError
from datatuner.exportable import Run, ensure_new
from datatuner.following import hand_over, where
from datatuner.ranks import stoppable


def main() -> None:
    parser = _parser()
    arguments = parser.parse_args()
    if not arguments.wandb and (arguments.project or arguments.entity):
        parser.error("--project and --entity go with --wandb")
    try:
        run = Run.of(arguments.run)
        ensure_new(arguments.folder)
        with stoppable():
            from datatuner.export import export

            licence = arguments.licence or _licence(run.plan["config"]["corpus"]["name"])
            print(export(run, arguments.folder, licence=licence), flush=True)
    except (DataTunerError, OSError) as error:
        fail(str(error))
    except KeyboardInterrupt as error:
        fail(f"{str(error) or 'interrupted'}; nothing was written.")
    if arguments.wandb:
        with stoppable():
            hand_over(arguments.run.resolve(), arguments.folder.resolve(), _logger(run, arguments))


def _logger(run: Run, arguments: argparse.Namespace) -> dict[str, Any]:
    """How W&B is told of the export: as it was of the run, where options and environment say nothing else."""
    told = run.plan["settings"].get("logger") or {
        **plain(LoggerConfig()),
        "group": run.plan["config"]["corpus"]["name"],
    }
    named = {"project": arguments.project, "entity": arguments.entity}
    return {**told, **where(named, {**told, "folder": arguments.run.resolve().parents[1]})}


def _licence(corpus: str) -> str | None:
    """What the corpus's own config says; None for own data."""
    return compose(corpus, "tiny").corpus.source.licence if corpus in choices("corpus") else None


def _parser() -> Parser:
    parser = Parser(prog="datatuner export", description=__doc__)
    parser.add_argument(
        "run", metavar="RUN", type=Path, help="an evaluate-… folder, or a train-… one (generator alone)"
    )
    parser.add_argument("folder", metavar="FOLDER", type=Path, help="what to write; it must not be there yet")
    parser.add_argument("--licence", help="of the corpus, for the model card (default: what its config says)")
    parser.add_argument("--wandb", action="store_true", help="keep the folder in W&B too, as an artifact")
    parser.add_argument("--project", help="of W&B (default: $WANDB_PROJECT, the run's own, datatuner)")
    parser.add_argument("--entity", help="of W&B (default: $WANDB_ENTITY, the run's own, the account's)")
    return parser


if __name__ == "__main__":
    main()
