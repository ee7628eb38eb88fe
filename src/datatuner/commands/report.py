"""`datatuner report FOLDERS…`: a table over evaluations, intervals and tests; with --output, plots and pages."""

from pathlib import Path

from datatuner.commands.data import Parser, at_least_one
from datatuner.composing import fail
from datatuner.errors import DataTunerError


def main() -> None:
    parser = Parser(
        prog="datatuner report",
        description="Prints a markdown table over evaluations: a row for each system with its seeds, and paired tests.",
    )
    parser.add_argument("folders", nargs="+", type=Path, help="evaluate-… folders, or folders that hold some (runs/…)")
    parser.add_argument("--baseline", help="the row that the others are tested against (default: no_fc)")
    parser.add_argument("--samples", type=at_least_one, default=1000, help="bootstrap resamples (default: 1000)")
    parser.add_argument(
        "--output", metavar="FOLDER", type=Path, help="also write markdown, CSV, LaTeX, plots and HTML pages there"
    )
    parser.add_argument("--seed", type=int, help="whose texts the pages show (default: the lowest that most rows have)")
    arguments = parser.parse_args()
    from datatuner.report import compared, markdown, write_report
    from datatuner.writing import make_writable

    try:
        if arguments.output:
            make_writable(arguments.output)
        results, left_out = compared(arguments.folders, baseline=arguments.baseline, samples=arguments.samples)
        for line in (*(f"Left out: {each}" for each in left_out), *markdown(results)):
            print(line)
        if arguments.output:
            write_report(arguments.output, results, seed=arguments.seed)
    except (DataTunerError, OSError) as error:
        fail(str(error))


if __name__ == "__main__":
    main()
