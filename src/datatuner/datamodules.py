"""Examples -> the batches Lightning trains and validates on."""

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytorch_lightning as pl
from torch.utils.data import DataLoader

from datatuner.beams import BeamSettings
from datatuner.collation import BucketedBatches, Collator, PairCollator
from datatuner.corruptions import Pair
from datatuner.decoding import Prompt
from datatuner.encoding import Encoded, Encoder
from datatuner.example import Example
from datatuner.linearization import TEXT
from datatuner.pair_encoding import EncodedPair, PairEncoder
from datatuner.records import LABELS

_BEAMS = BeamSettings()  # the paper's


@dataclass(frozen=True)
class BleuSample:
    """Validation inputs that are decoded after each epoch: prompts, all their references, and how."""

    settings: BeamSettings
    prompts: list[Prompt]
    references: list[tuple[str, ...]]


class BucketedDataModule(pl.LightningDataModule):
    """Length-bucketed batches of whatever is encoded, and the place in an epoch that a checkpoint keeps.

    Args:
        batch_size, eval_batch_size: sequences per batch on one device.
        workers: processes that prepare batches; 0 for none.
    """

    def __init__(self, *, batch_size: int, eval_batch_size: int, seed: int, workers: int = 0) -> None:
        super().__init__()
        self.batch_size, self.eval_batch_size, self.seed = batch_size, eval_batch_size, seed
        self.workers = workers
        self._start = (0, 0)  # epoch, and batches of it that are done, where training starts

    def state_dict(self) -> dict[str, int]:
        """The place in the epoch, right after a batch: kept in each checkpoint."""
        if self.trainer is None:
            raise RuntimeError("a datamodule that is not in training has no place to save")
        return {"epoch": self.trainer.current_epoch, "batches": self.trainer.fit_loop.batch_idx + 1}

    def load_state_dict(self, state_dict: dict[str, int]) -> None:
        self._start = state_dict["epoch"], state_dict["batches"]

    def batch_of_length(self, share: float) -> Any:
        """A whole training batch at a place in the order of lengths: 0.5 in the middle, 1.0 the longest sequences."""
        loader = self.train_dataloader()
        sampler: BucketedBatches = loader.batch_sampler
        order = np.argsort(sampler.lengths, kind="stable")
        start = round(share * max(0, len(order) - self.batch_size))
        return loader.collate_fn([loader.dataset[int(i)] for i in order[start : start + self.batch_size]])

    def _loader(self, rows: Sequence[Any], lengths: list[int], collate: Any, *, shuffle: bool) -> DataLoader[Any]:
        trainer = self.trainer
        sampler = BucketedBatches(
            lengths,
            self.batch_size if shuffle else self.eval_batch_size,
            shuffle=shuffle,
            seed=self.seed,
            rank=trainer.global_rank if trainer else 0,
            ranks=trainer.world_size if trainer else 1,
            start=self._start if shuffle else (0, 0),
        )
        return DataLoader(
            rows,  # type: ignore[arg-type]
            batch_sampler=sampler,
            collate_fn=collate,
            num_workers=self.workers,
        )


class DataToTextDataModule(BucketedDataModule):
    """One training sequence for each (input, reference) pair, in length-bucketed batches.

    Args:
        batch_size, eval_batch_size, workers: see BucketedDataModule.
        bleu_inputs: how many validation inputs `val/bleu` is computed on, evenly spaced over the split.
        bleu_beams: how they are decoded.

    Raises:
        TargetTooLongError: a reference does not fit the encoder's `max_length`.
    """

    def __init__(
        self,
        train: Sequence[Example],
        validation: Sequence[Example],
        encoder: Encoder,
        *,
        batch_size: int,
        eval_batch_size: int,
        seed: int,
        workers: int = 0,
        bleu_inputs: int = 0,
        bleu_beams: BeamSettings = _BEAMS,
    ) -> None:
        super().__init__(batch_size=batch_size, eval_batch_size=eval_batch_size, seed=seed, workers=workers)
        self.encoder = encoder
        self.train_sequences = encode_pairs(encoder, train)
        self.validation_sequences = encode_pairs(encoder, validation)
        count = min(bleu_inputs, len(validation))
        sample = [validation[i * len(validation) // count] for i in range(count)]
        self.bleu_sample = BleuSample(
            settings=bleu_beams,
            prompts=[Prompt.of(encoder.prompt(example.source)) for example in sample],
            references=[example.references for example in sample],
        )

    def train_dataloader(self) -> DataLoader[Any]:
        return self._batches(self.train_sequences, shuffle=True)

    def val_dataloader(self) -> DataLoader[Any]:
        return self._batches(self.validation_sequences, shuffle=False)

    def _batches(self, sequences: list[Encoded], *, shuffle: bool) -> DataLoader[Any]:
        collate = Collator(pad_id=self.encoder.eos_id, pad_state=self.encoder.tags.id(TEXT))
        return self._loader(sequences, [len(s.input_ids) for s in sequences], collate, shuffle=shuffle)

    def describe_cuts(self) -> dict[str, int]:
        """How many sequences there are, how many lost data tokens to `max_length`, and how many tokens in all."""
        found = {}
        for name, sequences in (("train", self.train_sequences), ("validation", self.validation_sequences)):
            found[f"{name}_sequences"] = len(sequences)
            found[f"{name}_cut_sequences"] = sum(sequence.cut > 0 for sequence in sequences)
            found[f"{name}_cut_tokens"] = sum(sequence.cut for sequence in sequences)
        return found


def encode_pairs(encoder: Encoder, examples: Sequence[Example]) -> list[Encoded]:
    """One sequence per (input, reference), in order."""
    with _collector_paused():
        encoder.warm((e.source for e in examples), (text for e in examples for text in e.references))
        return [
            encoder.example(example.source, reference, f"{example.split} example {example.id}")
            for example in examples
            for reference in example.references
        ]


class FidelityDataModule(BucketedDataModule):
    """Pairs of a source and a text with their labels, in length-bucketed batches.

    Args:
        batch_size, eval_batch_size, workers: see BucketedDataModule.
    """

    def __init__(
        self,
        train: Sequence[Pair],
        validation: Sequence[Pair],
        encoder: PairEncoder,
        *,
        batch_size: int,
        eval_batch_size: int,
        seed: int,
        workers: int = 0,
    ) -> None:
        super().__init__(batch_size=batch_size, eval_batch_size=eval_batch_size, seed=seed, workers=workers)
        self.encoder = encoder
        self.train_pairs = encode_labelled(encoder, train)
        self.validation_pairs = encode_labelled(encoder, validation)

    def train_dataloader(self) -> DataLoader[Any]:
        return self._batches(self.train_pairs, shuffle=True)

    def val_dataloader(self) -> DataLoader[Any]:
        return self._batches(self.validation_pairs, shuffle=False)

    def _batches(self, pairs: list[tuple[EncodedPair, int]], *, shuffle: bool) -> DataLoader[Any]:
        lengths = [len(pair.input_ids) for pair, _ in pairs]
        return self._loader(pairs, lengths, PairCollator(self.encoder.pad_id), shuffle=shuffle)

    def describe_cuts(self) -> dict[str, int]:
        """How many pairs there are, and how many of them lost tokens of the data, and of the text, to the length."""
        found = {}
        for name, pairs in (("train", self.train_pairs), ("validation", self.validation_pairs)):
            found[f"{name}_pairs"] = len(pairs)
            found[f"{name}_cut_data"] = sum(pair.cut_data > 0 for pair, _ in pairs)
            found[f"{name}_cut_text"] = sum(pair.cut_text > 0 for pair, _ in pairs)
        return found


def encode_labelled(encoder: PairEncoder, pairs: Sequence[Pair]) -> list[tuple[EncodedPair, int]]:
    """(encoded pair, its label's number in `LABELS`) of each pair, in order."""
    with _collector_paused():
        encoder.warm((pair.source, pair.text) for pair in pairs)
        return [(encoder.pair(pair.source, pair.text), LABELS.index(pair.label)) for pair in pairs]


@contextmanager
def _collector_paused() -> Iterator[None]:
    """For code that makes hundreds of thousands of lists and no cycle: walking them all took a quarter of its time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
