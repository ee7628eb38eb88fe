"""A training that was killed goes on exactly where its last checkpoint stands.

`last.ckpt` holds weights, optimizer, schedule and counters (Lightning's), the sampler's place in its epoch (see
DataToTextDataModule), and what else the next step depends on: the random states of every rank.
"""

import csv
import random
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.loggers import CSVLogger

from datatuner.errors import CheckpointError
from datatuner.lineage import ensure_saved
from datatuner.stages import BEST, LAST, METRICS_BEFORE, METRICS_CSV, VERSIONS


class ResumePoint(Callback):
    """Saves `last.ckpt` every `every` optimizer steps, and continues from `resumed_from`.

    It saves right after an optimizer step and never at an epoch's last batch (then after the next epoch's first step),
    so that no gradient is half accumulated and no validation half done. Where an epoch is one step, nothing is saved.

    Args:
        plan: stage.json's content; the parts that the weights depend on are kept beside them.
        resumed_from: the content of the `last.ckpt` that `Trainer.fit` is given, see `read_last`.
    """

    def __init__(
        self, folder: Path, plan: Mapping[str, Any], every: int, resumed_from: Mapping[str, Any] | None
    ) -> None:
        self.folder, self.every = folder, every
        self._set_aside = folder / METRICS_BEFORE  # a new CSVLogger deletes metrics.csv
        self.identity = identity(plan)
        self.resumed: list[dict[str, float]] = []  # for each earlier process: its last saved step, and seconds until it
        self._before = 0.0
        self._start = time.monotonic()
        self._saved = 0
        self._rows: list[dict[str, str]] = []
        self._random: list[dict[str, Any]] = []
        if resumed_from is not None:
            kept = resumed_from["callbacks"][self.state_key]
            self._saved, self._before, self._random = kept["step"], kept["seconds"], kept["random"]
            self.resumed = [*kept["resumed"], {"step": self._saved, "seconds": round(self._before, 1)}]
            if not self._set_aside.exists():  # else the process before this one was killed while it started
                with suppress(FileNotFoundError):  # another rank was first
                    (folder / METRICS_CSV).rename(self._set_aside)
            self._rows = list(_rows_until(self._set_aside, self._saved))

    def state_dict(self) -> dict[str, Any]:
        """Collective under DDP: each rank's random states are gathered."""
        return {
            "identity": self.identity,
            "step": self._saved,
            "seconds": self._before + time.monotonic() - self._start,
            "resumed": self.resumed,
            "random": _of_all_ranks(random_states()),
        }

    def on_train_start(self, trainer: pl.Trainer, *_: Any) -> None:
        """Runs after the loaders' iterators were made, which draw random numbers that the first process drew too."""
        if self._random:
            restore_random_states(self._random[trainer.global_rank])
        if isinstance(trainer.logger, CSVLogger) and trainer.is_global_zero:
            trainer.logger.experiment.metrics[:0] = self._rows
            trainer.logger.save()
            self._set_aside.unlink(missing_ok=True)

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        batches, step = trainer.fit_loop.batch_idx + 1, trainer.global_step
        stepped = batches % trainer.accumulate_grad_batches == 0 and batches != trainer.num_training_batches
        if step - self._saved >= self.every and stepped and not trainer.should_stop:
            self._saved = step
            trainer.save_checkpoint(self.folder / LAST)


def identity(plan: Mapping[str, Any]) -> dict[str, Any]:
    """What a checkpoint must share with a training that continues it."""
    return {"version": VERSIONS[plan["kind"]], "config": dict(plan["config"]), "inputs": dict(plan["inputs"])}


def read_last(folder: Path, plan: Mapping[str, Any]) -> dict[str, Any] | None:
    """The content of `last.ckpt`; None where there is none.

    Raises:
        ChangedError: it, or the best checkpoint beside it, is not the file that was saved.
        CheckpointError: it is of another training; the message names the differences. Or it is no checkpoint.
    """
    path = folder / LAST
    way_out = f"Remove {path} to train from the start."
    if not path.is_file():
        return None
    ensure_saved(path, way_out)
    if (folder / BEST).is_file():
        ensure_saved(folder / BEST, way_out)
    try:
        content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        kept = content["callbacks"]["ResumePoint"]["identity"]
    except Exception as error:  # torch, pickle and zip each have their own for a damaged file
        raise CheckpointError(f"{path}: not a checkpoint that a training can go on from. {way_out}") from error
    if found := list(_differences(kept, identity(plan))):
        raise CheckpointError(f"{path} is of another training ({'; '.join(found)}). {way_out}")
    return content


def _differences(kept: Any, wanted: Any, key: str = "") -> Iterator[str]:
    if isinstance(kept, Mapping) and isinstance(wanted, Mapping):
        for name in sorted({*kept, *wanted}):
            yield from _differences(kept.get(name), wanted.get(name), f"{key}.{name}" if key else name)
    elif kept != wanted:
        yield f"{key} is {kept} there, {wanted} here"


def _rows_until(path: Path, step: int) -> Iterator[dict[str, str]]:
    """metrics.csv's rows of the steps that are not done again (counted from 0)."""
    if path.is_file():
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                if (row.get("step") or "").isdecimal() and int(row["step"]) < step:
                    yield {key: value for key, value in row.items() if value}


def random_states() -> dict[str, Any]:
    """The states of this process's generators, of plain types and tensors: they load without pickle."""
    _, keys, *rest = np.random.get_state(legacy=True)
    return {
        "python": random.getstate(),
        "numpy": (torch.from_numpy(np.asarray(keys, dtype=np.int64)), *rest),
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state() if torch.cuda.is_available() else None,
    }


def restore_random_states(states: Mapping[str, Any]) -> None:
    keys, *rest = states["numpy"]
    random.setstate(states["python"])
    np.random.set_state(("MT19937", keys.numpy().astype(np.uint32), *rest))
    torch.set_rng_state(states["torch"])
    if states["cuda"] is not None and torch.cuda.is_available():
        torch.cuda.set_rng_state(states["cuda"])


def _of_all_ranks(mine: dict[str, Any]) -> list[dict[str, Any]]:
    if not torch.distributed.is_initialized():
        return [mine]
    found: list[Any] = [None] * torch.distributed.get_world_size()
    torch.distributed.all_gather_object(found, mine)
    return found
