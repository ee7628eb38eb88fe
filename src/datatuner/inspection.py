"""What is in a corpus: `check` counts and measures each split, `show` gives sequences as the model sees them."""

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from datatuner import corpora
from datatuner.backbones import load_tokenizer
from datatuner.corpora import Corpus, OnError
from datatuner.encoding import Encoder, StateMode, TagVocabulary, training_texts
from datatuner.errors import CorpusNotFoundError, TargetTooLongError, printable
from datatuner.example import Example, Source
from datatuner.linearization import tags_of
from datatuner.weights import BackboneSpec

MESSAGES = 5  # printed of each kind, from each split
_DARK = ("cyan", "green", "magenta", "yellow", "blue", "red")
COLOURS = (*_DARK, *(f"bright_{colour}" for colour in _DARK))  # a terminal's own, readable on either background


def check(
    name: str,
    folder: Path | None,
    spec: BackboneSpec,
    *,
    max_length: int,
    on_error: OnError,
    reader: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Counts, token lengths and overlaps of each split, as JSON has them; `missing` where a split is not there.

    Lengths are those of training sequences, `<data>` to `<eos>`, before they are cut to `max_length` (or to the
    backbone's positions, where these are fewer).

    Raises:
        CorpusNotFoundError: there is no training split, whose tags (and tokenizer) the others are encoded with.
        CorpusFormatError: a file cannot be read; with `on_error="raise"` also for a malformed row.
        BackboneError: there is no tokenizer.
    """
    train = corpora.read(name, folder, "train", on_error=on_error, reader=reader)
    encoder = encoder_for(train, spec, states="fine", max_length=max_length)
    known = {example.source for example in train}
    splits: dict[str, Any] = {"train": _measure(train, encoder, None)}
    for split in corpora.SPLITS[1:]:
        try:
            corpus = corpora.read(name, folder, split, on_error=on_error, reader=reader)
            splits[split] = _measure(corpus, encoder, known)
        except CorpusNotFoundError as error:
            splits[split] = {"missing": str(error)}
    where = str(folder) if folder else None
    return {"corpus": name, "folder": where, "max_length": encoder.max_length, "splits": splits}


def encoder_for(train: Sequence[Example], spec: BackboneSpec, *, states: StateMode, max_length: int) -> Encoder:
    """The encoder that a training on `train` would have.

    Raises:
        BackboneError: there is no tokenizer.
    """
    tokenizer, positions = load_tokenizer(spec, training_texts(train))
    tags = TagVocabulary.build(tags_of([example.source for example in train]), len(tokenizer))
    fits = min(max_length, positions or max_length)
    return Encoder(tokenizer, tags, states=states, max_length=fits, max_prompt=fits)


def _measure(corpus: Corpus, encoder: Encoder, known: set[Source] | None) -> dict[str, Any]:
    """One split; `known` are the inputs of the training split, None for that split itself."""
    encoder.warm((e.source for e in corpus), (text for e in corpus for text in e.references))
    lengths: list[int] = []
    cuts: list[int] = []
    too_long: list[str] = []
    for example in corpus:
        for reference in example.references:
            try:
                encoded = encoder.example(example.source, reference, f"{example.split} example {example.id}")
            except TargetTooLongError as error:
                too_long.append(str(error))
                continue
            lengths.append(len(encoded.input_ids) + encoded.cut)
            cuts.append(encoded.cut)
    counts = [len(example.references) for example in corpus]
    cut = sum(map(bool, cuts))
    return {
        "counts": dict(corpus.counts),
        "references": _summary(counts, min=min, median=statistics.median, max=max),
        "tokens": _summary(lengths, p50=partial(_percentile, 50), p99=partial(_percentile, 99), max=max),
        "cut": {"sequences": cut, "share": cut / max(1, len(cuts)), "tokens": sum(cuts)},
        "targets_too_long": {"count": len(too_long), "messages": too_long},
        "inputs_in_train": None if known is None else sum(example.source in known for example in corpus),
        "skipped": {"count": corpus.counts["skipped"], "messages": list(corpus.skipped)},
    }


def _summary(values: Sequence[int], **functions: Callable[[Sequence[int]], float]) -> dict[str, float] | None:
    """None where there are no values, as in a split whose rows are all malformed."""
    return {name: function(values) for name, function in functions.items()} if values else None


def _percentile(percent: int, values: Sequence[int]) -> int:
    """The smallest value that at least `percent` of all do not exceed."""
    ordered = sorted(values)
    return ordered[math.ceil(len(ordered) * percent / 100) - 1]


def print_check(report: Mapping[str, Any], console: Console) -> None:
    """A table with a column for each split, and below it what was left out and why."""
    table = Table(title=f"{report['corpus']}: {printable(report['folder'] or 'embedded')}", title_justify="left")
    table.add_column()
    splits: Mapping[str, Any] = report["splits"]
    for split in splits:
        table.add_column(split, justify="right")
    for title, cells in _rows(splits, report["max_length"]).items():
        table.add_row(title, *cells)
    console.print(table)
    console.print(f"tokens: training sequences before cutting, by the tokenizer of generator={report['generator']}")
    for split, found in splits.items():
        messages = [found["missing"]] if "missing" in found else []
        for key in () if messages else ("skipped", "targets_too_long"):
            first, count = found[key]["messages"][:MESSAGES], found[key]["count"]
            messages += first + ([f"… and {count - len(first)} more: --json lists them"] if count > len(first) else [])
        for message in messages:
            console.print(f"{split}: {printable(message)}", soft_wrap=True)
    if sum(found["skipped"]["count"] for found in splits.values() if "skipped" in found):
        console.print("Training refuses malformed rows: mend them, or pass corpus.on_error=skip there.", soft_wrap=True)


def _rows(splits: Mapping[str, Any], max_length: int) -> dict[str, list[str]]:
    """Title -> a cell for each split; "-" where there is nothing to say."""
    there = {split: found for split, found in splits.items() if "missing" not in found}

    def cells(value: Any) -> list[str]:
        return [value(there[split]) if split in there else "missing" for split in splits]

    def three(values: Mapping[str, float] | None) -> str:
        return " / ".join(f"{value:,g}" for value in values.values()) if values else "-"

    rows = {
        "examples": cells(lambda found: f"{found['counts']['examples']:,}"),
        "references": cells(lambda found: f"{found['counts']['references']:,}"),
        "  min / median / max": cells(lambda found: three(found["references"])),
        "tokens p50 / p99 / max": cells(lambda found: three(found["tokens"])),
        f"cut at {max_length}": cells(lambda found: f"{found['cut']['share']:.2%}"),
        "  sequences": cells(lambda found: f"{found['cut']['sequences']:,}"),
        "  tokens lost": cells(lambda found: f"{found['cut']['tokens']:,}"),
        "references too long": cells(lambda found: f"{found['targets_too_long']['count']:,}"),
        "inputs also in train": cells(
            lambda found: "-" if found["inputs_in_train"] is None else f"{found['inputs_in_train']:,}"
        ),
    }
    names = {name: None for found in there.values() for name in found["counts"]}  # a set that keeps the order
    for name in names:
        if name not in ("examples", "references"):
            title = {"rows": "rows read", "skipped": "rows skipped"}.get(name, name.replace("_", " "))
            rows[title] = cells(lambda found, name=name: f"{found['counts'].get(name, 0):,}")
    return rows


@dataclass(frozen=True)
class Shown:
    """Examples of a split with their sequences as (token, state, learned) rows."""

    title: str
    examples: list[tuple[Example, list[tuple[str, str, str]]]]
    skipped: int  # malformed rows that were left out


def show(
    name: str,
    folder: Path | None,
    spec: BackboneSpec,
    *,
    split: str,
    count: int,
    states: StateMode,
    max_length: int,
    reader: Mapping[str, Any] | None = None,
) -> Shown:
    """`count` examples of the split, evenly spaced, each with its first reference; malformed rows are left out.

    Raises:
        CorpusNotFoundError: the split, or the training split, is not there.
        CorpusFormatError: a file cannot be read.
        BackboneError: there is no tokenizer.
        TargetTooLongError: a reference alone exceeds `max_length`.
    """
    corpus = corpora.read(name, folder, split, on_error="skip", reader=reader)
    train = corpus if split == "train" else corpora.read(name, folder, "train", on_error="skip", reader=reader)
    encoder = encoder_for(train, spec, states=states, max_length=max_length)
    chosen = corpus[:: max(1, len(corpus) // count)][:count]
    examples = [(e, encoder.describe(encoder.example(e.source, e.references[0], e.id))) for e in chosen]
    title = f"{name} {split}: {len(examples)} of {len(corpus):,} examples, states={states}"
    return Shown(title, examples, len(corpus.skipped))


def print_shown(shown: Shown, console: Console) -> None:
    """Three columns for each sequence, a token in the colour of its state; the legend comes first."""
    names = {state: None for _, rows in shown.examples for _, state, _ in rows if state != "-"}
    colours = {state: COLOURS[i % len(COLOURS)] for i, state in enumerate(names)}
    console.print(shown.title, soft_wrap=True)
    if shown.skipped:
        console.print(f"{shown.skipped} malformed rows are left out: `datatuner data check` lists them", soft_wrap=True)
    if colours:
        legend = Text("states: ").append_text(
            Text(" ").join(Text(printable(state), colour) for state, colour in colours.items())
        )
        console.print(legend, soft_wrap=True)
    for example, rows in shown.examples:
        attributes = " ".join(f"{key}={value}" for key, value in example.attributes.items())
        references = f"first of {len(example.references)} references"
        console.print(Text(f"\n{printable(example.id)}  {printable(attributes)}  ({references})"), soft_wrap=True)
        table = [("token", "state", "learned"), *(tuple(map(printable, row)) for row in rows)]
        widths = [max(cell_len(row[i]) for row in table) for i in range(2)]
        for (token, state, learned), row in zip(table, [("", "", ""), *rows], strict=True):
            colour = colours.get(row[1], "")
            line = Text.assemble((_padded(token, widths[0]), colour), "  ", (_padded(state, widths[1]), colour))
            console.print(line.append(f"  {learned}"), soft_wrap=True)


def _padded(text: str, width: int) -> str:
    return text + " " * (width - cell_len(text))
