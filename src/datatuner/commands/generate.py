"""`datatuner generate FOLDER --input facts.jsonl --output texts.jsonl`: texts of records, by an exported model."""

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from datatuner.commands.data import Parser, at_least_one
from datatuner.composing import fail
from datatuner.errors import ConfigError, DataTunerError, RecordError, printable
from datatuner.inputs import MOST_IDS, line_record
from datatuner.ranks import stoppable
from datatuner.reranking import POLICIES

if TYPE_CHECKING:
    from datatuner.tuner import Result, Tuner

STREAM = "-"
COLOURS = {
    "accurate": "green",
    "value_error": "red",
    "repetition": "yellow",
    "omission": "magenta",
    "hallucination": "red",
}


def main() -> None:
    arguments = _parser().parse_args()
    try:
        with stoppable():
            if arguments.interactive:
                if arguments.withheld:
                    raise ConfigError("--withheld FILE goes with --output FILE.")
                interactive(arguments)
            else:
                generate(arguments)
    except BrokenPipeError:  # `| head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1) from None
    except (DataTunerError, OSError) as error:
        fail(str(error))
    except KeyboardInterrupt as error:
        to_file = not arguments.interactive and arguments.output not in (None, STREAM)
        kept = " What is written is kept: the same command goes on from there." if to_file else ""
        fail(f"{str(error) or 'interrupted'}.{kept}")


def generate(arguments: argparse.Namespace) -> None:
    _check(arguments)
    counted = arguments.input != STREAM and Path(arguments.input).is_file()
    total, records = _count(Path(arguments.input)) if counted else (None, None)
    tuner = _load(arguments)
    from datatuner.streaming import Options, Stream

    options = Options(
        *(arguments.n_best, arguments.reranking, arguments.abstain_below, arguments.batch_size),
        skip=arguments.on_error == "skip",
    )
    console = Console(stderr=True, markup=False, highlight=False)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as bar, _lines(arguments.input) as lines:
        task = bar.add_task("lines", total=total)
        stream = Stream(
            tuner,
            options,
            "standard input" if arguments.input == STREAM else arguments.input,
            told=lambda message: console.print(printable(message), soft_wrap=True),
            progress=lambda done: bar.advance(task, done),
            unique=records is not None and records <= MOST_IDS,
        )
        if arguments.output == STREAM:
            stream.pipe(lines, sys.stdout)
        else:
            stream.write(lines, Path(arguments.output), arguments.withheld)
    print(stream.counts, file=sys.stderr)


def _check(arguments: argparse.Namespace) -> None:
    """What can be refused before the model is loaded.

    Raises:
        ConfigError: an option lacks what it goes with, or a file that would be written is there.
    """
    output, withheld = arguments.output, arguments.withheld
    if arguments.input is None or output is None:
        raise ConfigError("--input and --output are needed, or --interactive; - is standard input or output.")
    if withheld and (
        arguments.abstain_below is None or output == STREAM or withheld.absolute() == Path(output).absolute()
    ):
        raise ConfigError("--withheld FILE goes with --abstain-below P and --output FILE, another file.")
    if output != STREAM and os.path.lexists(output):
        raise ConfigError(f"--output {output} is there already: name another file, or remove it.")
    begun = withheld and Path(f"{output}.partial.json").exists()  # and perhaps killed when that file was named
    if withheld and not begun and os.path.lexists(withheld):
        raise ConfigError(f"--withheld {withheld} is there already: name another file, or remove it.")


def interactive(arguments: argparse.Namespace) -> None:
    """A record for each line that is typed, until the end of the input."""
    tuner = _load(arguments)
    console = Console(highlight=False, markup=False)
    sys.stdin.reconfigure(errors="surrogateescape")  # type: ignore[union-attr]  # refused with the record, not before
    console.print(f"{tuner.corpus}: type a record ({' or '.join(tuner.kinds)}); Ctrl-D ends.")
    while True:
        try:
            typed = input("> ")
        except EOFError:
            return
        if not typed.strip():
            continue
        try:
            chosen = {name: getattr(arguments, name) for name in ("n_best", "reranking", "abstain_below")}
            found = tuner.generate(line_record(typed, "record")[0], **chosen)
            for result in found if isinstance(found, list) else [found]:
                show(result, console)
        except RecordError as error:
            console.print(printable(str(error)), soft_wrap=True)


def show(result: "Result", console: Console) -> None:
    if result.abstained:
        console.print("no text is to be trusted:")
    if result.cut:
        console.print(f"the model did not read the last {result.cut} tokens of the data")
    for place, each in enumerate(result.candidates, 1):
        console.print(f"{place}. {printable(each.text)}", soft_wrap=True)
        if each.label is not None:
            console.print(
                f"   {each.label} (accurate: {each.fidelity:.0%}, calibrated on corrupted references)",
                style=COLOURS[each.label],
            )
        if each.classifier_cut:
            console.print(f"   the classifier did not read {each.classifier_cut} tokens of the data and the text")
        for error in each.errors or ():
            found = f", text: {error.found!r}" if error.found else ""
            console.print(f"   {error.kind}: {error.slot} {error.value!r}{found}", soft_wrap=True, style="dim")


def _load(arguments: argparse.Namespace) -> "Tuner":
    from datatuner.loading import load

    return load(arguments.folder, device=arguments.device, precision=arguments.precision)


def _count(path: Path) -> tuple[int, int]:
    """Lines, and those of them that are not blank."""
    lines = records = 0
    with path.open("rb") as file:
        for line in file:
            lines += 1
            records += not line.isspace()
    return lines, records


@contextmanager
def _lines(given: str) -> Iterator[Iterator[str]]:
    """Lines as they stand in the file; only \\n and \\r\\n end one. What is not UTF-8 is refused with its record."""
    if given == STREAM:
        yield _decoded(sys.stdin.buffer)
    else:
        with Path(given).open("rb") as file:
            yield _decoded(file)


def _decoded(file: IO[bytes]) -> Iterator[str]:
    for number, line in enumerate(file, 1):
        yield line.decode("utf-8-sig" if number == 1 else "utf-8", "surrogateescape")


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="datatuner generate", description=__doc__)
    parser.add_argument("folder", metavar="FOLDER", type=Path, help="an exported model")
    parser.add_argument("--input", metavar="FILE", help="a record in each line, JSON or a row of a corpus; - for stdin")
    parser.add_argument("--output", metavar="FILE", help="a line of JSON for each; must not be there yet; - for stdout")
    parser.add_argument("--interactive", action="store_true", help="type records, see their texts")
    parser.add_argument("--on-error", choices=("raise", "skip"), default="raise", help="malformed lines (raise)")
    parser.add_argument(
        "--n-best", type=at_least_one, metavar="N", help="texts of each record, of the export's own list (all of it)"
    )
    policies = [policy for policy in POLICIES if policy != "oracle"]
    parser.add_argument("--reranking", choices=policies, help="(the export's)")
    parser.add_argument(
        "--abstain-below",
        type=float,
        metavar="P",
        help="the first text whose fidelity, calibrated on corrupted references, is at least P; null where none is",
    )
    parser.add_argument(
        "--withheld", type=Path, metavar="FILE", help="where records without such a text go, not to --output"
    )
    parser.add_argument("--batch-size", type=at_least_one, default=32, metavar="N", help="records at once (32)")
    parser.add_argument("--device", default="cpu", help="as torch names it (cpu)")
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    return parser


if __name__ == "__main__":
    main()
