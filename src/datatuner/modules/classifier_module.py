"""Training of a Classifier: cross-entropy over pairs, and macro-F1 over its labels."""

from typing import Any

import torch
from pytorch_lightning.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor
from torch.nn import functional

from datatuner.classifier_backbones import rebuild_classifier
from datatuner.in_loop import Confusion, TokenWeightedLoss
from datatuner.metrics.classification import label_scores, macro_f1
from datatuner.models.classifier import Classifier
from datatuner.modules.step_mean import StepMeanModule
from datatuner.optim import OptimSettings


class ClassifierModule(StepMeanModule):
    """Owns loss and optimizer of a Classifier. Hyperparameters are plain types, so a checkpoint loads without pickle.

    Args:
        architecture: the encoder's config as a dictionary, tag rows and segments included.
        labels: their names, in the order of the logits.
        classifier: the model to train; left out (as `load_from_checkpoint` does), one is built from `architecture`.
    """

    def __init__(
        self,
        *,
        architecture: dict[str, Any],
        labels: list[str],
        optim: dict[str, Any],
        classifier: Classifier | None = None,
    ) -> None:
        super().__init__()
        self.save_hyperparameters(ignore=["classifier"])
        self.classifier = classifier or rebuild_classifier(architecture, labels=len(labels))
        self.labels = labels
        self.optim = OptimSettings(**optim)
        self.loss = TokenWeightedLoss()
        self.confusion = Confusion(len(labels))

    def _logits(self, batch: dict[str, Tensor]) -> Tensor:
        logits: Tensor = self.classifier(batch["input_ids"], batch["segment_ids"], batch["attention_mask"])
        return logits.float()

    def loss_of(self, batch: dict[str, Tensor]) -> tuple[Tensor, int]:
        labels = batch["labels"]
        return functional.cross_entropy(self._logits(batch), labels, reduction="sum"), len(labels)

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        labels, logits = batch["labels"], self._logits(batch)
        self.loss.update(functional.cross_entropy(logits, labels, reduction="sum"), len(labels))
        self.confusion.update(logits.argmax(dim=-1), labels)

    def on_validation_epoch_end(self) -> None:
        """Logs `val/loss`, `val/macro_f1`, which chooses the epoch, and `val/f1_LABEL`."""
        loss, confusion = self.loss.compute(), self.confusion.compute().cpu().numpy()
        score = macro_f1(confusion) if loss.isfinite() else float("nan")  # which ends the training
        self.log("val/loss", loss, prog_bar=True)
        self.log("val/macro_f1", torch.tensor(score), prog_bar=True)
        for label, scores in label_scores(confusion, self.labels).items():
            self.log(f"val/f1_{label}", torch.tensor(scores["f1"]))
        self.loss.reset()
        self.confusion.reset()

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        return self.optimizers_of(self.classifier)
