"""`datatuner report FOLDERS…`: a markdown table over evaluations, with intervals and paired tests.

`datatuner report --wandb GROUP`: a dashboard over runs of W&B, as JSON or uploaded.
"""

import argparse
import os
from importlib.util import find_spec
from pathlib import Path

from datatuner.commands.data import Parser, at_least_one
from datatuner.composing import fail
from datatuner.config import LoggerConfig
from datatuner.errors import ConfigError, DataTunerError


def main() -> None:
    parser = Parser(
        prog="datatuner report",
        description="Prints a markdown table over evaluations: a row for each system, pooled over seeds.",
    )
    parser.add_argument("folders", nargs="*", type=Path, help="evaluate-… folders, or folders that hold some (runs/…)")
    parser.add_argument("--baseline", help="the row that the others are tested against (default: no_fc)")
    parser.add_argument("--samples", type=at_least_one, default=1000, help="bootstrap resamples (default: 1000)")
    wandb = parser.add_argument_group(
        "W&B", "in place of the table, a dashboard over runs that `logger=wandb` has made"
    )
    wandb.add_argument("--wandb", metavar="GROUP", help="of the runs: a sweep's folder's name, or logger.group")
    wandb.add_argument("--project", help=f"(default: {LoggerConfig.project})")
    wandb.add_argument("--entity", help="(default: the account's own)")
    wandb.add_argument("--upload", action="store_true", help="save it in W&B, print its address (else: print its JSON)")
    arguments = parser.parse_args()
    if bool(arguments.folders) == bool(arguments.wandb):
        parser.error("name folders, or --wandb GROUP, and not both")
    if not arguments.wandb and (arguments.project or arguments.entity or arguments.upload):
        parser.error("--project, --entity and --upload go with --wandb GROUP")
    try:
        if arguments.wandb:
            print(_dashboard(arguments))
            return
        from datatuner.report import report

        for line in report(arguments.folders, baseline=arguments.baseline, samples=arguments.samples):
            print(line)
    except (DataTunerError, OSError) as error:
        fail(str(error))


def _dashboard(arguments: argparse.Namespace) -> str:
    """Its JSON, or its address once it is uploaded."""
    if find_spec("wandb_workspaces") is None:
        raise ConfigError("the dashboard needs wandb-workspaces: `pip install 'datatuner[dashboards]'`.")
    os.environ["WANDB_SILENT"] = "true"  # before W&B is imported: no greetings, and no question for a key
    from datatuner.dashboard import dashboard, to_json, upload

    project = arguments.project or LoggerConfig.project
    workspace = dashboard(arguments.wandb, project=project, entity=arguments.entity)
    return upload(workspace) if arguments.upload else to_json(workspace)


if __name__ == "__main__":
    main()
