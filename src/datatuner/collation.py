"""Encoded sequences -> padded batches of similar length; the sampler that shards itself by rank."""

import math
from collections.abc import Iterator, Sequence
from typing import TypedDict

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Sampler

from datatuner.encoding import IGNORED, Encoded
from datatuner.pair_encoding import EncodedPair

_POOL = 50  # batches whose examples are sorted by length together: little padding, still a random order


class Batch(TypedDict):
    """Right-padded columns of B sequences, each (B, T) int64."""

    input_ids: Tensor
    state_ids: Tensor
    labels: Tensor
    attention_mask: Tensor


class PairBatch(TypedDict):
    """Right-padded columns of B pairs, each (B, T) int64, and their labels' numbers (B,)."""

    input_ids: Tensor
    segment_ids: Tensor
    attention_mask: Tensor
    labels: Tensor


class PairCollator:
    """Pads pairs on the right with the encoder's own padding token."""

    def __init__(self, pad_id: int) -> None:
        self.pad_id = pad_id

    def __call__(self, rows: Sequence[tuple[EncodedPair, int]]) -> PairBatch:
        pairs = [pair for pair, _ in rows]
        length = max(len(pair.input_ids) for pair in pairs)
        return PairBatch(
            input_ids=_padded([pair.input_ids for pair in pairs], length, self.pad_id),
            segment_ids=_padded([pair.segment_ids for pair in pairs], length, 0),
            attention_mask=_padded([[1] * len(pair.input_ids) for pair in pairs], length, 0),
            labels=torch.tensor([label for _, label in rows]),
        )


def _padded(columns: Sequence[list[int]], length: int, value: int) -> Tensor:
    return torch.tensor([column + [value] * (length - len(column)) for column in columns])


class Collator:
    """Pads on the right. `pad_id` is any valid token id: padding is masked and never learned."""

    def __init__(self, pad_id: int, pad_state: int) -> None:
        self.pad_id, self.pad_state = pad_id, pad_state

    def __call__(self, rows: Sequence[Encoded]) -> Batch:
        length = max(len(row.input_ids) for row in rows)
        return Batch(
            input_ids=_padded([row.input_ids for row in rows], length, self.pad_id),
            state_ids=_padded([row.state_ids for row in rows], length, self.pad_state),
            labels=_padded([row.labels for row in rows], length, IGNORED),
            attention_mask=_padded([[1] * len(row.input_ids) for row in rows], length, 0),
        )


class BucketedBatches(Sampler[list[int]]):
    """Batches of indices, similar lengths together, as a pure function of (seed, epoch, rank).

    Training (`shuffle`): each rank gets equally many batches; where the last round is short, it is filled with
    batches from the epoch's start. Evaluation: sorted by length, every index on exactly one rank, and smaller batches
    where whole ones would leave a rank without any (Lightning refuses that, and the other ranks hang).

    Args:
        lengths: tokens of each example.
        batch_size: examples per batch on one rank.
        start: an epoch, and how many of this rank's batches of it are left out: they were done before a restart.
    """

    def __init__(
        self,
        lengths: Sequence[int],
        batch_size: int,
        *,
        shuffle: bool,
        seed: int = 0,
        rank: int = 0,
        ranks: int = 1,
        start: tuple[int, int] = (0, 0),
    ) -> None:
        self.lengths = np.asarray(lengths)
        self.batch_size = batch_size if shuffle else max(1, min(batch_size, len(self.lengths) // ranks))
        self.shuffle, self.seed = shuffle, seed
        self.rank, self.ranks = rank, ranks
        self._start = start
        self.epoch = start[0]  # loader workers ask for batches before Lightning sets the epoch
        self.sampler = self  # Lightning sets the epoch of `batch_sampler.sampler`, never of a batch sampler itself

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __len__(self) -> int:
        """Batches of a whole epoch, also where the first one starts late: Lightning counts those that are done."""
        batches = math.ceil(len(self.lengths) / self.batch_size)
        return math.ceil(batches / self.ranks) if self.shuffle else len(range(self.rank, batches, self.ranks))

    def __iter__(self) -> Iterator[list[int]]:
        batches = self._shuffled() if self.shuffle else self._chunks(np.argsort(-self.lengths, kind="stable"))
        if self.shuffle and batches:
            short = -len(batches) % self.ranks
            batches += [batches[i % len(batches)] for i in range(short)]
        mine = batches[self.rank :: self.ranks]
        epoch, done = self._start
        yield from mine[done:] if self.epoch == epoch else mine

    def _shuffled(self) -> list[list[int]]:
        generator = np.random.default_rng([self.seed, self.epoch])
        order = generator.permutation(len(self.lengths))
        pool = self.batch_size * _POOL
        pools = [order[i : i + pool] for i in range(0, len(order), pool)]
        batches = [
            batch for part in pools for batch in self._chunks(part[np.argsort(self.lengths[part], kind="stable")])
        ]
        return [batches[i] for i in generator.permutation(len(batches))]

    def _chunks(self, order: np.ndarray) -> list[list[int]]:
        return [order[i : i + self.batch_size].tolist() for i in range(0, len(order), self.batch_size)]
