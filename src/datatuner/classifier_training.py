"""The classifier stage: pairs and a plan in; the best checkpoint, its scores and its temperature out."""

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from transformers import PreTrainedTokenizerBase

from datatuner.backbones import first_tag_id
from datatuner.checkpoints import CLASSIFIER, load_weights, save_classifier
from datatuner.classifier_backbones import build_classifier, load_encoder, pair_positions
from datatuner.corruptions import Pair
from datatuner.datamodules import FidelityDataModule
from datatuner.encoding import TagVocabulary, training_texts
from datatuner.example import Example
from datatuner.fidelity import logits
from datatuner.lineage import ensure_saved
from datatuner.linearization import tags_of
from datatuner.metrics.classification import (
    calibration,
    confusion_matrix,
    event_calibration_error,
    fit_temperature,
    held_out,
    label_scores,
    macro_f1,
    softmax,
)
from datatuner.models.classifier import Classifier
from datatuner.modules.classifier_module import ClassifierModule
from datatuner.pair_encoding import PairEncoder
from datatuner.records import LABELS
from datatuner.resuming import read_last
from datatuner.stages import BEST
from datatuner.training import fit
from datatuner.weights import BackboneSpec, ensure_checksum

log = logging.getLogger(__name__)


def train_classifier(
    plan: Mapping[str, Any],
    examples: Sequence[Example],
    train: Sequence[Pair],
    validation: Sequence[Pair],
    folder: Path,
) -> dict[str, Any]:
    """Trains, or goes on where a killed process stopped, and returns what done.json records.

    Args:
        examples: the training split: tags, and a `scratch` encoder's tokenizer, come from it.
        validation: pairs by every operation; those of a left-out one choose neither epoch nor temperature.

    Raises:
        CheckpointError: `last.ckpt` in `folder` is of another training.
        ChangedError: it is damaged, or the weights to start from are no longer those that were planned.
        BackboneError: the weights cannot be loaded, or cannot work as a classifier.
        FloatingPointError: no epoch had a finite validation loss.
    """
    config = plan["config"]
    last = read_last(folder, plan)
    pl.seed_everything(config["seed"], workers=True, verbose=False)
    spec = BackboneSpec(**config["classifier"]["encoder"], key="classifier.encoder")
    planned = plan["inputs"].get("weights")
    ensure_checksum(spec, planned)
    model, tokenizer = load_encoder(spec, training_texts(examples))
    ensure_checksum(spec, planned)
    tags = TagVocabulary.build(tags_of([e.source for e in examples]), first_tag_id(model, tokenizer))
    classifier = build_classifier(model, tokenizer, tags, labels=len(LABELS))
    encoder = build_pair_encoder(config["classifier"]["max_length"], classifier, tokenizer, tags)
    data = build_data(plan, encoder, train, validation)
    cuts = data.describe_cuts()
    log.info("pairs: %s; tags: %d", cuts, len(tags))
    log.debug("token, segment:\n%s", "\n".join(f"{t}\t{s}" for t, s in encoder.describe(data.train_pairs[0][0])))
    module = build_module(classifier, config["classifier"]["optim"])
    parameters = sum(p.numel() for p in classifier.parameters())
    log.info("%s weights", f"{parameters:,}")
    trainer, best, resumed = fit(
        plan, folder, module, data, last, part="classifier", monitor="val/macro_f1", mode="max"
    )
    if trainer.is_global_zero:
        ensure_saved(folder / BEST, f"Remove {folder}, and train again.")
        load_weights(classifier, torch.load(folder / BEST, map_location="cpu", weights_only=True))
        classifier.to("cuda" if plan["settings"]["accelerator"] == "gpu" else "cpu")  # Lightning has moved it away
        finish(plan, folder, classifier, encoder, validation)
    trainer.strategy.barrier()  # no rank is done before these files are whole
    return {
        "best": {"val/macro_f1": best},
        "steps": trainer.global_step,
        "epochs": trainer.current_epoch,
        "resumed": resumed,
        "parameters": parameters,
        **cuts,
        "scores": json.loads((folder / CLASSIFIER).read_text(encoding="utf-8"))["scores"],
    }


def build_data(
    plan: Mapping[str, Any], encoder: PairEncoder, train: Sequence[Pair], validation: Sequence[Pair]
) -> FidelityDataModule:
    """Encodes both splits, of validation only what the classifier is trained on."""
    config, settings = plan["config"], plan["settings"]
    leave_out = config["corruptions"].get("leave_out")
    return FidelityDataModule(
        train,
        [pair for pair in validation if pair.operation != leave_out],
        encoder,
        batch_size=config["classifier"]["batch_size"],
        eval_batch_size=settings["eval_batch_size"],
        seed=config["seed"],
        workers=settings["workers"],
    )


def finish(
    plan: Mapping[str, Any], folder: Path, classifier: Classifier, encoder: PairEncoder, validation: Sequence[Pair]
) -> None:
    """Scores and calibrates the best epoch's classifier, and writes what is needed to use it."""
    config, batch_size = plan["config"], plan["settings"]["eval_batch_size"]
    leave_out = config["corruptions"].get("leave_out")
    scores = evaluate(classifier, encoder, validation, leave_out, batch_size=batch_size)
    save_classifier(
        folder,
        encoder,
        corpus=config["corpus"]["name"],
        labels=list(LABELS),
        temperature=scores["temperature"],
        corruptions=config["corruptions"],
        scores=scores,
    )
    log_scores(scores)


def build_pair_encoder(
    max_length: int, classifier: Classifier, tokenizer: PreTrainedTokenizerBase, tags: TagVocabulary
) -> PairEncoder:
    """Encodes pairs that fit the encoder's positions."""
    positions = pair_positions(classifier.encoder) or max_length
    return PairEncoder(tokenizer, tags, max_length=min(max_length, positions))


def build_module(classifier: Classifier, optim: Mapping[str, Any]) -> ClassifierModule:
    """The LightningModule around a fresh classifier, with hyperparameters of plain types only."""
    architecture = json.loads(classifier.encoder.config.to_json_string(use_diff=False))
    return ClassifierModule(architecture=architecture, labels=list(LABELS), optim=dict(optim), classifier=classifier)


def evaluate(
    classifier: Classifier, encoder: PairEncoder, pairs: Sequence[Pair], leave_out: str | None, *, batch_size: int
) -> dict[str, Any]:
    """Scores on validation pairs, and the temperature that fits them best; `left_out` is of the left-out operation.

    `operations` gives for each operation what `held_out` says of its pairs.
    """
    values = logits(classifier, encoder, [(p.source, p.text) for p in pairs], batch_size=batch_size).logits
    labels = np.array([LABELS.index(pair.label) for pair in pairs])
    operations = np.array([pair.operation for pair in pairs])
    predicted = values.argmax(axis=1)
    seen = operations != (leave_out or "-")
    temperature = fit_temperature(values[seen], labels[seen])
    confusion = confusion_matrix(predicted[seen], labels[seen], len(LABELS))
    scores = {
        "macro_f1": macro_f1(confusion),
        "labels": label_scores(confusion, LABELS),
        "confusion": confusion.tolist(),
        "temperature": temperature,
        "calibration": {
            "of": "corrupted references of the validation split",
            "before": calibration(values[seen], labels[seen], 1.0),
            "after": {
                **calibration(values[seen], labels[seen], temperature),
                # Of P(accurate) alone: what a run's own texts are measured by too.
                "ece_accurate": event_calibration_error(
                    softmax(values[seen] / temperature)[:, LABELS.index("accurate")],
                    labels[seen] == LABELS.index("accurate"),
                ),
            },
        },
        "operations": {
            name: held_out(predicted, labels, operations == name) for name in sorted({*operations.tolist()} - {""})
        },
    }
    if leave_out:
        scores["left_out"] = {"operation": leave_out, **held_out(predicted, labels, operations == leave_out)}
    return scores


def log_scores(scores: Mapping[str, Any]) -> None:
    for label, row in scores["labels"].items():
        log.info("%-13s precision %.3f, recall %.3f, F1 %.3f, n %d", label, *row.values())
    before, after = scores["calibration"]["before"], scores["calibration"]["after"]
    log.info(
        "on corrupted references: macro-F1 %.3f; temperature %.3f: NLL %.4f to %.4f, calibration error %.4f to %.4f",
        *(scores["macro_f1"], scores["temperature"], before["nll"], after["nll"], before["ece"], after["ece"]),
    )
    if left_out := scores.get("left_out"):
        log.info("left out: %s", left_out)
