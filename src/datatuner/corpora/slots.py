"""CSV files of meaning representations: records with their true lines, slot lists, references grouped by input.

Shared by E2E and ViGGO, which differ only in how a meaning representation is parsed.
"""

import csv
import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from datatuner.corpora.corpus import Corpus, Tally, file_error, normalize_spaces, read_text, row_error
from datatuner.errors import shorten
from datatuner.example import Example, Slot, SlotValues

Parse = Callable[[str], SlotValues | None]

_SLOT = re.compile(r"\s*(?P<name>\w[\w -]*)\[(?P<value>[^\[\]]*)\]\s*(?P<end>,|$)")


@dataclass
class _Input:
    position: int  # of its first record, counted from 1
    line: int
    source: SlotValues
    texts: list[str] = field(default_factory=list)


def parse_slots(text: str) -> tuple[Slot, ...] | None:
    """The slots of `name[value], name[value], ...` in order; None if `text` is anything else.

    A value may hold everything but square brackets, and may be empty.
    """
    slots: list[Slot] = []
    position, end = 0, ","
    while end == ",":
        match = _SLOT.match(text, position)
        if match is None:
            return None
        slots.append(Slot(match["name"].strip(), match["value"].strip()))
        position, end = match.end(), match["end"]
    return tuple(slots)


def read_slot_corpus(
    path: Path,
    split: str,
    parse: Parse,
    *,
    form: str,
    tally: Tally,
) -> Corpus:
    """One Example per unique meaning representation (spaces normalised), in order of first appearance.

    `parse` returns None for a text that is not a meaning representation; `form` is how one looks, for the error.
    """
    inputs: dict[str, _Input] = {}
    header, rows = _table(path)
    for position, (line, cells) in enumerate(rows, 1):
        tally.counts["rows"] += 1
        with tally.row():
            if len(cells) != len(header):
                raise row_error(path, line, f"{len(header)} columns", ",".join(cells))
            mr = normalize_spaces(cells[header.index("mr")])
            if mr not in inputs:
                inputs[mr] = _Input(position, line, _parsed(path, line, mr, parse, form))
            inputs[mr].texts.append(cells[header.index("ref")])
    examples: list[Example] = []
    for mr, each in inputs.items():
        with tally.row():
            references = tally.references(each.texts)
            if not references:
                raise row_error(path, each.line, f"a reference text for {shorten(mr)}", "")
            attributes = {"act": each.source.act} if each.source.act else {}
            examples.append(Example(f"{split}-{each.position}", split, each.source, references, attributes))
    return tally.corpus(examples)


def _parsed(path: Path, line: int, mr: str, parse: Parse, form: str) -> SlotValues:
    source = parse(mr)
    if source is None:
        raise row_error(path, line, form, mr)
    return source


def _table(path: Path) -> tuple[list[str], Iterator[tuple[int, list[str]]]]:
    """Lower-cased column names, and the rows below them; there is at least one."""
    rows = _csv_rows(path)
    line, cells = next(rows)
    header = [cell.strip().lower() for cell in cells]  # some E2E files write `MR`
    if not {"mr", "ref"} <= set(header):
        why = " (inputs alone cannot be scored)" if "mr" in header else ""
        raise file_error(path, line, f"a header with the columns mr and ref{why}", ",".join(cells))
    first = next(rows, None)
    if first is None:
        raise file_error(path, None, "records below the header", "the header alone")
    return header, chain([first], rows)


def _csv_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """(line on which it begins, cells) of every record that is not blank."""
    reader = csv.reader(io.StringIO(read_text(path), newline=""), strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            expected = f"CSV with closed quotes and at most {csv.field_size_limit():,} characters in a field"
            raise file_error(path, line, expected, str(error)) from error
        if cells:
            yield line, cells
