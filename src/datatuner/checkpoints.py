"""A finished train folder -> the Generator and what encodes its prompts. Needs no Lightning."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from datatuner.backbones import build_model, context_length
from datatuner.encoding import Encoder, StateMode, TagVocabulary
from datatuner.errors import CheckpointError, ConfigError, OutputError
from datatuner.models.generator import Generator
from datatuner.records import write_json
from datatuner.stages import BEST

TOKENIZER, ENCODING = "tokenizer", "encoding.json"


@dataclass(frozen=True)
class TrainedGenerator:
    generator: Generator
    encoder: Encoder
    special_ids: dict[str, Any]  # eos_id, text_state_id, suppressed_ids: what beam search must know


def save_encoding(folder: Path, encoder: Encoder, tokenizer: PreTrainedTokenizerBase) -> None:
    """Writes the tokenizer, and tags, state mode and lengths, next to the checkpoint."""
    try:
        tokenizer.save_pretrained(folder / TOKENIZER)
    except Exception as error:  # the tokenizers package knows no OSError
        raise OutputError(f"cannot write {folder / TOKENIZER}: {error}. Free space there.") from error
    content = {
        "tags": list(encoder.tags.tags),
        "first_id": encoder.tags.first_id,
        "states": encoder.states,
        "max_length": encoder.max_length,
    }
    write_json(folder / ENCODING, content)


def load_generator(folder: Path, *, max_new_tokens: int) -> TrainedGenerator:
    """The trained generator in `folder`, on the CPU, in evaluation mode.

    Args:
        max_new_tokens: positions left free behind a prompt; longer prompts are cut by the encoder.

    Raises:
        CheckpointError: a file is missing, damaged, or does not fit the others.
    """
    path = folder / BEST
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        hparams = checkpoint["hyper_parameters"]
        names = ("state_table", "first_tag_id", "tag_count")
        generator = Generator(build_model(hparams["architecture"]), **{name: hparams[name] for name in names})
        prefix = "generator."
        generator.load_state_dict({k.removeprefix(prefix): v for k, v in checkpoint["state_dict"].items()})
        special = {"eos_id": "eos_id", "text_state_id": "text_state_id", "suppressed_ids": "suppressed"}
        special_ids = {key: hparams[name] for key, name in special.items()}
        encoding = json.loads((folder / ENCODING).read_text(encoding="utf-8"))
        states, max_length = encoding["states"], encoding["max_length"]
        tags = TagVocabulary(tuple(encoding["tags"]), encoding["first_id"])
        tokenizer = AutoTokenizer.from_pretrained(folder / TOKENIZER)
    except Exception as error:  # torch, pickle, zip and json each have their own for a damaged file
        reason = " ".join(str(error).split())[:160]
        raise CheckpointError(
            f"{path}: not a usable checkpoint ({type(error).__name__}: {reason}). Train again."
        ) from error
    if (tags.first_id, len(tags)) != (hparams["first_tag_id"], hparams["tag_count"]):
        raise CheckpointError(
            f"{path}: {ENCODING} beside it has other tags, so it is of another training. Train again."
        )
    encoder = build_encoder(tokenizer, tags, states, max_length, generator, max_new_tokens=max_new_tokens)
    return TrainedGenerator(generator.eval(), encoder, special_ids)


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
    positions = context_length(generator.backbone) or max_length + max_new_tokens
    if positions < max_new_tokens + 2:
        raise ConfigError(
            f"decoding.max_new_tokens={max_new_tokens} leaves no room in the backbone's {positions} positions."
        )
    return Encoder(
        tokenizer,
        tags,
        states=states,
        max_length=min(max_length, positions),
        max_prompt=min(max_length, positions - max_new_tokens),
    )
