"""Which value of a source is mentioned where in a text: one aligner per corpus."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from datatuner.alignment import demo, e2e, own_slots, viggo
from datatuner.alignment.amr import AmrAligner
from datatuner.alignment.amr_added import Unexplained
from datatuner.alignment.gazetteer import Gazetteer
from datatuner.alignment.slot_rules import as_stored, stored_rule
from datatuner.alignment.slots import SlotAligner
from datatuner.alignment.triples import TripleAligner
from datatuner.example import Example, SlotValues, Source, Triples
from datatuner.findings import VERSION, Alignment, Kind, Mention, SlotError

__all__ = ["VERSION", "Aligner", "Alignment", "Kind", "Mention", "SlotError", "build_aligner", "known_aligner"]


class Aligner(Protocol):
    """What a text says of a source. Built from a training split, whose names and values it knows."""

    @property
    def lists(self) -> frozenset[str]:
        """The slots whose values are lists with ", " between their elements, each of which counts."""
        ...

    def align(self, source: Source, text: str) -> Alignment: ...


def build_aligner(corpus: str, train: Iterable[Example]) -> "ByKind":
    """The aligner of a corpus: slots by the table of its name, or one for own data; triples and AMR by theirs."""
    tables = {"demo": demo.rules, "e2e": e2e.rules, "e2e_original": e2e.rules, "viggo": viggo.rules}
    examples = tuple(train)
    rules = tables.get(corpus, own_slots.rules)(examples)
    return ByKind(SlotAligner(rules), TripleAligner(Gazetteer.of(examples)), AmrAligner.of(examples))


def known_aligner(known: Mapping[str, Any]) -> "ByKind":
    """The aligner whose `known` this is.

    Raises:
        KeyError, TypeError, ValueError: it is none's.
    """
    rules = {slot: stored_rule(rule) for slot, rule in known["slots"].items()}
    gazetteer = Gazetteer(known["triples"]["common"], known["triples"]["predicates"])
    unexplained = Unexplained(known["amr"]["had"], known["amr"]["lone"])
    return ByKind(SlotAligner(rules), TripleAligner(gazetteer), AmrAligner(known["amr"]["seldom"], unexplained))


@dataclass(frozen=True)
class ByKind:
    """Aligns each source by the aligner of its kind: own data may hold several."""

    slots: SlotAligner
    triples: TripleAligner
    amr: AmrAligner

    @property
    def lists(self) -> frozenset[str]:
        return frozenset(slot for slot, rule in self.slots.rules.items() if rule.many)

    def align(self, source: Source, text: str) -> Alignment:
        if isinstance(source, SlotValues):
            return self.slots.align(source, text)
        return self.triples.align(source, text) if isinstance(source, Triples) else self.amr.align(source, text)

    def known(self) -> dict[str, Any]:
        """All that it has from its corpus, as JSON: rules, names, counts of words; no text. See `known_aligner`."""
        rules = {slot: as_stored(rule) for slot, rule in self.slots.rules.items()}
        return {"slots": rules, "triples": self.triples.known(), "amr": self.amr.known()}
