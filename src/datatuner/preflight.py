"""Before a training: what it will be, said in two lines, and whether its longest batch fits, tried."""

import logging
import time
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback

from datatuner.datamodules import BucketedDataModule
from datatuner.modules.step_mean import StepMeanModule
from datatuner.resuming import random_states, restore_random_states

log = logging.getLogger(__name__)


class Preflight(Callback):
    """Tries the longest batch, forward and backward, and times one of middling length; no weight or random state moves.

    Raises:
        torch.OutOfMemoryError: the longest batch does not fit, now and not hours later.
    """

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        data = trainer.datamodule  # type: ignore[attr-defined]
        if not isinstance(data, BucketedDataModule) or not isinstance(pl_module, StepMeanModule):
            raise TypeError("Preflight is for this project's own modules")
        log.info(describe(trainer, data.batch_size))
        before = random_states()
        self._try(trainer, pl_module, data.batch_of_length(1.0))
        seconds = self._try(trainer, pl_module, data.batch_of_length(0.5))
        restore_random_states(before)
        left = trainer.estimated_stepping_batches - trainer.global_step
        log.info(
            "the longest batch fits; %.2g s for one of middling length: about %s for the steps, without validation",
            *(seconds, duration(seconds * left * trainer.accumulate_grad_batches)),
        )

    def _try(self, trainer: pl.Trainer, module: StepMeanModule, batch: Any) -> float:
        """Seconds of a forward and a backward pass. DDP's own hooks wait for its forward, so no rank waits here."""
        batch = trainer.strategy.batch_to_device(batch)
        # The optimizer's two moments come with its first step: without room for them the step would fail then.
        moments = [torch.empty_like(weight) for weight in module.parameters() if weight.requires_grad for _ in range(2)]
        start = time.perf_counter()
        with trainer.precision_plugin.train_step_context():
            loss, _ = module.loss_of(batch)
        torch.autograd.backward(loss)
        del moments
        if module.device.type == "cuda":
            torch.cuda.synchronize(module.device)
        seconds = time.perf_counter() - start
        module.zero_grad(set_to_none=True)
        return seconds


def describe(trainer: pl.Trainer, batch_size: int) -> str:
    """Devices, precision, ranks, batch and steps, in one line."""
    device = trainer.strategy.root_device
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    ranks, accumulate = trainer.world_size, trainer.accumulate_grad_batches
    factors = [f"{batch_size} a device", f"{ranks} devices", f"{accumulate} accumulated"]
    shown = [factor for factor, count in zip(factors, (2, ranks, accumulate), strict=True) if count > 1]
    steps = int(trainer.estimated_stepping_batches)
    epochs = steps * accumulate / trainer.num_training_batches
    return (
        f"{ranks} x {name}, precision {trainer.precision}, {torch.get_num_threads()} CPU thread(s) each; global batch "
        f"{batch_size * ranks * accumulate} ({' x '.join(shown)}); {steps:,} steps at most, {epochs:.3g} epochs"
    )


def duration(seconds: float) -> str:
    """`3 h 20 min`, `12 min` or `40 s`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
