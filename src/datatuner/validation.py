"""What the types of a configuration cannot say, checked as a whole."""

import math
import re
from collections.abc import Iterator
from dataclasses import asdict

from datatuner.config import NO_CLASSIFIER, BackboneConfig, Config, LoraConfig, Origin, Reranking, is_aligned
from datatuner.corpora import SPLITS
from datatuner.corruptions import OPERATIONS
from datatuner.errors import ConfigError, did_you_mean
from datatuner.findings import LANGUAGE
from datatuner.metrics.catalogue import NAMES
from datatuner.records import LABELS
from datatuner.reranking import NEEDS_LABELS
from datatuner.stages import REFERENCES

ACCELERATORS = ("auto", "cpu", "gpu", "cuda")
PRECISIONS = ("32-true", "bf16-mixed", "16-mixed", "bf16-true")
# Keys by group; null, where it is allowed, is no number.
AT_LEAST_ONE = {
    "corpus": ("max_length", "batch_size", "eval_batch_size"),
    "generator": ("max_epochs", "patience"),
    "decoding": ("beam_size", "n_best", "max_new_tokens", "batch_size"),
    "trainer": (
        *("devices", "num_nodes", "threads", "max_steps", "max_epochs"),
        *("accumulate", "log_every", "save_every"),
    ),
}


def validate(config: Config) -> None:
    """Checks what the types cannot say, and reports everything that is wrong at once.

    Raises:
        ConfigError: one line that lists each key, its value and what it should be.
    """
    problems = list(_problems(config))
    if problems:
        raise ConfigError("; ".join(problems))


def _problems(config: Config) -> Iterator[str]:
    yield from _number_problems(config)
    if config.decoding.n_best > config.decoding.beam_size:
        yield f"decoding.n_best={config.decoding.n_best} must not exceed decoding.beam_size={config.decoding.beam_size}"
    if not 0 <= config.seed < 2**32:
        yield f"seed={config.seed} must lie between 0 and {2**32 - 1}"
    if config.trainer.accelerator not in ACCELERATORS:
        yield f"trainer.accelerator={config.trainer.accelerator} must be one of {', '.join(ACCELERATORS)}"
    if config.trainer.precision not in PRECISIONS:
        yield f"trainer.precision={config.trainer.precision} must be one of {', '.join(PRECISIONS)}"
    if not re.fullmatch("[a-z]{2,3}", config.corpus.language):
        yield f"corpus.language={config.corpus.language} must be a code of ISO 639, such as en, de or ru"
    if config.split not in SPLITS:
        yield f"split={config.split} must be one of {', '.join(SPLITS)}"
    yield from _reranking_problems(config)
    yield from _evaluation_problems(config)
    yield from _backbone_problems(config.generator.backbone)
    yield from _classifier_problems(config)
    yield from _lora_problems(config.generator.lora)
    if config.generator.lora.rank is not None and config.generator.backbone.origin is Origin.scratch:
        yield "generator.lora.rank must be null when origin=scratch: nearly all weights would stay random"


def _number_problems(config: Config) -> Iterator[str]:
    for group, keys in AT_LEAST_ONE.items():
        for key in keys:
            value = getattr(getattr(config, group), key)
            if value is not None and value < 1:
                yield f"{group}.{key}={value} must be at least 1"
    not_negative = {
        "trainer.val_bleu_inputs": config.trainer.val_bleu_inputs,
        "trainer.workers": config.trainer.workers,
        "generator.lora.alpha": config.generator.lora.alpha,
        "trainer.clip": config.trainer.clip,
        "logger.patience": config.logger.patience,
        "decoding.length_penalty": config.decoding.length_penalty,
        **{f"generator.optim.{key}": value for key, value in asdict(config.generator.optim).items() if key != "name"},
    }
    for key, value in not_negative.items():
        if not 0 <= value < math.inf:  # also true of NaN
            yield f"{key}={value} must be a number from 0 upwards"


def _reranking_problems(config: Config) -> Iterator[str]:
    if config.reranking.name in NEEDS_LABELS and config.classifier.name == NO_CLASSIFIER and not config.fidelity:
        yield f"reranking={config.reranking.name} needs a classifier: pass classifier=…, or fidelity=FOLDER"
    if config.reranking is Reranking.slots and not is_aligned(config):
        yield f"reranking=slots needs alignment, which reads {LANGUAGE} alone; corpus.language={config.corpus.language}"
    if config.reranking is Reranking.probability and config.split == "validation":
        yield "reranking=probability chooses its weight on the validation split: pass another split"


def _evaluation_problems(config: Config) -> Iterator[str]:
    if config.bootstrap_samples < 1:
        yield f"bootstrap_samples={config.bootstrap_samples} must be at least 1"
    unknown = [name for name in config.metrics if name not in NAMES]
    if unknown or not config.metrics:
        hint = did_you_mean(unknown[0], NAMES) if unknown else ""
        yield f"metrics=[{','.join(config.metrics)}] must be a list of some of {', '.join(NAMES)}.{hint}".rstrip(".")
    given = config.predictions
    files = given if isinstance(given, list) else [given]
    if not files or not all(isinstance(file, str) or file is None for file in files):
        yield f"predictions={given} must be a file, or a list of files"
    elif isinstance(given, list) and {None, REFERENCES} & set(given):
        yield f"predictions={given} must be files only: {REFERENCES} are scored alone, predictions={REFERENCES}"


def _backbone_problems(backbone: BackboneConfig, key: str = "generator.backbone", specials: int = 1) -> Iterator[str]:
    """`specials`: tokens of a scratch vocabulary beside the 256 bytes."""
    if backbone.origin is Origin.scratch:
        if not backbone.architecture or "model_type" not in backbone.architecture:
            yield f"{key}.architecture needs a model_type when origin=scratch"
        if (backbone.vocab_size or 0) < 256 + specials:
            extra = "<eos>" if specials == 1 else f"{specials} special tokens"
            yield f"{key}.vocab_size={backbone.vocab_size} must be at least {256 + specials} (256 bytes and {extra})"
    elif backbone.origin is Origin.hub and backbone.revision is None:
        yield f"{key}.revision must pin a commit when origin=hub"
    elif backbone.origin is Origin.wheel and backbone.file is None:
        yield f"{key}.file must name the wheel's GGUF file or model folder when origin=wheel"


def _classifier_problems(config: Config) -> Iterator[str]:
    """Nothing where there is no classifier."""
    classifier, corruptions = config.classifier, config.corruptions
    if classifier.name == NO_CLASSIFIER:
        return
    for key in ("max_length", "batch_size", "eval_batch_size", "accumulate", "max_epochs", "patience"):
        if getattr(classifier, key) < 1:
            yield f"classifier.{key}={getattr(classifier, key)} must be at least 1"
    for key, value in asdict(classifier.optim).items():
        if key != "name" and not 0 <= value < math.inf:
            yield f"classifier.optim.{key}={value} must be a number from 0 upwards"
    if corruptions.pairs is not None and corruptions.pairs < len(LABELS):
        yield f"corruptions.pairs={corruptions.pairs} must be at least {len(LABELS)}, one for each label"
    known = OPERATIONS[corruptions.recipe.name]
    if corruptions.leave_out is not None and corruptions.leave_out not in known:
        hint = did_you_mean(corruptions.leave_out, known)
        yield f"corruptions.leave_out={corruptions.leave_out} must be one of {', '.join(known)}.{hint}".rstrip(".")
    yield from _backbone_problems(classifier.encoder, "classifier.encoder", specials=3)


def _lora_problems(lora: LoraConfig) -> Iterator[str]:
    if lora.rank is not None and lora.rank < 1:
        yield f"generator.lora.rank={lora.rank} must be at least 1, or null for full fine-tuning"
    if not 0 <= lora.dropout < 1:
        yield f"generator.lora.dropout={lora.dropout} must be a number from 0 to below 1"
