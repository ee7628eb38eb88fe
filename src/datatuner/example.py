"""What every corpus becomes: an Example, whose source is triples, slots or a meaning graph."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


class Triple(NamedTuple):
    subject: str
    predicate: str
    object: str


class Slot(NamedTuple):
    name: str
    value: str  # may be empty: ViGGO asks for a slot with `player_perspective[]`


@dataclass(frozen=True, slots=True)
class Triples:
    """RDF triples in the order of their file, as written there (underscores, quotes and units kept)."""

    triples: tuple[Triple, ...]


@dataclass(frozen=True, slots=True)
class SlotValues:
    """A meaning representation: slots in file order (a name may repeat), and an act where the corpus has them."""

    slots: tuple[Slot, ...]
    act: str | None = None


@dataclass(frozen=True, slots=True)
class AmrNode:
    """A node of an AMR tree as PENMAN writes it.

    Each edge is (role, target), the role with its colon. A target is a node, or a string: a constant as written
    (quotes kept) or the variable of a node that stands elsewhere in the tree (a re-entrancy).
    """

    variable: str
    concept: str
    edges: tuple[tuple[str, "AmrNode | str"], ...] = ()


@dataclass(frozen=True, slots=True)
class AmrGraph:
    """One AMR: its tree, with `:wiki` and re-entrancies as in the file."""

    root: AmrNode


Source = Triples | SlotValues | AmrGraph


@dataclass(frozen=True, slots=True)
class Example:
    """One input with all its reference texts.

    `id` is unique in the split and stable; `references` keep file order and may repeat, none is empty;
    `attributes` are what scores are broken down by, such as `{"category": "Airport", "seen": "seen", "size": "3"}`.
    """

    id: str
    split: str
    source: Source
    references: tuple[str, ...]
    attributes: Mapping[str, str] = field(default_factory=dict)
