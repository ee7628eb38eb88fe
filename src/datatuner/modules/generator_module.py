"""Training of a Generator: the loss exactly averaged over target tokens, and `val/bleu` by decoding."""

from typing import Any

from pytorch_lightning.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor

from datatuner.backbones import build_model
from datatuner.datamodules import DataToTextDataModule
from datatuner.decoding import beam_search
from datatuner.in_loop import CorpusBleu, TokenWeightedLoss
from datatuner.lora import has_lora, merged_state_dict
from datatuner.losses import target_loss
from datatuner.models.generator import Generator
from datatuner.modules.step_mean import StepMeanModule
from datatuner.optim import OptimSettings


class GeneratorModule(StepMeanModule):
    """Owns loss and optimizer of a Generator. Hyperparameters are plain types, so a checkpoint loads without pickle.

    Args:
        architecture: the backbone's config as a dictionary, tag rows included in `vocab_size`.
        suppressed: token ids that are never generated.
        generator: the model to train; left out (as `load_from_checkpoint` does), one is built from `architecture`.
    """

    def __init__(
        self,
        *,
        architecture: dict[str, Any],
        state_table: str | None,
        first_tag_id: int,
        tag_count: int,
        text_state_id: int,
        eos_id: int,
        suppressed: list[int],
        optim: dict[str, Any],
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        self.save_hyperparameters(ignore=["generator"])
        self.generator = generator or Generator(
            build_model(architecture), state_table=state_table, first_tag_id=first_tag_id, tag_count=tag_count
        )
        self.optim = OptimSettings(**optim)
        self.loss = TokenWeightedLoss()
        self.bleu = CorpusBleu()

    def loss_of(self, batch: dict[str, Tensor]) -> tuple[Tensor, int]:
        loss, tokens = target_loss(self.generator, batch)
        return loss, int(tokens)

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        loss, tokens = target_loss(self.generator, batch)
        self.loss.update(loss, tokens)

    def on_validation_epoch_end(self) -> None:
        loss = self.loss.compute()
        self.log("val/loss", loss, prog_bar=True)
        self.loss.reset()
        if loss.isfinite():  # else early stopping ends the training, with the best checkpoint so far
            self._log_bleu()

    def _log_bleu(self) -> None:
        """`val/bleu`: BLEU of the first complete hypotheses (beam 5) over the sample, each input on one rank."""
        data: DataToTextDataModule = self.trainer.datamodule  # type: ignore[attr-defined]
        share = slice(self.global_rank, None, self.trainer.world_size)
        sample = data.bleu_sample
        if sample.prompts:
            prompts = sample.prompts[share]
            result = beam_search(self.generator, prompts, sample.settings, batch_size=32, **self.special_ids())
            best = [beams[0] for beams in result.beams]  # a complete one, where there is one
            self.bleu.update([data.encoder.text(beam.token_ids) for beam in best], sample.references[share])
            self.log("val/bleu", self.bleu.compute(), prog_bar=True)
            self.bleu.reset()

    def special_ids(self) -> dict[str, Any]:
        """What decoding must know of the vocabulary, by `beam_search`'s names."""
        names = {"eos_id": "eos_id", "text_state_id": "text_state_id", "suppressed_ids": "suppressed"}
        return {argument: self.hparams[name] for argument, name in names.items()}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Weights alone are what is decoded from: adapters are merged. A training goes on with them apart."""
        if "optimizer_states" not in checkpoint and has_lora(self.generator):
            merged = merged_state_dict(self.generator)
            checkpoint["state_dict"] = {f"generator.{name}": tensor for name, tensor in merged.items()}

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        return self.optimizers_of(self.generator)
