"""Examples -> the batches Lightning trains and validates on."""

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytorch_lightning as pl
from torch.utils.data import DataLoader

from datatuner.beams import BeamSettings
from datatuner.collation import BucketedBatches, Collator
from datatuner.decoding import Prompt
from datatuner.encoding import Encoded, Encoder
from datatuner.example import Example
from datatuner.linearization import TEXT

_BEAMS = BeamSettings()  # the paper's


@dataclass(frozen=True)
class BleuSample:
    """Validation inputs that are decoded after each epoch: prompts, all their references, and how."""

    settings: BeamSettings
    prompts: list[Prompt]
    references: list[tuple[str, ...]]


class DataToTextDataModule(pl.LightningDataModule):
    """One training sequence for each (input, reference) pair, in length-bucketed batches.

    Args:
        batch_size, eval_batch_size: sequences per batch on one device.
        workers: processes that prepare batches; 0 for none.
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
        super().__init__()
        self.encoder = encoder
        self.batch_size, self.eval_batch_size, self.seed = batch_size, eval_batch_size, seed
        self.workers = workers
        self._start = (0, 0)  # epoch, and batches of it that are done, where training starts
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
        return self._loader(self.train_sequences, self.batch_size, shuffle=True)

    def val_dataloader(self) -> DataLoader[Any]:
        return self._loader(self.validation_sequences, self.eval_batch_size, shuffle=False)

    def state_dict(self) -> dict[str, int]:
        """The place in the epoch, right after a batch: kept in each checkpoint."""
        if self.trainer is None:
            raise RuntimeError("a datamodule that is not in training has no place to save")
        return {"epoch": self.trainer.current_epoch, "batches": self.trainer.fit_loop.batch_idx + 1}

    def load_state_dict(self, state_dict: dict[str, int]) -> None:
        self._start = state_dict["epoch"], state_dict["batches"]

    def _loader(self, sequences: list[Encoded], batch_size: int, *, shuffle: bool) -> DataLoader[Any]:
        trainer = self.trainer
        sampler = BucketedBatches(
            [len(sequence.input_ids) for sequence in sequences],
            batch_size,
            shuffle=shuffle,
            seed=self.seed,
            rank=trainer.global_rank if trainer else 0,
            ranks=trainer.world_size if trainer else 1,
            start=self._start if shuffle else (0, 0),
        )
        collate = Collator(pad_id=self.encoder.eos_id, pad_state=self.encoder.tags.id(TEXT))
        return DataLoader(
            sequences,  # type: ignore[arg-type]
            batch_sampler=sampler,
            collate_fn=collate,
            num_workers=self.workers,
        )

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
