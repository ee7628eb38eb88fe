"""Which hypothesis of an n-best list becomes the text: policies that only sort, complete hypotheses first."""

from collections.abc import Callable, Sequence

from datatuner.records import LABELS, ScoredHypothesis

NEEDS_LABELS = ("binary", "severity", "probability")  # policies that a classifier's verdict is needed for


def rank(hypotheses: Sequence[ScoredHypothesis], policy: str, *, weight: float = 0.0) -> list[int]:
    """Places in the beam, best first; equal ones stay in the beam's order.

    none         the beam's own order
    binary       accurate ones first (Harkous et al. 2020, section 3.3)
    severity     by label, from accurate to hallucination (their released code)
    probability  by (1 - weight) * score + weight * P(accurate), the score being the beam's: log-probability / n**alpha
    slots        fewest slot errors first
    oracle       highest sentence BLEU against the references first: an upper bound, no system

    Raises:
        KeyError: no such policy.
        ValueError: the policy needs labels or slot errors, and there are none.
    """
    key = _KEYS[policy](weight)
    return sorted(range(len(hypotheses)), key=lambda n: (not hypotheses[n].hypothesis.complete, key(hypotheses[n])))


def trusted(hypotheses: Sequence[ScoredHypothesis], order: Sequence[int], abstain_below: float) -> int | None:
    """The place of the first complete text in `order` whose P(accurate) is at least `abstain_below`, or None.

    Args:
        order: places, best first, as `rank` gives them.
        abstain_below: 0 to 1; a text without a label is not trusted.
    """

    def passes(scored: ScoredHypothesis) -> bool:
        probabilities = scored.verdict.probabilities
        return scored.hypothesis.complete and probabilities is not None and probabilities["accurate"] >= abstain_below

    return next((place for place in order if passes(hypotheses[place])), None)


def _label(scored: ScoredHypothesis) -> int:
    if scored.verdict.label is None:
        raise ValueError("a hypothesis without a label")
    return LABELS.index(scored.verdict.label)


def _errors(scored: ScoredHypothesis) -> int:
    if scored.verdict.slot_errors is None:
        raise ValueError("a hypothesis that is not aligned")
    return len(scored.verdict.slot_errors)


def _mixed(weight: float) -> Callable[[ScoredHypothesis], float]:
    def key(scored: ScoredHypothesis) -> float:
        if scored.verdict.probabilities is None:
            raise ValueError("a hypothesis without probabilities")
        return -((1 - weight) * scored.hypothesis.score + weight * scored.verdict.probabilities["accurate"])

    return key


_KEYS: dict[str, Callable[[float], Callable[[ScoredHypothesis], float]]] = {
    "none": lambda _: lambda _: 0,
    "binary": lambda _: lambda scored: _label(scored) > 0,
    "severity": lambda _: _label,
    "probability": _mixed,
    "slots": lambda _: _errors,
    "oracle": lambda _: lambda scored: -scored.sentence_bleu,
}
POLICIES = tuple(_KEYS)
