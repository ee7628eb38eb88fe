"""The train stage: corpus splits and a plan in, the best checkpoint out. A classifier's training shares what it can."""

import json
import logging
import math
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from lightning_fabric.plugins.environments import LightningEnvironment  # type: ignore[attr-defined]
from pytorch_lightning.callbacks import Callback, EarlyStopping, ModelCheckpoint, RichProgressBar
from pytorch_lightning.loggers import CSVLogger
from pytorch_lightning.plugins.io import TorchCheckpointIO
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from datatuner.backbones import build_generator, context_length, first_tag_id, load_backbone, suppressed_ids
from datatuner.beams import BeamSettings
from datatuner.checkpoints import build_encoder, ensure_room, save_encoding
from datatuner.datamodules import DataToTextDataModule
from datatuner.encoding import Encoder, TagVocabulary, training_texts
from datatuner.errors import ConfigError
from datatuner.example import Example
from datatuner.lineage import note_checksums, noted_checksums
from datatuner.linearization import TEXT, tags_of
from datatuner.lora import LoraSettings, add_lora
from datatuner.models.generator import Generator
from datatuner.modules.generator_module import GeneratorModule
from datatuner.preflight import Preflight
from datatuner.resuming import ResumePoint, read_last
from datatuner.stages import BEST, LAST
from datatuner.weights import BackboneSpec, ensure_checksum, sha256

log = logging.getLogger(__name__)
logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)  # no advice on packages to install; set at its import


class CheckpointInPlace(TorchCheckpointIO):
    """Lightning writes a checkpoint to the system's temporary folder first, and moves it.

    From another file system that is a copy, which a full disk leaves half-written under the final name; from the
    checkpoint's own folder it is a renaming. Its checksum is noted beside it, and for the moment of the renaming that
    of the one before too: a process that is killed then leaves a checkpoint that counts as whole.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any | None = None) -> None:
        path = Path(path)
        written = path.with_name(f".{path.name}.new")
        before, tempfile.tempdir = tempfile.tempdir, str(path.parent)
        try:
            super().save_checkpoint(checkpoint, written, storage_options)
        finally:
            tempfile.tempdir = before
        checksum = sha256([written])
        note_checksums(path, [checksum, *noted_checksums(path)])
        os.replace(written, path)  # noqa: PTH105 - as in `writing`
        note_checksums(path, [checksum])


class OwnSignals(Callback):
    """SIGTERM ends a training as it ended this process before.

    Lightning puts a handler of its own in place, by which a training ends early as if it had ended well; one that came
    between that and the training's start is heeded then.
    """

    def __init__(self) -> None:
        self._before = signal.getsignal(signal.SIGTERM)

    def on_train_start(self, trainer: pl.Trainer, *_: Any) -> None:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, self._before)
            if trainer.received_sigterm:
                signal.raise_signal(signal.SIGTERM)


class ValidateAtLastStep(Callback):
    """Without it, a training that `max_steps` ends inside an epoch is never validated and saves nothing."""

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        if trainer.global_step == trainer.max_steps:
            trainer.should_stop = True


class EpochLines(Callback):
    """One line for each epoch in log.txt, and on the screen where no progress bar is; and whether it ended early."""

    def on_validation_end(self, trainer: pl.Trainer, *_: Any) -> None:
        if not trainer.is_global_zero:
            return
        scores = ", ".join(f"{name} {float(value):.4g}" for name, value in trainer.callback_metrics.items())
        level = logging.DEBUG if sys.stderr.isatty() else logging.INFO
        log.log(level, "epoch %d, step %d: %s", trainer.current_epoch + 1, trainer.global_step, scores)

    def on_train_end(self, trainer: pl.Trainer, *_: Any) -> None:
        stopping = trainer.early_stopping_callback
        if stopping and stopping.wait_count >= stopping.patience:
            log.info("stopped early: %s was no better for %d epochs", stopping.monitor, stopping.patience)


class Bar(RichProgressBar):
    """Lightning's own counts batches as steps, and shows "Epoch 0/-2" where `max_steps` ends a training."""

    @property
    def total_train_batches(self) -> int | float:
        trainer = self.trainer
        if trainer.max_steps < 0:
            return trainer.num_training_batches
        left = (trainer.max_steps - trainer.global_step) * trainer.accumulate_grad_batches
        return min(trainer.num_training_batches, left)

    def _get_train_description(self, current_epoch: int) -> str:
        epochs = self.trainer.max_epochs or -1
        of = f"/{epochs}" if epochs > 0 else ""
        return f"Epoch {current_epoch + 1}{of}".ljust(len(self.validation_description))


def train_generator(
    plan: Mapping[str, Any], train: Sequence[Example], validation: Sequence[Example], folder: Path
) -> dict[str, Any]:
    """Trains, or goes on where a killed process stopped, and returns what done.json records.

    Raises:
        CheckpointError: `last.ckpt` in `folder` is of another training.
        ChangedError: it is damaged, or the weights to start from are no longer those that were planned.
        BackboneError: the weights cannot be loaded, or cannot work as a generator.
        TargetTooLongError: a reference does not fit the context.
        FloatingPointError: no epoch had a finite validation loss.
    """
    config, settings = plan["config"], plan["settings"]
    last = read_last(folder, plan)
    pl.seed_everything(config["seed"], workers=True, verbose=False)
    spec = BackboneSpec(**config["generator"]["backbone"])
    planned = plan["inputs"].get("weights")
    ensure_checksum(spec, planned)
    model, tokenizer = load_backbone(spec, training_texts(train))
    ensure_checksum(spec, planned)
    state_table = None if config["states"] == "none" else config["generator"]["state_table"]
    tags = TagVocabulary.build(tags_of([e.source for e in train]), first_tag_id(model, tokenizer))
    generator = build_generator(model, tokenizer, tags, state_table)
    if lora := config["generator"].get("lora"):
        add_lora(generator, LoraSettings(**lora), range(tags.first_id, tags.first_id + len(tags)))
    if settings.get("decodes"):  # what a run will ask of it, found now and not after the training
        ensure_room(generator, settings["decodes"])
    if settings["gradient_checkpointing"]:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    data = build_data(config, settings, train, validation, generator, tokenizer, tags)
    cuts = data.describe_cuts()
    log.info("sequences: %s; tags: %d", cuts, len(tags))
    rows = data.encoder.describe(data.train_sequences[0])
    log.debug("token, state, learned:\n%s", "\n".join("\t".join(row) for row in rows))
    module = build_module(generator, model, tokenizer, data.encoder, config["generator"]["optim"])
    sizes = generator.sizes()
    log.info("{parameters:,} weights, {trainable:,} of them trained".format(**sizes))
    trainer, best, resumed = fit(plan, folder, module, data, last)
    if trainer.is_global_zero:
        save_encoding(folder, data.encoder, tokenizer)
    trainer.strategy.barrier()  # no rank is done before these files are whole
    return {
        "best": {"val/loss": best},
        "steps": trainer.global_step,
        "epochs": trainer.current_epoch,
        "resumed": resumed,
        **sizes,
        "norms": generator.norms(),
        **cuts,
    }


def fit(
    plan: Mapping[str, Any],
    folder: Path,
    module: pl.LightningModule,
    data: pl.LightningDataModule,
    last: Mapping[str, Any] | None,
    **watched: str,
) -> tuple[pl.Trainer, float, list[dict[str, float]]]:
    """Trains from the start, or from `last`; returns the trainer, the best score, and the shares of earlier processes.

    Args:
        last: what `read_last` found.
        watched: see `build_trainer`.

    Raises:
        FloatingPointError: no epoch had a finite score.
    """
    settings = plan["settings"]
    resume = ResumePoint(folder, plan, settings["save_every"], last)
    trainer, best = build_trainer(plan["config"], settings, folder, [resume], **watched)
    if last:
        log.info("continues after step %d", last["global_step"])
    trainer.fit(module, datamodule=data, ckpt_path=folder / LAST if last else None, weights_only=True)
    score = float("nan") if best.best_model_score is None else float(best.best_model_score)
    if not math.isfinite(score):
        raise FloatingPointError(f"no epoch with a finite {best.monitor}")
    return trainer, score, resume.resumed


def build_data(
    config: Mapping[str, Any],
    settings: Mapping[str, Any],
    train: Sequence[Example],
    validation: Sequence[Example],
    generator: Generator,
    tokenizer: PreTrainedTokenizerBase,
    tags: TagVocabulary,
) -> DataToTextDataModule:
    """Encodes both splits; `val/bleu` is decoded in the paper's way, in at most half of a short backbone's context."""
    longest = BeamSettings().max_new_tokens
    positions = context_length(generator.backbone) or 2 * longest
    beams = BeamSettings(max_new_tokens=min(longest, positions // 2))
    max_length, states = config["corpus"]["max_length"], config["states"]
    encoder = build_encoder(tokenizer, tags, states, max_length, generator, max_new_tokens=beams.max_new_tokens)
    return DataToTextDataModule(
        train,
        validation,
        encoder,
        batch_size=config["corpus"]["batch_size"],
        eval_batch_size=settings["eval_batch_size"],
        seed=config["seed"],
        workers=settings["workers"],
        bleu_inputs=settings["val_bleu_inputs"],
        bleu_beams=beams,
    )


def build_module(
    generator: Generator,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    encoder: Encoder,
    optim: Mapping[str, Any],
) -> GeneratorModule:
    """The LightningModule around a fresh generator, with hyperparameters of plain types only."""
    return GeneratorModule(
        architecture=json.loads(model.config.to_json_string(use_diff=False)),
        state_table=generator.state_table,
        first_tag_id=encoder.tags.first_id,
        tag_count=len(encoder.tags),
        text_state_id=encoder.tags.id(TEXT),
        eos_id=encoder.eos_id,
        suppressed=suppressed_ids(model, tokenizer),
        optim=dict(optim),
        generator=generator,
    )


def build_trainer(
    config: Mapping[str, Any],
    settings: Mapping[str, Any],
    folder: Path,
    callbacks: Sequence[Callback] = (),
    *,
    part: str = "generator",
    monitor: str = "val/loss",
    mode: str = "min",
) -> tuple[pl.Trainer, ModelCheckpoint]:
    """A Trainer that keeps the epoch with the best `monitor` as `best.ckpt` in `folder`; of equal ones, the first.

    Args:
        part: whose epochs and patience `config` is asked for: `generator` or `classifier`.
        mode: `min` or `max`, what is best.

    Raises:
        ConfigError: the accelerator cannot train in the precision that was asked for.
    """
    chosen = config["trainer"]
    best = ModelCheckpoint(
        dirpath=folder,
        filename=BEST.removesuffix(".ckpt"),
        monitor=monitor,
        mode=mode,
        save_weights_only=True,
        enable_version_counter=False,
    )
    stopping = EarlyStopping(monitor=monitor, mode=mode, patience=config[part]["patience"])
    trainer = pl.Trainer(
        accelerator=settings["accelerator"],
        devices=chosen["devices"],
        num_nodes=chosen.get("num_nodes", 1),
        precision=chosen["precision"],
        max_epochs=config[part]["max_epochs"],
        max_steps=chosen["max_steps"] or -1,
        accumulate_grad_batches=chosen["accumulate"],
        gradient_clip_val=chosen["clip"] or None,
        callbacks=[OwnSignals(), best, stopping, ValidateAtLastStep(), EpochLines(), Bar(), Preflight(), *callbacks],
        plugins=[CheckpointInPlace(), LightningEnvironment()],  # ranks have been started: see ranks.py
        logger=CSVLogger(folder, name="", version=""),
        log_every_n_steps=settings["log_every"],
        num_sanity_val_steps=0,
        use_distributed_sampler=False,  # the batch sampler shards itself
        enable_model_summary=False,
    )
    if trainer.precision != chosen["precision"]:  # Lightning puts another one in its place
        raise ConfigError(
            f"trainer.precision={chosen['precision']} does not work here: pass 32-true or {trainer.precision}."
        )
    return trainer, best
