"""BLEU and chrF++ of a whole corpus, with bootstrap intervals: sacrebleu's own statistics, formulas and signatures.

References may vary in number. Knows texts only: no corpora, files or models.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF

from datatuner.errors import ConfigError

Counts = NDArray[np.int64]
Breakdown = Mapping[str, Mapping[str, Mapping[str, "Metric"]]]


@dataclass(frozen=True, slots=True)
class Metric:
    """A corpus score from 0 to 100 with its 95 % bootstrap interval, over `n` inputs.

    `value`, `low` and `high` are None where no input could be scored (then `n` is 0).
    `signature` is sacrebleu's, of the score without its interval.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    signature: str


@dataclass(frozen=True, slots=True)
class ReferenceScores:
    """What the human references score against each other; `left_out` counts the inputs with one reference."""

    metrics: dict[str, Metric]
    left_out: int


def scorers() -> dict[str, BLEU | CHRF]:
    """The metrics by name. `force` only silences a warning about texts that look tokenized."""
    return {
        "bleu": BLEU(lowercase=True, force=True),
        "bleu_cased": BLEU(force=True),
        "chrf_pp": CHRF(word_order=2),
    }


def segment_counts(scorer: BLEU | CHRF, hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> Counts:
    """sacrebleu's sufficient statistics, one row per hypothesis: the corpus score is a function of their sum.

    BLEU: hypothesis length, closest reference length, 4 counts of matches, 4 of n-grams. chrF++: hypothesis, reference
    and matching n-grams for 8 orders, of the best reference. Segment by segment, so each brings the references it has:
    padding with "" would count as a reference of length 0 and lift the brevity penalty, and a whole corpus of n-grams
    would take gigabytes.
    """
    rows = [
        scorer._extract_corpus_statistics([text], [[reference] for reference in others])[0]
        for text, others in zip(hypotheses, references, strict=True)
    ]
    return np.array(rows, dtype=np.int64)


def score(
    hypotheses: Sequence[str], references: Sequence[Sequence[str]], *, seed: int, samples: int = 1000
) -> dict[str, Metric]:
    """Every metric of one text per input against all references of the input.

    `low` and `high` are the 95 % percentile interval over `samples` resamples of the inputs, the same for each metric.

    Raises:
        ConfigError: no input, unequal counts, or an input without a reference.
    """
    _check(hypotheses, references)
    return {
        name: _measure(scorer, segment_counts(scorer, hypotheses, references), references, seed, samples)
        for name, scorer in scorers().items()
    }


def breakdown(
    hypotheses: Sequence[str],
    references: Sequence[Sequence[str]],
    attributes: Sequence[Mapping[str, str]],
    *,
    seed: int,
    samples: int = 1000,
) -> dict[str, dict[str, dict[str, Metric]]]:
    """`score` for the inputs of each value of each attribute: ATTRIBUTE, VALUE, NAME.

    Attributes stand in order of first appearance, values sorted, as numbers where all of them are. An input that lacks
    an attribute is left out of it.

    Raises:
        ConfigError: as `score`.
    """
    _check(hypotheses, references, attributes)
    scored = [(name, scorer, segment_counts(scorer, hypotheses, references)) for name, scorer in scorers().items()]
    result: dict[str, dict[str, dict[str, Metric]]] = {}
    for attribute in dict.fromkeys(name for row in attributes for name in row):
        result[attribute] = {}
        for value in _sorted({row[attribute] for row in attributes if attribute in row}):
            chosen = [index for index, row in enumerate(attributes) if row.get(attribute) == value]
            texts = [references[index] for index in chosen]
            result[attribute][value] = {
                name: _measure(scorer, counts[chosen], texts, seed, samples) for name, scorer, counts in scored
            }
    return result


def score_references(references: Sequence[Sequence[str]], *, seed: int, samples: int = 1000) -> ReferenceScores:
    """The human references as a system: in round k each input's reference k against its others.

    An input with two references or more takes part in as many rounds as it has references; `n` counts these inputs.
    The value is the mean over rounds, and so is each resample's; the signature ends in the number of rounds.

    Raises:
        ConfigError: no input, or an input without a reference.
    """
    _check(references, references)
    kept = [texts for texts in references if len(texts) > 1]
    # (input, round): one text, and the input's other references
    places = [(index, turn) for index, texts in enumerate(kept) for turn in range(len(texts))]
    hypotheses = [kept[index][turn] for index, turn in places]
    others = [[*kept[index][:turn], *kept[index][turn + 1 :]] for index, turn in places]
    metrics = {}
    for name, scorer in scorers().items():
        if kept:
            counts = segment_counts(scorer, hypotheses, others)
            metrics[name] = _measure(scorer, counts, others, seed, samples, places=places)
        else:
            metrics[name] = Metric(None, None, None, 0, _signature(scorer, others, rounds=0))
    return ReferenceScores(metrics, left_out=len(references) - len(kept))


def to_json(metrics: Mapping[str, Metric], breakdown: Breakdown, provenance: Mapping[str, object]) -> dict[str, object]:
    """The content of metrics.json; `provenance` is taken as it is and must be JSON already."""
    return {
        "metrics": {name: asdict(metric) for name, metric in metrics.items()},
        "breakdown": {
            attribute: {value: {name: asdict(metric) for name, metric in row.items()} for value, row in values.items()}
            for attribute, values in breakdown.items()
        },
        "provenance": dict(provenance),
    }


def _measure(
    scorer: BLEU | CHRF,
    counts: Counts,
    references: Sequence[Sequence[str]],
    seed: int,
    samples: int,
    *,
    places: Sequence[tuple[int, int]] | None = None,
) -> Metric:
    """The metric of `counts`, whose row r belongs to input and round `places[r]` (one round, if None)."""
    inputs, turns = np.array(places or [(index, 0) for index in range(len(counts))]).T
    # (inputs, rounds, statistics + 1): the last column is 1 where an input takes part in a round
    table = np.zeros((inputs.max() + 1, turns.max() + 1, counts.shape[1] + 1), dtype=np.int64)
    table[inputs, turns, :-1] = counts
    table[inputs, turns, -1] = 1
    resampled = sorted(_mean_over_rounds(scorer, totals) for totals in _resample(table, seed, samples))
    tail = samples // 40  # 2.5 % on either side, by sacrebleu's rule
    return Metric(
        value=_mean_over_rounds(scorer, table.sum(axis=0)),
        low=resampled[tail],
        high=resampled[-1 - tail],
        n=len(table),
        signature=_signature(scorer, references, rounds=table.shape[1] if places else None),
    )


def _resample(table: Counts, seed: int, samples: int) -> Iterator[Counts]:
    """The sums over inputs, (rounds, statistics + 1), of `samples` resamples of the inputs with replacement.

    The inputs drawn depend on seed, samples and input count alone: those that sacrebleu draws from the same seed.
    """
    generator = np.random.default_rng(seed)
    inputs, shape = len(table), table.shape[1:]
    flat = table.reshape(inputs, -1).astype(np.float64)  # a fast matrix product; exact, as sums stay below 2**53
    for _ in range(samples):
        weights = np.bincount(generator.integers(0, inputs, inputs), minlength=inputs)
        yield (weights @ flat).astype(np.int64).reshape(shape)


def _mean_over_rounds(scorer: BLEU | CHRF, totals: Counts) -> float:
    """The mean corpus score over the rounds that have an input; Python integers keep sacrebleu's arithmetic exact."""
    scores = [scorer._compute_score_from_stats(row[:-1]).score for row in totals.tolist() if row[-1]]
    return sum(scores) / len(scores)


def _signature(scorer: BLEU | CHRF, references: Sequence[Sequence[str]], rounds: int | None) -> str:
    reference_counts = set(map(len, references)) or {0}
    scorer.num_refs = reference_counts.pop() if len(reference_counts) == 1 else -1  # -1: variable
    signature = scorer.get_signature()
    if rounds is not None:
        signature.update("rounds", rounds)
    return str(signature.format())


def _sorted(values: Iterable[str]) -> list[str]:
    """As numbers where all of them are, else as text."""
    values = sorted(values)
    with suppress(ValueError):
        return sorted(values, key=float)
    return values


def _check(hypotheses: Sequence[object], references: Sequence[Sequence[str]], *columns: Sequence[object]) -> None:
    if not hypotheses:
        raise ConfigError("nothing to score: there are no texts. Name a split that has inputs.")
    for column in (references, *columns):
        if len(column) != len(hypotheses):
            raise ConfigError(f"cannot score {len(hypotheses)} texts against {len(column)} inputs.")
    without = sum(not texts for texts in references)
    if without:
        raise ConfigError(f"cannot score {without} of {len(references)} inputs: they have no reference.")
