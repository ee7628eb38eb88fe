"""What a corruption yields."""

from dataclasses import dataclass

from datatuner.example import Source


@dataclass(frozen=True, slots=True)
class Pair:
    """A source and a text with one label of `records.LABELS`.

    `example_id` and `reference` (its number in the example) say where the text comes from; `operation` what was done
    to it ("" where nothing was), at `text[start:end]`. An operation on the data leaves the text as it was: `source` is
    then another than the example's, and the span is that of the value which no longer fits, empty where there is none.
    """

    example_id: str
    reference: int
    source: Source
    text: str
    label: str
    operation: str = ""
    start: int = 0
    end: int = 0


@dataclass(frozen=True, slots=True)
class Edit:
    """What an operation proposes: a pair's source, text and span, not yet known to change the meaning."""

    source: Source
    text: str
    start: int
    end: int
