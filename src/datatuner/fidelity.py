"""(source, text) -> probabilities of the five labels, by a trained classifier: batched, each pair once.

They are calibrated on corrupted references of the validation split; on a generator's own texts they may be far off.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from datatuner.collation import PairCollator
from datatuner.errors import CheckpointError
from datatuner.example import Source
from datatuner.metrics.classification import softmax
from datatuner.models.classifier import Classifier
from datatuner.pair_encoding import PairEncoder
from datatuner.records import LABELS


@dataclass(frozen=True)
class TrainedClassifier:
    """What `checkpoints.load_classifier` finds in a folder."""

    classifier: Classifier
    encoder: PairEncoder
    labels: tuple[str, ...]
    temperature: float  # logits are divided by it; it was fitted on corrupted references
    corpus: str  # its training's
    folder: Path

    def ensure_fits(self, corpus: str, labels: Sequence[str] = LABELS) -> None:
        """Whether it can label texts of `corpus` with `labels`.

        Raises:
            CheckpointError: it is of another corpus, or has other labels, or the same in another order.
        """
        if self.corpus != corpus:
            raise CheckpointError(
                f"{self.folder} is a classifier of corpus={self.corpus}, not of corpus={corpus}: name one of this "
                "corpus, or train one with `datatuner train stage=classifier`."
            )
        if self.labels != tuple(labels):
            raise CheckpointError(
                f"{self.folder} is a classifier with the labels {', '.join(self.labels)}; expected "
                f"{', '.join(labels)}. Train it again."
            )


@dataclass(frozen=True)
class FidelityScores:
    """Of N pairs, in order."""

    probabilities: NDArray[np.float64]  # (N, labels), rows sum to 1
    cut: NDArray[np.int64]  # (N, 2): tokens of its data, and of its text, that the classifier did not read
    distinct: int  # pairs that were computed

    @property
    def cut_data(self) -> int:
        """Pairs that lost tokens of their data."""
        return int(np.count_nonzero(self.cut[:, 0]))

    @property
    def cut_text(self) -> int:
        """Pairs that lost tokens of their text."""
        return int(np.count_nonzero(self.cut[:, 1]))


def score(
    trained: TrainedClassifier,
    pairs: Sequence[tuple[Source, str]],
    *,
    batch_size: int,
    on_batch: Callable[[int], object] | None = None,
) -> FidelityScores:
    """Probabilities in the order of `trained.labels`, calibrated on corrupted references. An empty text is scored too.

    Args:
        batch_size: pairs per forward pass; it changes the result by rounding alone.
        on_batch: called with the number of `pairs` that a batch has settled, equal ones together.
    """
    found = logits(trained.classifier, trained.encoder, pairs, batch_size=batch_size, on_batch=on_batch)
    return FidelityScores(softmax(found.logits / trained.temperature), found.cut, found.distinct)


@dataclass(frozen=True)
class _Logits:
    logits: NDArray[np.float64]
    cut: NDArray[np.int64]
    distinct: int


@torch.inference_mode()
def logits(
    classifier: Classifier,
    encoder: PairEncoder,
    pairs: Sequence[tuple[Source, str]],
    *,
    batch_size: int,
    on_batch: Callable[[int], object] | None = None,
) -> _Logits:
    """Uncalibrated logits of each pair, (N, labels), on the classifier's device; it is put into evaluation mode."""
    if classifier.training:  # else other threads may be using it
        classifier.eval()
    device = classifier.head.weight.device
    places: dict[tuple[Source, str], list[int]] = {}
    for place, pair in enumerate(pairs):
        places.setdefault(pair, []).append(place)
    encoder.warm(places)
    encoded = [(encoder.pair(source, text), mine) for (source, text), mine in places.items()]
    encoded.sort(key=lambda row: -len(row[0].input_ids))  # longest first: too much memory shows at once
    collate = PairCollator(encoder.pad_id)
    found, cut = np.zeros((len(pairs), classifier.head.out_features)), np.zeros((len(pairs), 2), dtype=np.int64)
    for start in range(0, len(encoded), batch_size):
        rows = encoded[start : start + batch_size]
        batch = collate([(pair, 0) for pair, _ in rows])
        columns = (batch[name].to(device) for name in ("input_ids", "segment_ids", "attention_mask"))
        values = classifier(*columns).double().cpu().numpy()
        for row, (read, mine) in zip(values, rows, strict=True):
            found[mine], cut[mine] = row, (read.cut_data, read.cut_text)
        if on_batch:
            on_batch(sum(len(mine) for _, mine in rows))
    return _Logits(found, cut, len(encoded))
