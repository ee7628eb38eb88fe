"""What both trainings share: gradients of the exact mean over a step's units, and the optimizer with its schedule."""

import pytorch_lightning as pl
import torch
from pytorch_lightning.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor, nn
from torch.optim import Optimizer

from datatuner.optim import OptimSettings, build_optimizer, linear_schedule


class StepMeanModule(pl.LightningModule):
    """A LightningModule that is trained on the mean of `loss_of` over its units: target tokens, or pairs."""

    optim: OptimSettings
    _learned = 0  # units on this rank since the last optimizer step
    _loss: float | Tensor = 0.0  # of them, summed

    def loss_of(self, batch: dict[str, Tensor]) -> tuple[Tensor, int]:
        """A training batch's loss, summed over its units, and how many they are."""
        raise NotImplementedError

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        loss, units = self.loss_of(batch)
        self._learned += units
        self._loss = self._loss + loss.detach()
        return loss

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        """Turns gradients of summed losses into those of the mean over all units of this step, on all ranks.

        Lightning divides each loss by `accumulate_grad_batches`, also in a short last window, and DDP averages
        gradients over ranks; both are undone. It runs before clipping. The mean itself is logged as `train/loss`.
        """
        mine = torch.tensor([float(self._loss), self._learned], dtype=torch.float32, device=self.device)
        loss, learned = self.trainer.strategy.reduce(mine, reduce_op="sum")
        self.log("train/loss", loss / learned, prog_bar=True)
        scale = self.trainer.accumulate_grad_batches * self.trainer.world_size / float(learned)
        for parameter in self.parameters():
            if parameter.grad is not None:
                parameter.grad.mul_(scale)
        self._learned, self._loss = 0, 0.0

    def optimizers_of(self, model: nn.Module) -> OptimizerLRSchedulerConfig:
        optimizer = build_optimizer(model, self.optim)
        schedule = linear_schedule(
            optimizer,
            warmup_steps=self.optim.warmup_steps,
            total_steps=int(self.trainer.estimated_stepping_batches),
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}
