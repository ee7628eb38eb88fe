"""A finished train or classifier folder -> the model and what encodes its inputs. Needs no Lightning."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from datatuner.backbones import build_model, context_length
from datatuner.classifier_backbones import rebuild_classifier
from datatuner.encoding import Encoder, StateMode, TagVocabulary
from datatuner.errors import CheckpointError, ConfigError, OutputError
from datatuner.fidelity import TrainedClassifier
from datatuner.lineage import intact
from datatuner.models.classifier import Classifier
from datatuner.models.generator import Generator
from datatuner.pair_encoding import PairEncoder
from datatuner.stages import BEST, is_done
from datatuner.writing import write_json

TOKENIZER, ENCODING, CLASSIFIER = "tokenizer", "encoding.json", "classifier.json"


@dataclass(frozen=True)
class TrainedGenerator:
    generator: Generator
    encoder: Encoder
    special_ids: dict[str, Any]  # eos_id, text_state_id, suppressed_ids: what beam search must know


def save_encoding(folder: Path, encoder: Encoder, tokenizer: PreTrainedTokenizerBase) -> None:
    """Writes the tokenizer, and tags, state mode and lengths, next to the checkpoint."""
    save_tokenizer(folder / TOKENIZER, tokenizer)
    content = {
        "tags": list(encoder.tags.tags),
        "first_id": encoder.tags.first_id,
        "states": encoder.states,
        "max_length": encoder.max_length,
    }
    write_json(folder / ENCODING, content)


def save_tokenizer(folder: Path, tokenizer: PreTrainedTokenizerBase) -> None:
    try:
        tokenizer.save_pretrained(folder)
    except Exception as error:  # the tokenizers package knows no OSError
        raise OutputError(f"cannot write {folder}: {error}. Free space there.") from error


def load_generator(folder: Path, *, max_new_tokens: int) -> TrainedGenerator:
    """The trained generator in `folder`, on the CPU, in evaluation mode.

    Args:
        max_new_tokens: positions left free behind a prompt; longer prompts are cut by the encoder.

    Raises:
        ChangedError: a file is not the one that the training left.
        CheckpointError: a file is missing, cannot be read, or does not fit the others.
    """
    path, written, tokens = (intact(folder / name) for name in (BEST, ENCODING, TOKENIZER))
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        hparams = checkpoint["hyper_parameters"]
        names = ("state_table", "first_tag_id", "tag_count")
        generator = Generator(build_model(hparams["architecture"]), **{name: hparams[name] for name in names})
        prefix = "generator."
        generator.load_state_dict({k.removeprefix(prefix): v for k, v in checkpoint["state_dict"].items()})
        special = {"eos_id": "eos_id", "text_state_id": "text_state_id", "suppressed_ids": "suppressed"}
        special_ids = {key: hparams[name] for key, name in special.items()}
        encoding = json.loads(written.read_text(encoding="utf-8"))
        states, max_length = encoding["states"], encoding["max_length"]
        tags = TagVocabulary(tuple(encoding["tags"]), encoding["first_id"])
        tokenizer = AutoTokenizer.from_pretrained(tokens)
    except Exception as error:  # torch, pickle, zip and json each have their own for a damaged file
        raise _unusable(path, error) from error
    if (tags.first_id, len(tags)) != (hparams["first_tag_id"], hparams["tag_count"]):
        raise CheckpointError(
            f"{path}: {ENCODING} beside it has other tags, so it is of another training. Train again."
        )
    encoder = build_encoder(tokenizer, tags, states, max_length, generator, max_new_tokens=max_new_tokens)
    return TrainedGenerator(generator.eval(), encoder, special_ids)


def _unusable(path: Path, error: Exception) -> CheckpointError:
    reason = " ".join(str(error).split())[:160]
    return CheckpointError(f"{path}: not a usable checkpoint ({type(error).__name__}: {reason}). Train again.")


def save_classifier(
    folder: Path, encoder: PairEncoder, *, corpus: str, labels: list[str], temperature: float, **told: Any
) -> None:
    """Writes the tokenizer, and classifier.json: all that scoring needs beside the checkpoint, and what is `told`."""
    save_tokenizer(folder / TOKENIZER, encoder.tokenizer)
    content = {
        "labels": labels,
        "corpus": corpus,
        "temperature": temperature,
        "tags": list(encoder.tags.tags),
        "first_id": encoder.tags.first_id,
        "max_length": encoder.max_length,
        **told,
    }
    write_json(folder / CLASSIFIER, content)


def load_classifier(folder: Path) -> TrainedClassifier:
    """The trained classifier in `folder`, on the CPU, in evaluation mode.

    Raises:
        ChangedError: a file is not the one that the training left.
        CheckpointError: it is not a finished classifier folder, or a file in it cannot be read.
    """
    if not is_done(folder) or not (folder / CLASSIFIER).is_file():
        raise CheckpointError(
            f"{folder} is not a finished classifier folder: make one with `datatuner train stage=classifier`."
        )
    path, written, tokens = (intact(folder / name) for name in (BEST, CLASSIFIER, TOKENIZER))
    try:
        told = json.loads(written.read_text(encoding="utf-8"))
        labels, corpus, temperature = tuple(map(str, told["labels"])), str(told["corpus"]), float(told["temperature"])
        checkpoint = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        classifier = rebuild_classifier(checkpoint["hyper_parameters"]["architecture"], labels=len(labels))
        load_weights(classifier, checkpoint)
        tags = TagVocabulary(tuple(told["tags"]), told["first_id"])
        tokenizer = AutoTokenizer.from_pretrained(tokens)
        encoder = PairEncoder(tokenizer, tags, max_length=told["max_length"])
    except Exception as error:  # as in load_generator
        raise _unusable(path, error) from error
    return TrainedClassifier(classifier.eval(), encoder, labels, temperature, corpus, folder)


def load_weights(classifier: Classifier, checkpoint: dict[str, Any]) -> None:
    """A ClassifierModule's weights, as they lie in its checkpoint."""
    prefix = "classifier."
    weights = checkpoint["state_dict"].items()
    classifier.load_state_dict({k.removeprefix(prefix): v for k, v in weights if k.startswith(prefix)})


def ensure_room(generator: Generator, max_new_tokens: int) -> None:
    """
    Raises:
        ConfigError: `max_new_tokens` leaves no room for a prompt in the backbone's positions.
    """
    positions = context_length(generator.backbone)
    if positions is not None and positions < max_new_tokens + 2:
        raise ConfigError(
            f"decoding.max_new_tokens={max_new_tokens} leaves no room in the backbone's {positions} positions."
        )


def build_encoder(
    tokenizer: PreTrainedTokenizerBase,
    tags: TagVocabulary,
    states: StateMode,
    max_length: int,
    generator: Generator,
    *,
    max_new_tokens: int,
) -> Encoder:
    """An encoder whose sequences fit the backbone's positions, prompts with room for `max_new_tokens`.

    Raises:
        ConfigError: `max_new_tokens` leaves no room for a prompt.
    """
    ensure_room(generator, max_new_tokens)
    positions = context_length(generator.backbone) or max_length + max_new_tokens
    return Encoder(
        tokenizer,
        tags,
        states=states,
        max_length=min(max_length, positions),
        max_prompt=min(max_length, positions - max_new_tokens),
    )
