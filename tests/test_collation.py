"""Batches of similar length: what each rank sees in an epoch, how much is padding, and what a batch's columns hold."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from datatuner.collation import BucketedBatches, Collator
from datatuner.encoding import IGNORED, Encoded

PAD, PAD_STATE = 7, 9
LENGTHS = st.lists(st.integers(1, 60), min_size=1, max_size=300)
BATCH_SIZE, RANKS, SEED, EPOCH = st.integers(1, 17), st.integers(1, 5), st.integers(0, 2**32), st.integers(0, 100)


def epoch_of(
    lengths: Sequence[int], batch_size: int, *, shuffle: bool, seed: int = 0, epoch: int = 0, rank: int = 0, of: int = 1
) -> list[list[int]]:
    sampler = BucketedBatches(lengths, batch_size, shuffle=shuffle, seed=seed, rank=rank, ranks=of)
    sampler.set_epoch(epoch)
    batches = list(sampler)
    assert len(sampler) == len(batches)
    return batches


def indices(batches: list[list[int]]) -> list[int]:
    return [index for batch in batches for index in batch]


@settings(deadline=None)
@given(LENGTHS, BATCH_SIZE, SEED, EPOCH)
def test_training_on_one_rank_sees_each_example_once(lengths: list[int], size: int, seed: int, epoch: int) -> None:
    batches = epoch_of(lengths, size, shuffle=True, seed=seed, epoch=epoch)
    assert sorted(indices(batches)) == list(range(len(lengths)))
    assert all(0 < len(batch) <= size for batch in batches)


@settings(deadline=None)
@given(LENGTHS, BATCH_SIZE, RANKS, SEED, EPOCH)
def test_training_ranks_have_equally_many_batches_and_miss_nothing(
    lengths: list[int], size: int, ranks: int, seed: int, epoch: int
) -> None:
    alone = epoch_of(lengths, size, shuffle=True, seed=seed, epoch=epoch)
    shares = [epoch_of(lengths, size, shuffle=True, seed=seed, epoch=epoch, rank=r, of=ranks) for r in range(ranks)]
    assert {len(share) for share in shares} == {-(-len(alone) // ranks)}
    # In turn, the ranks' batches are one rank's, so that R ranks make the steps of one that accumulates R batches.
    together = [batch for turn in zip(*shares, strict=True) for batch in turn]
    assert together[: len(alone)] == alone
    assert all(batch in alone for batch in together[len(alone) :])


@settings(deadline=None)
@given(LENGTHS, BATCH_SIZE, SEED, EPOCH)
def test_the_same_seed_and_epoch_give_the_same_batches(lengths: list[int], size: int, seed: int, epoch: int) -> None:
    first = epoch_of(lengths, size, shuffle=True, seed=seed, epoch=epoch)
    assert first == epoch_of(lengths, size, shuffle=True, seed=seed, epoch=epoch)


@pytest.mark.parametrize("other", [{"epoch": 1}, {"seed": 1}], ids=["epoch", "seed"])
def test_another_epoch_or_seed_gives_other_batches(other: dict[str, int]) -> None:
    lengths = [20] * 100
    first, second = epoch_of(lengths, 4, shuffle=True), epoch_of(lengths, 4, shuffle=True, **other)
    assert first != second
    assert {frozenset(batch) for batch in first} != {frozenset(batch) for batch in second}  # not only their order


def test_a_sampler_iterated_twice_follows_set_epoch() -> None:
    sampler = BucketedBatches(range(1, 101), 4, shuffle=True, seed=5)
    epochs = []
    for epoch in (0, 1, 0):
        sampler.set_epoch(epoch)
        epochs.append(list(sampler))
    assert epochs[0] == epochs[2] != epochs[1]


@settings(deadline=None)
@given(LENGTHS, BATCH_SIZE, RANKS)
def test_evaluation_has_each_example_on_exactly_one_rank(lengths: list[int], size: int, ranks: int) -> None:
    shares = [epoch_of(lengths, size, shuffle=False, rank=rank, of=ranks) for rank in range(ranks)]
    assert sorted(index for share in shares for index in indices(share)) == list(range(len(lengths)))
    assert all(0 < len(batch) <= size for share in shares for batch in share)
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


@settings(deadline=None)
@given(LENGTHS, BATCH_SIZE, RANKS)
def test_in_evaluation_no_rank_is_idle_where_there_are_enough_examples(
    lengths: list[int], size: int, ranks: int
) -> None:
    """Lightning refuses a rank without batches, and the others would wait for it."""
    shares = [epoch_of(lengths, size, shuffle=False, rank=rank, of=ranks) for rank in range(ranks)]
    assert sum(bool(share) for share in shares) == min(ranks, len(lengths))


def padding(batches: list[list[int]], lengths: np.ndarray) -> float:
    """Share of positions that are padding."""
    positions = sum(len(batch) * lengths[batch].max() for batch in batches)
    return float(1 - lengths.sum() / positions)


@pytest.mark.parametrize("shuffle", [True, False])
def test_little_is_padding(shuffle: bool) -> None:
    rng = np.random.default_rng(0)
    lengths = np.clip(rng.lognormal(4.2, 0.4, size=5000).astype(int), 15, 300)  # about what E2E and ViGGO have
    order = rng.permutation(len(lengths))
    at_random = [order[i : i + 32].tolist() for i in range(0, len(order), 32)]
    assert padding(at_random, lengths) > 0.4
    assert padding(epoch_of(lengths.tolist(), 32, shuffle=shuffle), lengths) < 0.06


def test_training_batches_are_not_in_order_of_length() -> None:
    lengths = np.random.default_rng(0).integers(10, 100, size=2000)
    longest = np.array([lengths[batch].max() for batch in epoch_of(lengths.tolist(), 10, shuffle=True)])
    assert abs(np.corrcoef(longest, np.arange(len(longest)))[0, 1]) < 0.2


ENCODED = st.builds(
    lambda ids, prompt: Encoded(ids, [i + 100 for i in ids], [IGNORED if k < prompt else i for k, i in enumerate(ids)]),
    st.lists(st.integers(10, 50), min_size=1, max_size=20),
    st.integers(0, 20),
)


@settings(deadline=None)
@given(st.lists(ENCODED, min_size=1, max_size=8))
def test_a_batch_is_its_sequences_padded_on_the_right(items: list[Encoded]) -> None:
    batch = Collator(PAD, PAD_STATE)(items)
    width = max(len(encoded.input_ids) for encoded in items)
    columns = [batch["input_ids"], batch["state_ids"], batch["labels"], batch["attention_mask"]]
    assert {column.shape for column in columns} == {(len(items), width)}
    assert {column.dtype for column in columns} == {torch.int64}
    for row, encoded in enumerate(items):
        length, rest = len(encoded.input_ids), width - len(encoded.input_ids)
        assert batch["input_ids"][row].tolist() == encoded.input_ids + [PAD] * rest
        assert batch["state_ids"][row].tolist() == encoded.state_ids + [PAD_STATE] * rest
        assert batch["labels"][row].tolist() == encoded.labels + [IGNORED] * rest
        assert batch["attention_mask"][row].tolist() == [1] * length + [0] * rest
