"""What an alignment says of a text: the values it conveys, with their places, and where it errs."""

from dataclasses import dataclass
from typing import Literal, get_args

VERSION = 3  # of the rules: raised when they change, since figures change with them
LANGUAGE = "en"  # of the texts that the rules read; data may be in any
Kind = Literal["missing", "wrong", "added", "repeated"]
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True, slots=True)
class Mention:
    """`text[start:end]` says `value` of `slot`."""

    slot: str
    value: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class SlotError:
    """One error: a value that is missing, another in its place, one that the data lack, or one said again.

    `value` is the data's, "" where they have none. `found` is what the text says instead or besides, at
    `text[start:end]`; a missing value has neither.
    """

    kind: Kind
    slot: str
    value: str
    found: str = ""
    start: int = 0
    end: int = 0


@dataclass(frozen=True, slots=True)
class Alignment:
    """`slots` counts what the data say: the denominator of the slot error rate."""

    mentions: tuple[Mention, ...]
    errors: tuple[SlotError, ...]
    slots: int
