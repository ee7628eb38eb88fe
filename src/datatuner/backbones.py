"""Name, folder or wheel -> a pretrained model and its tokenizer; and from those a Generator."""

import io
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import Tensor
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
)
from transformers.utils import logging as transformers_logging

from datatuner.backbone_check import check_backbone
from datatuner.encoding import TagVocabulary, word_ids
from datatuner.errors import BackboneError, did_you_mean
from datatuner.linearization import tag_words
from datatuner.models.generator import Generator
from datatuner.weights import BackboneSpec, cache_folder, model_folder, sha256, weights_checksum, wheel_path
from datatuner.writing import write_text

EOS = "<|endoftext|>"

transformers_logging.set_verbosity_error()
transformers_logging.disable_progress_bar()


def load_backbone(spec: BackboneSpec, texts: Iterable[str]) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """The language model in float32 and its tokenizer.

    Args:
        texts: what a `scratch` backbone's tokenizer is trained on (segments and references of the training split).

    Raises:
        BackboneError: nothing is there under that name, or it is no decoder-only language model.
    """
    if spec.origin == "scratch":
        trained = train_tokenizer(texts, spec.vocab_size or 0)
        ids = {"bos_token_id": trained.eos_token_id, "eos_token_id": trained.eos_token_id}
        return build_from_scratch(spec, {"vocab_size": len(trained), **ids}), trained
    model, tokenizer = load_pretrained(spec)
    if tokenizer.eos_token_id is None:
        raise BackboneError(f"generator.backbone {spec.name!r} has a tokenizer without <eos>, which ends every text.")
    return model, tokenizer


def build_from_scratch(spec: BackboneSpec, ids: dict[str, Any], auto: Any = AutoModelForCausalLM) -> PreTrainedModel:
    """A random model of the spec's architecture, with what its tokenizer decides (`ids`).

    Raises:
        BackboneError: the architecture has a setting that its model type does not know.
    """
    architecture = spec.architecture or {}
    model = build_model({**architecture, **ids}, auto)
    _refuse_unknown(architecture, model, spec.key)
    return model


def load_pretrained(
    spec: BackboneSpec, auto: Any = AutoModelForCausalLM, unneeded: tuple[str, ...] = ()
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """What `auto`, a transformers class, loads in float32, and its tokenizer.

    Args:
        unneeded: what the names of weights start with that may be missing.

    Raises:
        BackboneError: nothing is there under that name, or it is damaged.
    """
    try:
        name = _pretrained(spec)
        revision = {"revision": spec.revision} if spec.origin == "hub" else {}
        tokenizer = AutoTokenizer.from_pretrained(name, **revision)
        # A checkpoint's own dtype may be half; training needs float32 weights.
        settings = spec.architecture or {}
        if "model_type" in settings:  # those of a model from scratch, whose origin alone was overridden
            settings = {}
        arguments = {**revision, **settings}
        loaded: Any = auto.from_pretrained(name, dtype=torch.float32, output_loading_info=True, **arguments)
        model, loading = loaded
        _refuse_missing(key for key in loading["missing_keys"] if not key.startswith(unneeded))
    except BackboneError:
        raise
    except Exception as error:  # safetensors, tokenizers and transformers each have their own for a damaged file
        raise BackboneError(_not_loadable(spec, error)) from error
    return model, tokenizer


def load_tokenizer(spec: BackboneSpec, texts: Iterable[str]) -> tuple[PreTrainedTokenizerBase, int | None]:
    """`load_backbone`'s tokenizer and the backbone's `context_length`, without reading weights.

    Raises:
        BackboneError: nothing is there under that name.
    """
    if spec.origin == "scratch":
        config = AutoConfig.for_model(**(spec.architecture or {}))
        return train_tokenizer(texts, spec.vocab_size or 0), _positions(config)
    try:
        name = _pretrained(spec)
        revision = {"revision": spec.revision} if spec.origin == "hub" else {}
        tokenizer = AutoTokenizer.from_pretrained(name, **revision)
        return tokenizer, _positions(AutoConfig.from_pretrained(name, **revision))
    except BackboneError:
        raise
    except Exception as error:  # as in load_backbone
        raise BackboneError(_not_loadable(spec, error)) from error


def _pretrained(spec: BackboneSpec) -> str | Path:
    """A hub id, or the folder of local weights."""
    if spec.origin == "hub":
        return spec.name
    return converted_gguf(spec) if spec.origin == "wheel" and wheel_path(spec).is_file() else model_folder(spec)


def _refuse_missing(keys: Iterable[str]) -> None:
    """Weights that transformers would leave random."""
    if missing := sorted(keys):
        raise ValueError(f"it has no weights for {missing[0]}")


def _not_loadable(spec: BackboneSpec, error: Exception) -> str:
    reason = " ".join(str(error).split())[:200]
    what = "a causal language model" if spec.key == "generator.backbone" else "an encoder"
    way_out = {
        "hub": f"Check the network and the name, or download it elsewhere and use {spec.key}.origin=folder.",
        "folder": f"It must hold {what} and its tokenizer as save_pretrained writes them.",
        "wheel": "Run `make weights` again.",
        "scratch": "",
    }[spec.origin]
    return f"{spec.key} {spec.name!r} cannot be loaded ({reason}). {way_out}"


def _refuse_unknown(architecture: Iterable[str], model: PreTrainedModel, key: str) -> None:
    """transformers keeps any key in a config, and a mistyped one changes nothing."""
    model_type = model.config.model_type
    known = {*AutoConfig.for_model(model_type).to_dict(), *model.config.attribute_map}
    if unknown := sorted({*architecture} - known):
        hint = did_you_mean(unknown[0], known)
        raise BackboneError(f"{key}.architecture.{unknown[0]}: {model_type} has no such setting.{hint}")


def build_model(architecture: dict[str, Any], auto: Any = AutoModelForCausalLM) -> PreTrainedModel:
    """A model of `auto`, a transformers class, with random weights from a transformers config as a dictionary.

    Raises:
        BackboneError: `model_type` is unknown, or has no decoder-only language model (or no encoder).
    """
    settings = {k: v for k, v in architecture.items() if k not in ("model_type", "dtype", "torch_dtype")}
    model_type = str(architecture.get("model_type"))
    try:
        config = AutoConfig.for_model(model_type, **settings)
        model: PreTrainedModel = auto.from_config(config, dtype=torch.float32)
    except Exception as error:  # each architecture raises its own for settings that do not fit
        reason = " ".join(str(error).split())[:200]
        what = "decoder-only language model" if auto is AutoModelForCausalLM else "encoder"
        raise BackboneError(f"no {what} can be built from {model_type!r} ({reason}).") from error
    return model


def train_tokenizer(texts: Iterable[str], vocab_size: int) -> PreTrainedTokenizerFast:
    """A byte-level BPE of at most `vocab_size` tokens, `<|endoftext|>` included; any Unicode text round-trips."""
    return PreTrainedTokenizerFast(tokenizer_object=train_bpe(texts, vocab_size, [EOS]), eos_token=EOS)


def train_bpe(texts: Iterable[str], vocab_size: int, special_tokens: Sequence[str]) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=list(special_tokens),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    # Sorted, because the trainer breaks ties between pairs by the order it meets them in.
    tokenizer.train_from_iterator((f" {text}" for text in sorted(texts)), trainer)
    return tokenizer


def converted_gguf(spec: BackboneSpec) -> Path:
    """A wheel's GGUF file as a normal model folder in the user's cache; converted once (about 30 s), and again where
    the folder is no longer what the conversion left."""
    folder = cache_folder() / f"{spec.name}-{weights_checksum(spec)[:16]}"
    if folder.is_dir() and not _is_whole(folder):
        shutil.rmtree(folder, ignore_errors=True)
    if folder.is_dir():
        return folder
    source = wheel_path(spec)
    arguments = {"gguf_file": source.name}
    with redirect_stderr(io.StringIO()):  # the conversion's own progress bar, hundreds of lines in a log
        model = AutoModelForCausalLM.from_pretrained(source.parent, dtype=torch.float32, **arguments)
        tokenizer = AutoTokenizer.from_pretrained(source.parent, **arguments)
    # transformers would try to quantize again when the folder is read.
    del model.config.quantization_config
    vars(model).pop("hf_quantizer", None)
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".convert-"))
    try:
        model.save_pretrained(scratch)
        tokenizer.save_pretrained(scratch)
        write_text(scratch / _CHECKSUM, _contents(scratch))
        scratch.rename(folder)
    except OSError:
        if not folder.is_dir():  # else another process was first
            raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return folder


_CHECKSUM = "checksum.txt"  # of all that a conversion left beside it


def _contents(folder: Path) -> str:
    return sha256(sorted(path for path in folder.iterdir() if path.is_file() and path.name != _CHECKSUM))


def _is_whole(folder: Path) -> bool:
    try:
        return (folder / _CHECKSUM).read_text(encoding="utf-8") == _contents(folder)
    except (OSError, UnicodeError):  # of an earlier version, or damaged
        return False


def first_tag_id(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> int:
    """The first id above the backbone's own vocabulary (some models have more rows than their tokenizer has tokens)."""
    return max(len(tokenizer), _rows(model))


def _rows(model: PreTrainedModel) -> int:
    """Rows of the token embedding."""
    weight: Tensor = model.get_input_embeddings().weight  # type: ignore[assignment]
    return weight.shape[0]


def build_generator(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, tags: TagVocabulary, state_table: str | None
) -> Generator:
    """The Generator over a freshly loaded `model`, with a row for each tag that starts as the mean of its words' rows.

    Raises:
        BackboneError: the model cannot take state embeddings (see `check_backbone`).
    """
    check_backbone(model)
    add_tag_rows(model, tokenizer, tags)
    return Generator(model, state_table=state_table, first_tag_id=tags.first_id, tag_count=len(tags))


def add_tag_rows(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, tags: TagVocabulary) -> None:
    """A row for each tag in the token embedding, and in the head if there is one: the mean of its words' rows."""
    model.resize_token_embeddings(tags.first_id + len(tags), mean_resizing=False)
    layers = (model.get_input_embeddings(), model.get_output_embeddings())
    matrices: dict[int, Any] = {id(layer.weight): layer.weight for layer in layers if layer is not None}  # 1 where tied
    with torch.no_grad():
        for tag in tags.tags:
            ids = word_ids(tokenizer, tag_words(tag))
            for matrix in matrices.values():
                matrix[tags.id(tag)] = matrix[ids].mean(dim=0)


def suppressed_ids(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Ids that are never generated: tags and unused rows above the vocabulary, and special tokens but `<eos>`."""
    rows = range(len(tokenizer), _rows(model))
    return sorted({*tokenizer.all_special_ids, *rows} - {tokenizer.eos_token_id})


def context_length(model: PreTrainedModel) -> int | None:
    """The most positions the backbone can attend to, None where it sets no limit."""
    return _positions(model.config)


def _positions(config: PretrainedConfig) -> int | None:
    limit: int | None = getattr(config, "max_position_embeddings", None)
    return limit
