"""`datatuner report FOLDERS…`: a markdown table over evaluations, with intervals and paired tests."""

from pathlib import Path

from datatuner.commands.data import Parser, at_least_one
from datatuner.composing import fail
from datatuner.errors import DataTunerError


def main() -> None:
    parser = Parser(
        prog="datatuner report",
        description="Prints a markdown table over evaluations: a row for each system, pooled over seeds.",
    )
    parser.add_argument("folders", nargs="+", type=Path, help="evaluate-… folders, or folders that hold some (runs/…)")
    parser.add_argument("--baseline", help="the row that the others are tested against (default: no_fc)")
    parser.add_argument("--samples", type=at_least_one, default=1000, help="bootstrap resamples (default: 1000)")
    arguments = parser.parse_args()
    from datatuner.report import report

    try:
        for line in report(arguments.folders, baseline=arguments.baseline, samples=arguments.samples):
            print(line)
    except (DataTunerError, OSError) as error:
        fail(str(error))


if __name__ == "__main__":
    main()
