"""A text, and what alignment says of it, as HTML: every character of both is shown as text."""

from collections.abc import Iterable
from html import escape

from datatuner.findings import Mention, SlotError

LONGEST = 100  # characters of a value in a remark
# Of two that meet, the later one is shown: an error is more than a mention.
MARKS = ("mentioned", "repeated", "added", "wrong")


def highlighted(text: str, mentions: Iterable[Mention] = (), errors: Iterable[SlotError] = ()) -> str:
    """`text` with a `<mark class="KIND" title="SLOT: VALUE">` where it says a value or errs; KIND is one of MARKS."""
    spans = [("mentioned", each.start, each.end, f"{each.slot}: {clipped(each.value)}") for each in mentions]
    spans += [(e.kind, e.start, e.end, error_words(e)) for e in errors if e.kind in MARKS]
    spans.sort(key=lambda span: MARKS.index(span[0]))
    shown: list[tuple[str, str] | None] = [None] * len(text)
    for kind, start, end, title in spans:
        shown[start:end] = [(kind, title)] * (min(end, len(text)) - start)
    parts: list[str] = []
    begin = 0
    for place in range(1, len(text) + 1):
        if place == len(text) or shown[place] != shown[begin]:
            parts.append(_marked(text[begin:place], shown[begin]))
            begin = place
    return "".join(parts)


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


def _marked(piece: str, mark: tuple[str, str] | None) -> str:
    if mark is None:
        return escape(piece)
    kind, title = mark
    return f'<mark class="{kind}" title="{escape(title)}">{escape(piece)}</mark>'
