"""`datatuner data fetch | check | show | corrupt NAME`: a corpus's files, and what the models see of them."""

import argparse
import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from datatuner import corpora
from datatuner.alignment import build_aligner
from datatuner.composing import CONF, choices, compose, fail
from datatuner.config import Config, States, corpus_folder, is_aligned
from datatuner.corpora.downloading import Network
from datatuner.corpora.fetch import PinnedSource, read_checksums
from datatuner.corpora.fetch import fetch as fetch_files
from datatuner.corruptions import OPERATIONS
from datatuner.corruptions.audit import audit
from datatuner.corruptions.showing import print_audit, print_pairs
from datatuner.errors import ConfigError, DataTunerError, FetchError, did_you_mean
from datatuner.findings import LANGUAGE
from datatuner.planning import backbone_spec
from datatuner.validation import validate

# The keys that errors name, as the options of these commands.
_OPTIONS = {
    "corpus.folder=": "--folder ",
    "data_dir=": "--data-dir ",
    "corpus.on_error=": "--on-error ",
    "corpus.max_length=": "--max-length ",
    "corpus.max_length": "--max-length",
}


def fetch(arguments: argparse.Namespace) -> None:
    config = configured(arguments)
    name, folder = config.corpus.name, corpus_folder(config)
    if folder is None:
        print(f"{name} is embedded: there is nothing to fetch.")
        return
    source = pinned_source(config, folder, arguments)
    with shown_progress() as network:
        count = fetch_files(source, folder, force=arguments.force, network=network)
    print(f"{name}: {count} files fetched, {len(source.checksums) - count} were there; all have the pinned sha256")
    if config.corpus.source.licence:
        print(f"licence: {config.corpus.source.licence}")
    for split in corpora.SPLITS:
        counts = corpora.read(name, folder, split, reader=config.corpus.reader).counts
        print(f"{split + ':':<11} {counts['examples']:,} examples, {counts['references']:,} references")


def pinned_source(config: Config, folder: Path, arguments: argparse.Namespace) -> PinnedSource:
    """Raises: FetchError, where nothing can be downloaded: says what to do instead."""
    name, source = config.corpus.name, config.corpus.source
    if source.purchase:
        raise FetchError(
            f"{name} is licensed, and cannot be downloaded. Buy {source.purchase}, and put it into {folder}, so that "
            f"its files are {folder}/{corpora.layout(name)}; or leave it where it is, and pass corpus.folder=FOLDER."
        )
    if not source.url or not source.checksums:
        files = "own data" if config.corpus.reader else corpora.layout(name)
        raise FetchError(f"{name} has no pinned source: put its files into {folder} ({files}).")
    beside = Path(arguments.config_dir or CONF) / "corpus" / source.checksums  # its .yaml
    checksums = read_checksums(beside if beside.is_file() else CONF / "corpus" / source.checksums)
    return PinnedSource(arguments.source or source.url, checksums, source.names or {}, source.archive, source.root)


@contextmanager
def shown_progress() -> Iterator[Network]:
    """Messages, and on a terminal a bar, on stderr."""
    console = Console(stderr=True, markup=False, highlight=False)
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", visible=False)

        def update(name: str, done: int, total: int | None) -> None:
            bar.update(task, description=name, completed=done, total=total, visible=True)

        yield Network(say=lambda message: console.print(message, soft_wrap=True), progress=update)


def check(arguments: argparse.Namespace) -> None:
    config = configured(arguments)
    told = inspected(config)
    from datatuner import inspection

    report = {**inspection.check(**told, on_error=arguments.on_error), "generator": config.generator.name}
    if arguments.json:
        print(json.dumps(report, indent=2))
    else:
        inspection.print_check(report, plain_console())


def show(arguments: argparse.Namespace) -> None:
    config = configured(arguments)
    told = inspected(config)
    from datatuner import inspection

    shown = inspection.show(**told, split=arguments.split, count=arguments.n, states=arguments.states)
    inspection.print_shown(shown, plain_console())


def corrupt(arguments: argparse.Namespace) -> None:
    config = configured(arguments)
    name, folder, reader = config.corpus.name, corpus_folder(config), config.corpus.reader
    if not is_aligned(config):
        raise ConfigError(
            f"corpus.language={config.corpus.language}: what corruptions change is told by alignment, which reads "
            f"{LANGUAGE} alone."
        )
    train = corpora.read(name, folder, "train", on_error="skip", reader=reader)
    split = arguments.split
    examples = train if split == "train" else corpora.read(name, folder, split, on_error="skip", reader=reader)
    report, made = audit(examples, build_aligner(name, train), recipe=arguments.recipe, seed=arguments.seed)
    report = {"corpus": name, "split": split, **report}
    if arguments.json:
        print(json.dumps(report, indent=2))
        return
    labels = {operation: row["label"] for operation, row in report["operations"].items()}
    print_pairs(made, labels, examples, arguments.n, plain_console())
    print_audit(report, plain_console())


def inspected(config: Config) -> dict[str, Any]:
    """What `check` and `show` both say of the corpus and the model.

    Raises:
        CorpusNotFoundError: there is no training split; before the model libraries are loaded, which takes seconds.
    """
    name, folder, reader = config.corpus.name, corpus_folder(config), config.corpus.reader
    corpora.files(name, folder, "train", reader=reader)
    spec, max_length = backbone_spec(config), config.corpus.max_length
    return {"name": name, "folder": folder, "spec": spec, "max_length": max_length, "reader": reader}


def plain_console() -> Console:
    """Writes what it is given; colours on a terminal only, and not where NO_COLOR is set."""
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # a terminal that is not UTF-8
    return Console(markup=False, highlight=False, emoji=False)


def configured(arguments: argparse.Namespace) -> Config:
    """What the corpus's and generator's configs say, with the options that were given.

    Raises:
        ConfigError: an option has a value that no config may have.
    """
    config_dir = Path(arguments.config_dir) if arguments.config_dir else None
    if config_dir and not config_dir.is_dir():
        raise ConfigError(f"--config-dir {config_dir}: no such folder.")
    one_of("corpus", arguments.name, config_dir)
    generator = one_of("generator", getattr(arguments, "generator", "tiny"), config_dir)
    config = compose(arguments.name, generator, config_dir)
    config.data_dir = arguments.data_dir or config.data_dir
    config.corpus.folder = arguments.folder or config.corpus.folder
    if getattr(arguments, "max_length", None) is not None:
        config.corpus.max_length = arguments.max_length
    validate(config)
    return config


class Parser(argparse.ArgumentParser):
    """argparse, whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        fail(f"{message}. `{self.prog} --help` lists what there is.")


def parser() -> Parser:
    main = Parser(prog="datatuner data", description=__doc__)
    actions = main.add_subparsers(dest="action", required=True, metavar="fetch | check | show | corrupt")
    each = {
        name: actions.add_parser(name, help=what, description=what)
        for name, what in (
            ("fetch", "download a corpus from its pinned source, or say where to buy it"),
            ("check", "counts, token lengths, overlaps and malformed rows of each split"),
            ("show", "examples as the model sees them: token, state, and what is learned"),
            ("corrupt", "the classifier's training pairs: examples of each operation, and an audit of the recipe"),
        )
    }
    for each_parser in each.values():
        each_parser.add_argument("name", metavar="NAME", help=", ".join(choices("corpus")))
        each_parser.add_argument("--config-dir", metavar="DIR", help="own configs: DIR/corpus/NAME.yaml")
        each_parser.add_argument("--data-dir", metavar="DIR", help="the corpus lies in DIR/NAME ($DATATUNER_DATA)")
        each_parser.add_argument("--folder", help="the corpus's own folder, in place of DIR/NAME")
    for name in ("check", "show"):
        generators = ", ".join(choices("generator"))
        help_text = f"whose tokenizer: {generators} (tiny)"
        each[name].add_argument("--generator", default="tiny", help=help_text)
        each[name].add_argument("--max-length", type=int, metavar="N", help="tokens of a sequence (the corpus's)")
    each["fetch"].add_argument("--source", metavar="URL", help="a mirror of the folder that the pinned source names")
    each["fetch"].add_argument("--force", action="store_true", help="replace files that are others than the pinned")
    on_error = "rows that are malformed: leave them out and count them (skip), or end (raise)"
    each["check"].add_argument("--on-error", choices=("skip", "raise"), default="skip", help=on_error)
    each["check"].add_argument("--json", action="store_true", help="the same as one JSON document")
    each["show"].add_argument("--n", type=at_least_one, default=3, help="examples, evenly spaced over the split (3)")
    each["corrupt"].add_argument("--recipe", choices=tuple(OPERATIONS), default="audited")
    each["corrupt"].add_argument("--n", type=at_least_one, default=3, help="examples of each operation (3)")
    each["corrupt"].add_argument("--seed", type=int, default=0)
    each["corrupt"].add_argument("--json", action="store_true", help="the audit alone, as one JSON document")
    for name in ("show", "corrupt"):
        each[name].add_argument("--split", choices=corpora.SPLITS, default="train")
    each["show"].add_argument("--states", choices=[state.name for state in States], default="fine")
    return main


def one_of(group: str, typed: str, config_dir: Path | None) -> str:
    """`typed`, a choice of a config group.

    Raises:
        ConfigError: there is none of that name.
    """
    known = choices(group, config_dir)
    if typed not in known:
        hint = did_you_mean(typed, known, 1)
        raise ConfigError(f"no {group} {typed!r}.{hint} There are: {', '.join(known)}.")
    return typed


def at_least_one(typed: str) -> int:
    if not typed.isdecimal() or int(typed) < 1:
        raise argparse.ArgumentTypeError(f"{typed!r} is no number from 1 upwards")
    return int(typed)


def main() -> None:
    arguments = parser().parse_args()
    actions: dict[str, Callable[[Any], None]] = {"fetch": fetch, "check": check, "show": show, "corrupt": corrupt}
    try:
        actions[arguments.action](arguments)
        sys.stdout.flush()
    except BrokenPipeError:  # `| head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1) from None
    except (DataTunerError, OSError) as error:
        fail(re.sub("|".join(map(re.escape, _OPTIONS)), lambda key: _OPTIONS[key[0]], str(error)))
    except KeyboardInterrupt:
        fail("interrupted. What was downloaded is kept: the same command goes on from there.")


if __name__ == "__main__":
    main()
