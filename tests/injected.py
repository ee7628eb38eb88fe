"""What an injected error is, and the English that its rules share. Knows no corpus."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

from datatuner.example import Example, Source

LABELS_OF_KINDS = {
    "unchanged": "accurate",
    "text_swap": "value_error",
    "text_flip": "value_error",
    "text_drop_clause": "omission",
    "text_repeat": "repetition",
    "text_foreign": "hallucination",
    "data_change": "value_error",
    "data_add": "omission",
    "data_remove": "hallucination",
}
NEGATION = re.compile(r"\b(?:not|no|non|none|never|nor|neither|without|hardly|isn|doesn|don|wasn|aren|didn|can)\b")
_BOUNDARY = re.compile(r"(?<=[a-z0-9)]{3}[.?!])\s+(?=[A-Z£\"'])")
_ABBREVIATIONS = re.compile(
    r"\b(?:Inc|Ltd|Corp|Univ|approx|incl|[Cc]irca|vs|Mrs|Gen|Rev|Mon|Semin|Hambg|[A-Z][a-z]{1,4})\.$"
)
_AN = re.compile(r"\b([Aa])n? (?=(\w[\w-]*))")


@dataclass(frozen=True)
class Injected:
    """One pair whose label is known by construction.

    `text` is what is to be judged against `source`; `original` is the human reference it was made from (equal to `text`
    where the data were changed). `slot` names the slot, predicate or role concerned ("" for `unchanged`). `start` and
    `end` are the span in `text` that was put in, or that speaks of the changed value; of a cut, the empty span where it
    was; of a slot added to the data, 0 and 0.
    """

    example_id: str
    source: Source
    text: str
    original: str
    label: str
    slot: str
    kind: str
    start: int
    end: int


class Found(NamedTuple):
    start: int
    end: int

    def of(self, text: str) -> str:
        return text[self.start : self.end]


def make(
    example: Example, reference: str, kind: str, slot: str, span: Found, *, text: str = "", source: Source | None = None
) -> Injected:
    """`text` and `source` are the reference and its data unless given."""
    label = LABELS_OF_KINDS[kind]
    return Injected(example.id, source or example.source, text or reference, reference, label, slot, kind, *span)


def put(text: str, span: Found, words: str) -> tuple[str, Found]:
    """`text` with `words` in place of the span, "a" or "an" before it as they ask for; the span of `words`."""
    before, after = text[: span.start], text[span.end :]
    article = re.search(r"\b(a)(n?) $", before, re.IGNORECASE)
    if article and words:
        before = before[: article.start()] + article[1] + ("n" if _takes_an(words) else "") + " "
    elif article and not words:
        before = before[: article.start()] + article[1] + ("n" if _takes_an(after.lstrip()) else "") + " "
    if before in ("", "\n") or before.endswith((". ", "? ", "! ")):
        words = words[:1].upper() + words[1:]
    return before + words + after, Found(len(before), len(before) + len(words))


def _takes_an(words: str) -> bool:
    return bool(re.match(r"[aeioAEIO]|[MERX]\b|RPG|MMORPG|un(?!i)|up", words))


def sentences(text: str) -> list[Found]:
    """Spans of the sentences. Where it is not sure of a boundary, it sees none."""
    starts = [0]
    for match in _BOUNDARY.finditer(text):
        if not _ABBREVIATIONS.search(text[: match.start()]):
            starts.append(match.end())
    ends = [*(start for start in starts[1:]), len(text)]
    return [Found(start, start + len(text[start:end].rstrip())) for start, end in zip(starts, ends, strict=True)]


def without(text: str, span: Found) -> tuple[str, Found]:
    """The text without a sentence or clause, spaces mended; the empty span where it was."""
    before, after = text[: span.start].rstrip(), text[span.end :].lstrip()
    glue = "" if not before or not after or after[0] in ".,?!;" else " "
    return before + glue + after, Found(len(before), len(before))


def negated(text: str, start: int) -> bool:
    """Whether a negation stands in the 30 characters before `start`, in the same clause."""
    before = re.split(r"[.?!,;]\s|\b(?:and|but) ", text[max(0, start - 30) : start])[-1]
    return bool(NEGATION.search(before.lower()))


def repeated(
    example: Example, reference: str, speaks_of: Callable[[str], str | None], random: Random
) -> Iterator[Injected]:
    """One sentence of the reference said again at once; `speaks_of` names a slot whose value it states."""
    spans = sentences(reference)
    if reference[-1] not in ".?!":
        return
    for span in random.sample(spans, len(spans)):
        slot = speaks_of(span.of(reference))
        if slot:
            text = f"{reference[: span.end]} {span.of(reference)}{reference[span.end :]}"
            yield make(
                example,
                reference,
                "text_repeat",
                slot,
                Found(span.end + 1, span.end + 1 + span.end - span.start),
                text=text,
            )
            return


def appended(reference: str, sentence: str) -> tuple[str, Found]:
    """The reference with a sentence more at its end, and the span of that."""
    whole = reference if reference[-1] in ".?!" else reference.rstrip(" ,;:") + "."
    return f"{whole} {sentence}", Found(len(whole) + 1, len(whole) + 1 + len(sentence))


def pick(random: Random, values: Sequence[str]) -> str | None:
    return random.choice(values) if values else None
