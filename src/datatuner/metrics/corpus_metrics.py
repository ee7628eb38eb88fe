"""The scores of a whole corpus, for every metric: value, bootstrap interval, breakdown by attribute.

References may vary in number. Knows texts only: no corpora, files or models.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from datatuner.errors import ConfigError
from datatuner.metrics import bleu_chrf, coco
from datatuner.metrics.bleu_webnlg import BleuWebnlg2017
from datatuner.metrics.catalogue import COCO, DEFAULT, WEBNLG_2017, require
from datatuner.metrics.nist import Nist
from datatuner.metrics.scorer import References, Scorer, Statistics

log = logging.getLogger(__name__)

Scorers = Mapping[str, Scorer]
Breakdown = Mapping[str, Mapping[str, Mapping[str, "Metric"]]]
CHUNK = 100  # resamples held in memory at once
MOST_VALUES = 200  # of an attribute with a breakdown: one that is another for nearly every input tells nothing, slowly


@dataclass(frozen=True, slots=True)
class Metric:
    """A corpus score with its 95 % bootstrap interval, over `n` inputs; each metric has its own scale.

    `value`, `low` and `high` are None where no input could be scored (then `n` is 0).
    `signature` is that of the score without its interval.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    signature: str


@dataclass(frozen=True, slots=True)
class ReferenceScores:
    """What the human references score against each other.

    `rounds` has the inputs and the scores of each round, of which `metrics` are the means; `left_out` counts the inputs
    with one reference.
    """

    metrics: dict[str, Metric]
    breakdown: Breakdown
    rounds: list[dict[str, float]]
    left_out: int


@dataclass(frozen=True, slots=True)
class Measured:
    """One system's texts as each metric sees them: a row of sums for each input, (inputs, statistics)."""

    scorers: Scorers
    references: References
    rows: Mapping[str, Statistics]


def scorers(names: Sequence[str] = DEFAULT) -> dict[str, Scorer]:
    """The metrics by name; those that need a tokenizer in Java share one.

    Raises:
        ConfigError: one of them needs a package, or Java, that is not there.
    """
    require(names)
    makers: dict[str, Callable[[], Scorer]] = {
        "bleu": bleu_chrf.bleu,
        "bleu_cased": bleu_chrf.bleu_cased,
        "chrf_pp": bleu_chrf.chrf_pp,
        "nist": Nist,
        WEBNLG_2017: BleuWebnlg2017,
    }
    if set(names) & set(COCO):
        tokenize = coco.PtbTokenizer()
        makers["meteor"] = lambda: coco.Meteor(tokenize)
        makers["rouge_l"] = lambda: coco.RougeL(tokenize)
        makers["cider"] = lambda: coco.Cider(tokenize)
    return {name: makers[name]() for name in names}


def measure(hypotheses: Sequence[str], references: References, chosen: Scorers) -> Measured:
    """One text per input against all references of the input, ready to be scored.

    Raises:
        ConfigError: no input, unequal counts, an input without a reference, or a metric's program failed.
    """
    _check(hypotheses, references)
    rows = {name: scorer.statistics(hypotheses, references, references) for name, scorer in chosen.items()}
    return Measured(chosen, references, rows)


def score(measured: Measured, *, seed: int, samples: int = 1000) -> dict[str, Metric]:
    """Every metric over all inputs.

    `low` and `high` are the 95 % percentile interval over `samples` resamples of the inputs, the same for each metric.
    """
    return _metrics(measured, seed, samples)


def breakdown(
    measured: Measured, attributes: Sequence[Mapping[str, str]], *, seed: int, samples: int = 1000
) -> dict[str, dict[str, dict[str, Metric]]]:
    """`score` for the inputs of each value of each attribute: ATTRIBUTE, VALUE, NAME.

    Attributes stand in order of first appearance, values sorted, as numbers where all of them are. An input that lacks
    an attribute is left out of it, and an attribute of more than MOST_VALUES values altogether. The weights that NIST
    and CIDEr give to words stay those of all inputs.

    Raises:
        ConfigError: not one row of attributes per input.
    """
    _check(measured.references, measured.references, attributes)
    result: dict[str, dict[str, dict[str, Metric]]] = {}
    for attribute, value, chosen in _groups(attributes):
        result.setdefault(attribute, {})[value] = _metrics(_part(measured, chosen), seed, samples)
    return result


def _groups(attributes: Sequence[Mapping[str, str]]) -> Iterator[tuple[str, str, list[int]]]:
    """Attribute, value, and the inputs that have it."""
    for attribute in dict.fromkeys(name for row in attributes for name in row):
        values = {row[attribute] for row in attributes if attribute in row}
        if len(values) > MOST_VALUES:
            log.warning("no breakdown by %s: it has %d values, more than %d", attribute, len(values), MOST_VALUES)
            continue
        for value in _sorted(values):
            yield attribute, value, [index for index, row in enumerate(attributes) if row.get(attribute) == value]


def _part(measured: Measured, chosen: Sequence[int]) -> Measured:
    references = [measured.references[row] for row in chosen]
    return Measured(measured.scorers, references, {name: rows[chosen] for name, rows in measured.rows.items()})


def score_references(
    references: References,
    attributes: Sequence[Mapping[str, str]],
    chosen: Scorers,
    *,
    seed: int,
    samples: int = 1000,
) -> ReferenceScores:
    """The human references as a system: in round k each input's reference k against its others; with `breakdown`.

    An input with two references or more takes part in as many rounds as it has references; `n` counts these inputs.
    The value is the mean over rounds, and so is each resample's; the signature ends in the number of rounds. The
    weights that NIST and CIDEr give to words are those of all references: the last rounds have few.

    Raises:
        ConfigError: no input, an input without a reference, or a metric's program failed.
    """
    _check(references, references, attributes)
    # (input, round): one text, and the input's other references
    places = [(n, turn) for n, texts in enumerate(references) if len(texts) > 1 for turn in range(len(texts))]
    hypotheses = [references[n][turn] for n, turn in places]
    others = [[*references[n][:turn], *references[n][turn + 1 :]] for n, turn in places]
    rows = (
        {name: scorer.statistics(hypotheses, others, references) for name, scorer in chosen.items()} if places else {}
    )
    measured = Measured(chosen, others, rows)

    def scored(inputs: Iterable[int]) -> dict[str, Metric]:
        wanted = set(inputs)
        taken = [row for row, (n, _) in enumerate(places) if n in wanted]
        if not taken:
            return {name: Metric(None, None, None, 0, scorer.signature([], 0)) for name, scorer in chosen.items()}
        number = {n: place for place, n in enumerate(dict.fromkeys(places[row][0] for row in taken))}
        renumbered = [(number[places[row][0]], places[row][1]) for row in taken]
        return _metrics(_part(measured, taken), seed, samples, places=renumbered)

    parts: dict[str, dict[str, dict[str, Metric]]] = {}
    for attribute, value, inputs in _groups(attributes):
        parts.setdefault(attribute, {})[value] = scored(inputs)
    rounds = []
    for turn in range(max((turn for _, turn in places), default=-1) + 1):
        taken = [row for row, (_, other) in enumerate(places) if other == turn]
        totals = {name: rows[name][taken].sum(axis=0)[None] for name in chosen}
        values = {name: float(scorer.scores(totals[name])[0]) for name, scorer in chosen.items()}
        rounds.append({"inputs": len(taken), **values})
    left_out = sum(len(texts) == 1 for texts in references)
    return ReferenceScores(scored(range(len(references))), parts, rounds, left_out)


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


def resampled_inputs(inputs: int, *, seed: int, samples: int) -> Iterator[NDArray[np.float64]]:
    """How often each of `samples` resamples with replacement draws each input: (up to CHUNK, inputs) at a time.

    They depend on seed, samples and input count alone, and are those that sacrebleu draws from the same seed.
    """
    generator = np.random.default_rng(seed)
    for start in range(0, samples, CHUNK):
        size = min(CHUNK, samples - start)
        draws = (np.bincount(generator.integers(0, inputs, inputs), minlength=inputs) for _ in range(size))
        yield np.array(list(draws), dtype=np.float64)  # floats: a fast matrix product, exact for whole numbers


def _metrics(
    measured: Measured, seed: int, samples: int, *, places: Sequence[tuple[int, int]] | None = None
) -> dict[str, Metric]:
    """The metrics of rows, of which row r belongs to input and round `places[r]` (one round, if None)."""
    columns = np.concatenate([*measured.rows.values(), np.ones((len(measured.references), 1))], axis=1)
    inputs, turns = np.array(places or [(index, 0) for index in range(len(columns))]).T
    # (inputs, rounds, all statistics + 1): the last column is 1 where an input takes part in a round
    table = np.zeros((inputs.max() + 1, turns.max() + 1, columns.shape[1]))
    table[inputs, turns] = columns
    values = _means_over_rounds(measured, table.sum(axis=0)[None])
    resampled: dict[str, list[float]] = {name: [] for name in values}
    for weights in resampled_inputs(len(table), seed=seed, samples=samples):
        totals = (weights @ table.reshape(len(table), -1)).reshape(len(weights), *table.shape[1:])
        for name, scores in _means_over_rounds(measured, totals).items():
            resampled[name] += scores.tolist()
    tail = samples // 40  # 2.5 % on either side, by sacrebleu's rule
    rounds = table.shape[1] if places else None
    metrics = {}
    for name, scorer in measured.scorers.items():
        ordered = sorted(resampled[name])
        signature = scorer.signature(measured.references, rounds)
        metrics[name] = Metric(float(values[name][0]), ordered[tail], ordered[-1 - tail], len(table), signature)
    return metrics


def _means_over_rounds(measured: Measured, totals: Statistics) -> dict[str, NDArray[np.float64]]:
    """Each metric's mean corpus score over the rounds that have an input: (m, rounds, all statistics + 1) -> (m,)."""
    taking_part = totals[:, :, -1] > 0
    means, first = {}, 0
    for name, scorer in measured.scorers.items():
        last = first + measured.rows[name].shape[1]
        scores = np.zeros(taking_part.shape)
        scores[taking_part] = scorer.scores(totals[:, :, first:last][taking_part])
        means[name] = scores.sum(axis=1) / taking_part.sum(axis=1)
        first = last
    return means


def _sorted(values: Iterable[str]) -> list[str]:
    """As numbers where all of them are, else as text."""
    values = sorted(values)
    with suppress(ValueError):
        return sorted(values, key=float)
    return values


def _check(hypotheses: Sequence[object], references: References, *columns: Sequence[object]) -> None:
    if not hypotheses:
        raise ConfigError("nothing to score: there are no texts. Name a split that has inputs.")
    for column in (references, *columns):
        if len(column) != len(hypotheses):
            raise ConfigError(f"cannot score {len(hypotheses)} texts against {len(column)} inputs.")
    without = sum(not texts for texts in references)
    if without:
        raise ConfigError(f"cannot score {without} of {len(references)} inputs: they have no reference.")
