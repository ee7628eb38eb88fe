"""A text, and what alignment says of it, in pieces or as HTML: every character of both is shown as text."""

from collections.abc import Iterable
from html import escape
from pathlib import Path
from typing import NamedTuple

from datatuner.findings import Mention, SlotError

MARKS_STYLE = Path(__file__).with_suffix(".css")  # of marks and labels inside class "texts"; a page names the colours
LONGEST = 100  # characters of a value in a remark
# Of two that meet, the later one is shown: an error is more than a mention.
MARKS = ("mentioned", "repeated", "added", "wrong")


class Piece(NamedTuple):
    """A part of a text: one of MARKS and its words where it says a value or errs, both None elsewhere."""

    text: str
    kind: str | None = None
    title: str | None = None


def highlighted(text: str, mentions: Iterable[Mention] = (), errors: Iterable[SlotError] = ()) -> str:
    """`text` with a `<mark class="KIND" title="SLOT: VALUE">` where it says a value or errs; KIND is one of MARKS."""
    return "".join(map(_marked, pieces(text, mentions, errors)))


def pieces(text: str, mentions: Iterable[Mention] = (), errors: Iterable[SlotError] = ()) -> list[Piece]:
    """`text` in parts, where mentions and errors begin and end."""
    spans = [("mentioned", each.start, each.end, f"{each.slot}: {clipped(each.value)}") for each in mentions]
    spans += [(e.kind, e.start, e.end, error_words(e)) for e in errors if e.kind in MARKS]
    spans.sort(key=lambda span: MARKS.index(span[0]))
    shown: list[tuple[str, str] | tuple[()]] = [()] * len(text)
    for kind, start, end, title in spans:
        shown[start:end] = [(kind, title)] * (min(end, len(text)) - start)
    parts: list[Piece] = []
    begin = 0
    for place in range(1, len(text) + 1):
        if place == len(text) or shown[place] != shown[begin]:
            parts.append(Piece(text[begin:place], *shown[begin]))
            begin = place
    return parts


def error_words(error: SlotError) -> str:
    """What is wrong, in a few words: "area: riverside is missing"."""
    value = f"{error.slot}: {clipped(error.value)}" if error.value else error.slot
    match error.kind:
        case "missing":
            return f"{value} is missing"
        case "wrong":
            return f"{error.found} for {value}"
        case "added":
            return f"{error.slot}: {error.found} is not in the data"
        case "repeated":
            return f"{value} is said again: {error.found}"


def clipped(value: str) -> str:
    """A value that would fill the page, cut short."""
    return value if len(value) <= LONGEST else f"{value[: LONGEST - 1]}…"


def _marked(piece: Piece) -> str:
    if piece.kind is None:
        return escape(piece.text)
    return f'<mark class="{piece.kind}" title="{escape(piece.title or "")}">{escape(piece.text)}</mark>'
