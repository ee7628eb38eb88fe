"""Scores of a classifier: precision, recall and F1 from a confusion matrix, calibration from logits. numpy alone."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

BINS = 15
COLDEST, HOTTEST = 0.05, 20.0  # the bounds of a temperature


def label_scores(confusion: NDArray[np.int64], labels: Sequence[str]) -> dict[str, dict[str, float]]:
    """Precision, recall and F1 (0 to 1) and `n`, the true number, of each label; 0 where nothing is to divide by.

    Args:
        confusion: [true, predicted] counts.
    """
    scores = {}
    for i, label in enumerate(labels):
        hits, true, predicted = float(confusion[i, i]), float(confusion[i].sum()), float(confusion[:, i].sum())
        scores[label] = {
            "precision": hits / predicted if predicted else 0.0,
            "recall": hits / true if true else 0.0,
            "f1": 2 * hits / (true + predicted) if true + predicted else 0.0,
            "n": int(true),
        }
    return scores


def macro_f1(confusion: NDArray[np.int64]) -> float:
    """The mean F1 over labels that occur or are predicted; NaN where none is."""
    occurring = confusion.sum(axis=0) + confusion.sum(axis=1)
    with np.errstate(invalid="ignore"):
        f1 = 2 * np.diag(confusion) / occurring
    return float(f1[occurring > 0].mean()) if occurring.any() else float("nan")


def confusion_matrix(predicted: NDArray[np.int64], labels: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    return np.bincount(labels * count + predicted, minlength=count**2).reshape(count, count).astype(np.int64)


def softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    probabilities: NDArray[np.float64] = shifted / shifted.sum(axis=-1, keepdims=True)
    return probabilities


def fit_temperature(logits: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    """The temperature T that minimises the negative log-likelihood of softmax(logits / T) (Guo et al. 2017).

    The likelihood is concave in 1/T: bisection on its slope, in 0.05 to 20.
    """

    def slope(inverse: float) -> float:
        expected = (softmax(logits * inverse) * logits).sum(axis=1)
        return float((expected - logits[np.arange(len(labels)), labels]).mean())

    low, high = 1 / HOTTEST, 1 / COLDEST
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if slope(middle) < 0 else (low, middle)
    return 2 / (low + high)


def calibration(logits: NDArray[np.float64], labels: NDArray[np.int64], temperature: float) -> dict[str, float]:
    """`nll`, the mean negative log-likelihood (nats), and `ece`, the expected calibration error (0 to 1)."""
    scaled = logits / temperature
    peak = scaled.max(axis=1)
    normalizer = peak + np.log(np.exp(scaled - peak[:, None]).sum(axis=1))
    nll = float((normalizer - scaled[np.arange(len(labels)), labels]).mean())
    return {"nll": nll, "ece": expected_calibration_error(softmax(scaled), labels)}


def expected_calibration_error(probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    """The mean distance of confidence and accuracy over 15 equally wide bins of the confidence, weighted by size."""
    return event_calibration_error(probabilities.max(axis=1), probabilities.argmax(axis=1) == labels)


def event_calibration_error(probabilities: NDArray[np.float64], happened: NDArray[np.bool_]) -> float:
    """The mean distance of an event's probability (N,) and its share, over as many bins of the probability."""
    bins = np.minimum((probabilities * BINS).astype(int), BINS - 1)
    gaps = [abs(float((happened[bins == b] - probabilities[bins == b]).sum())) for b in range(BINS)]
    return sum(gaps) / len(happened)


def held_out(
    predicted: NDArray[np.int64], labels: NDArray[np.int64], chosen: NDArray[np.bool_], accurate: int = 0
) -> dict[str, Any]:
    """Of the `chosen` pairs: the shares called not `accurate` (`found`) and by their own label (`labelled`).

    `found` is the recall of errors, or of pairs that are accurate the false alarms. None where there are no such pairs.
    """
    mine, true = predicted[chosen], labels[chosen]
    if not len(mine):
        return {"n": 0, "found": None, "labelled": None}
    return {"n": len(mine), "found": float((mine != accurate).mean()), "labelled": float((mine == true).mean())}
