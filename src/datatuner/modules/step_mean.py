"""What both trainings share: gradients of the exact mean over a step's units, and the optimizer with its schedule."""

import pytorch_lightning as pl
import torch
from pytorch_lightning.utilities.types import OptimizerLRSchedulerConfig
from torch import nn
from torch.optim import Optimizer

from datatuner.optim import OptimSettings, build_optimizer, linear_schedule


class StepMeanModule(pl.LightningModule):
    """A LightningModule whose `training_step` returns a sum of losses and adds its number of units to `_learned`.

    Units are target tokens, or pairs.
    """

    optim: OptimSettings
    _learned = 0  # units on this rank since the last optimizer step

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        """Turns gradients of summed losses into those of the mean over all units of this step, on all ranks.

        Lightning divides each loss by `accumulate_grad_batches`, also in a short last window, and DDP averages
        gradients over ranks; both are undone. It runs before clipping.
        """
        learned = self.trainer.strategy.reduce(torch.tensor(self._learned, device=self.device), reduce_op="sum")
        scale = self.trainer.accumulate_grad_batches * self.trainer.world_size / float(learned)
        for parameter in self.parameters():
            if parameter.grad is not None:
                parameter.grad.mul_(scale)
        self._learned = 0

    def optimizers_of(self, model: nn.Module) -> OptimizerLRSchedulerConfig:
        optimizer = build_optimizer(model, self.optim)
        schedule = linear_schedule(
            optimizer,
            warmup_steps=self.optim.warmup_steps,
            total_steps=int(self.trainer.estimated_stepping_batches),
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}
