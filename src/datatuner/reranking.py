"""Which hypothesis of an n-best list becomes the text."""

from collections.abc import Sequence
from typing import Protocol, TypeVar

RERANKING = "none"  # the beam's own order


class _Ranked(Protocol):
    @property
    def complete(self) -> bool: ...


H = TypeVar("H", bound=_Ranked)


def complete_first(hypotheses: Sequence[H]) -> list[H]:
    """Complete hypotheses before incomplete ones, otherwise in the beam's order: the paper ranks complete ones only."""
    return sorted(hypotheses, key=lambda hypothesis: not hypothesis.complete)
