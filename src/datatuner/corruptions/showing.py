"""A recipe's examples and figures on a terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from datatuner.corruptions.pair import Pair
from datatuner.errors import printable
from datatuner.example import Example
from datatuner.linearization import linearized_text


def print_pairs(
    made: Mapping[str, Sequence[Pair]],
    labels: Mapping[str, str],
    examples: Sequence[Example],
    count: int,
    console: Console,
) -> None:
    """`count` pairs of each operation: data and text, what they were where they are new, and the span marked."""
    known = {example.id: example for example in examples}
    for operation, pairs in made.items():
        console.print(f"\n{operation} ({labels[operation]})", style="bold")
        if not pairs:
            console.print("  not possible for the references it was tried on")
        for pair in pairs[:count]:
            example = known[pair.example_id]
            console.print(f"  {printable(pair.example_id)}, reference {pair.reference}", soft_wrap=True)
            if pair.source != example.source:
                console.print(f"    was   {printable(linearized_text(example.source))}", soft_wrap=True)
            console.print(f"    data  {printable(linearized_text(pair.source))}", soft_wrap=True)
            if pair.text != example.references[pair.reference]:
                console.print(f"    was   {printable(example.references[pair.reference])}", soft_wrap=True)
            console.print(Text("    text  ").append_text(_marked(pair)), soft_wrap=True)


def _marked(pair: Pair) -> Text:
    """The text with « » around what is wrong in it, or where something is gone; unmarked where only data are new."""
    parts = [
        printable(part) for part in (pair.text[: pair.start], pair.text[pair.start : pair.end], pair.text[pair.end :])
    ]
    if pair.start == pair.end == 0:
        return Text(parts[2])
    return Text.assemble(parts[0], (f"«{parts[1]}»", "bold"), parts[2])


def print_audit(report: Mapping[str, Any], console: Console) -> None:
    """A row for each operation, then the label shares and the slots that no corruption reached."""
    title = f"{report['corpus']} {report['split']}: recipe {report['recipe']}, {report['references']:,} references"
    console.print(f"\n{title}", style="bold", soft_wrap=True)
    columns = ("pairs", "possible", "meaning kept", "mislabelled", "words cut", "slots")
    console.print(_row("operation", "label", columns), soft_wrap=True)
    for operation, row in report["operations"].items():
        shares = [percent(row[key]) for key in ("possible", "meaning_kept", "not_as_labelled", "words_cut")]
        cells = (f"{row['pairs']:,}", *shares, str(row["slots"]))
        console.print(_row(operation, row["label"], cells), soft_wrap=True)
    labels = ", ".join(f"{label} {percent(share)}" for label, share in report["labels"].items())
    console.print(f"labels of all that is made of them: {labels}", soft_wrap=True)
    missed = ", ".join(map(printable, report["slots_never_reached"])) or "none"
    console.print(f"of {len(report['slots'])} slots no corruption reached: {missed}", soft_wrap=True)


def _row(operation: str, label: str, cells: Sequence[str]) -> str:
    return f"{operation:<26}{label:<14}" + "".join(f"{cell:>13}" for cell in cells)


def percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"
