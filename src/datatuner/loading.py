"""An exported folder -> a Tuner: checked, read from safetensors and JSON alone. See `datatuner.load`."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging

from datatuner.alignment import known_aligner
from datatuner.checkpoints import TrainedGenerator
from datatuner.classifier_backbones import rebuild_classifier
from datatuner.encoding import Encoder, TagVocabulary
from datatuner.errors import ConfigError, ExportError
from datatuner.exported import ALIGNER, CLASSIFIER, CONFIG, GENERATOR, STATES, TAGS, WAY_OUT, WEIGHTS, opened
from datatuner.fidelity import TrainedClassifier
from datatuner.models.generator import Generator
from datatuner.pair_encoding import PairEncoder
from datatuner.tuner import Tuner

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def load(folder: str | Path, *, device: str = "cpu", precision: str = "float32") -> Tuner:
    """The exported model in `folder`. Nothing in it is unpickled, and no code of it is run.

    A process that is forked after it computes with one thread: torch's others do not come along, and whoever waited for
    them would wait for ever.

    Args:
        device: as torch names it, such as "cuda".
        precision: float32, or bfloat16, which halves the memory (experiments/export says what it changes).

    Raises:
        ExportError: it is no exported model, or a damaged, incomplete, changed or newer one.
        ConfigError: no such precision, or no such device here.
    """
    if precision not in PRECISIONS:
        raise ConfigError(f"precision={precision} must be one of {', '.join(PRECISIONS)}.")
    _ensure_device(device)
    _forks_have_one_thread()
    path = Path(folder).expanduser()
    settings = opened(path)
    with _damaged(path / GENERATOR):
        trained = _generator(path / GENERATOR, settings["generator"])
    classifier = None
    if settings["classifier"]:
        with _damaged(path / CLASSIFIER):
            classifier = _classifier(path / CLASSIFIER, settings)
            classifier.classifier.to(device, PRECISIONS[precision])
    aligner = None
    if settings["aligner"] is not None:
        with _damaged(path / ALIGNER):
            aligner = known_aligner(json.loads((path / ALIGNER).read_text(encoding="utf-8")))
    trained.generator.to(device, PRECISIONS[precision])
    return Tuner(settings, trained, classifier, aligner)


@cache
def _forks_have_one_thread() -> None:
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=lambda: torch.set_num_threads(1))


def _ensure_device(name: str) -> None:
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError, NotImplementedError) as error:  # torch is built without it, or has none
        reason = str(error).partition("\n")[0].rstrip(".")
        raise ConfigError(f"device={name} cannot be used here: {reason}.") from error


@contextmanager
def _damaged(path: Path) -> Iterator[None]:
    """What cannot be loaded though its checksum is right, for instance by another version of a library."""
    try:
        yield
    except Exception as error:  # safetensors, tokenizers, transformers and json each raise their own
        reason = " ".join(str(error).split())[:160]
        raise ExportError(f"{path} cannot be loaded ({type(error).__name__}: {reason}). {WAY_OUT}") from error


def _generator(folder: Path, told: Mapping[str, Any]) -> TrainedGenerator:
    with _no_progress_bar():
        backbone = AutoModelForCausalLM.from_pretrained(
            folder, dtype=torch.float32, use_safetensors=True, local_files_only=True, trust_remote_code=False
        )
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    ids: dict[str, int] = json.loads((folder / TAGS).read_text(encoding="utf-8"))
    tags = TagVocabulary(tuple(ids), told["first_id"])
    generator = Generator(backbone, state_table=told["state_table"], first_tag_id=tags.first_id, tag_count=len(tags))
    if generator.own_states is not None:
        generator.own_states.load_state_dict(load_file(folder / STATES))
    lengths = {name: told[name] for name in ("max_length", "max_prompt")}
    encoder = Encoder(tokenizer, tags, states=told["states"], **lengths)
    special = {name: told[name] for name in ("eos_id", "text_state_id", "suppressed_ids")}
    return TrainedGenerator(generator.eval(), encoder, special)


@contextmanager
def _no_progress_bar() -> Iterator[None]:
    """Without transformers' own, which a library's caller did not ask for."""
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def _classifier(folder: Path, settings: Mapping[str, Any]) -> TrainedClassifier:
    told = settings["classifier"]
    architecture = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    classifier = rebuild_classifier(architecture, labels=len(told["labels"]))
    classifier.load_state_dict(load_file(folder / WEIGHTS))
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    encoder = PairEncoder(
        tokenizer, TagVocabulary(tuple(told["tags"]), told["first_id"]), max_length=told["max_length"]
    )
    labels = tuple(told["labels"])
    return TrainedClassifier(classifier.eval(), encoder, labels, told["temperature"], settings["corpus"], folder)
