"""Which hypothesis of an n-best list becomes the text."""

from collections.abc import Sequence

from datatuner.records import Hypothesis

RERANKING = "none"  # the beam's own order


def complete_first(hypotheses: Sequence[Hypothesis]) -> list[Hypothesis]:
    """Complete hypotheses before incomplete ones, otherwise in the beam's order: the paper ranks complete ones only."""
    return sorted(hypotheses, key=lambda hypothesis: not hypothesis.complete)
