"""`datatuner report FOLDERS…`: a table over evaluations, intervals and tests; with --output, plots and pages.

`datatuner report --wandb GROUP`: a dashboard over runs of W&B, as JSON or uploaded.
"""

import argparse
import os
from importlib.util import find_spec
from pathlib import Path

from datatuner.commands.data import Parser, at_least_one
from datatuner.composing import fail
from datatuner.errors import ConfigError, DataTunerError
from datatuner.following import where
from datatuner.locking import claimed_folder


def main() -> None:
    parser = _parser()
    arguments = parser.parse_args()
    if bool(arguments.folders) == bool(arguments.wandb):
        parser.error("name folders, or --wandb GROUP, and not both")
    if not arguments.wandb and (arguments.project or arguments.entity or arguments.upload):
        parser.error("--project, --entity and --upload go with --wandb GROUP")
    if arguments.seed is not None and not arguments.output:
        parser.error("--seed goes with --output FOLDER")
    try:
        if arguments.wandb:
            print(_dashboard(arguments))
        else:
            _report(arguments)
    except (DataTunerError, OSError) as error:
        fail(str(error))


def _parser() -> Parser:
    parser = Parser(
        prog="datatuner report",
        description="Prints a markdown table over evaluations: a row for each system with its seeds, and paired tests.",
    )
    parser.add_argument("folders", nargs="*", type=Path, help="evaluate-… folders, or folders that hold some (runs/…)")
    parser.add_argument("--baseline", help="the row that the others are tested against (default: no_fc)")
    parser.add_argument("--samples", type=at_least_one, default=1000, help="bootstrap resamples (default: 1000)")
    parser.add_argument(
        "--output", metavar="FOLDER", type=Path, help="also write markdown, CSV, LaTeX, plots and HTML pages there"
    )
    parser.add_argument("--seed", type=int, help="whose texts the pages show (default: the lowest that most rows have)")
    wandb = parser.add_argument_group(
        "W&B", "in place of the table, a dashboard over runs that `logger=wandb` has made"
    )
    wandb.add_argument("--wandb", metavar="GROUP", help="of the runs: a sweep's folder's name, or logger.group")
    wandb.add_argument("--project", help="(default: $WANDB_PROJECT, else datatuner)")
    wandb.add_argument("--entity", help="(default: $WANDB_ENTITY, else the account's own)")
    wandb.add_argument("--upload", action="store_true", help="save it in W&B, print its address (else: print its JSON)")
    return parser


def _report(arguments: argparse.Namespace) -> None:
    from datatuner.writing import make_writable

    if arguments.output is None:
        _write(arguments)
        return
    make_writable(arguments.output)
    with claimed_folder(arguments.output, "name another --output"):
        _write(arguments)


def _write(arguments: argparse.Namespace) -> None:
    from datatuner.report import compared, markdown, write_report

    results, left_out = compared(arguments.folders, baseline=arguments.baseline, samples=arguments.samples)
    for line in (*(f"Left out: {each}" for each in left_out), *markdown(results)):
        print(line)
    if arguments.output:
        write_report(arguments.output, results, seed=arguments.seed)


def _dashboard(arguments: argparse.Namespace) -> str:
    """Its JSON, or its address once it is uploaded."""
    if find_spec("wandb_workspaces") is None:
        raise ConfigError("the dashboard needs wandb-workspaces: `pip install 'datatuner[dashboards]'`.")
    os.environ["WANDB_SILENT"] = "true"  # before W&B is imported: no greetings, and no question for a key
    from datatuner.dashboard import dashboard, to_json, upload

    there = where({"project": arguments.project, "entity": arguments.entity}, {})
    workspace = dashboard(arguments.wandb, project=there["project"], entity=there["entity"])
    return upload(workspace) if arguments.upload else to_json(workspace)


if __name__ == "__main__":
    main()
