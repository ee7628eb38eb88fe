"""The JSON Lines files between stages: hypotheses, final predictions, and any system's outputs."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """One text for an input, as beam search left it.

    `tokens` counts generated tokens including `<eos>`; `log_probability` is their sum (natural log);
    `score` = log_probability / tokens**alpha; `complete` says whether `<eos>` was generated.
    """

    text: str
    log_probability: float
    tokens: int
    score: float
    complete: bool
