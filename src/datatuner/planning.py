"""Configuration -> the stages it asks for. Reads corpora for their checksums; imports no torch."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from datatuner.config import NO_CLASSIFIER, Config, OnError, Recipe, TrackedBy, corpus_folder, is_aligned, plain
from datatuner.corpora.checksums import checksum
from datatuner.errors import ConfigError
from datatuner.findings import LANGUAGE
from datatuner.findings import VERSION as ALIGNER
from datatuner.following import where
from datatuner.given_texts import given_files, word_for
from datatuner.metrics.catalogue import DEFAULT, NAMES, require
from datatuner.provenance import readers_version
from datatuner.ranks import SWEEP
from datatuner.stages import Finished, Stage, corpus_key, is_done, read_plan
from datatuner.weights import BackboneSpec, cache_folder, weights_checksum


def backbone_spec(config: Config) -> BackboneSpec:
    return BackboneSpec(**plain(config.generator.backbone))


def encoder_spec(config: Config) -> BackboneSpec:
    return BackboneSpec(**plain(config.classifier.encoder), key="classifier.encoder")


def corpus_checksums(config: Config, *splits: str) -> dict[str, str]:
    """The checksum of what is read of each split, as a stage's inputs name it.

    Raises:
        ConfigError, CorpusNotFoundError, CorpusFormatError: as `corpora.read`.
    """
    corpus = config.corpus
    return {
        corpus_key(split): checksum(
            *(corpus.name, corpus_folder(config), split),
            on_error="skip" if corpus.on_error is OnError.skip else "raise",
            reader=plain(corpus.reader),
            cache=cache_folder(),
            version=readers_version(),
        )
        for split in splits
    }


def train_stage(config: Config) -> Stage:
    """Raises: CorpusNotFoundError, BackboneError (weights that are not there)."""
    trainer = plain(config.trainer)
    generator = plain(config.generator)
    generator["max_epochs"] = _epochs(config, config.generator.max_epochs)
    if generator["lora"]["rank"] is None:
        del generator["lora"]  # what is switched off does not name the folder
    return Stage(
        kind="train",
        label=config.generator.name,
        root=runs_folder(config),
        config={
            "corpus": {**_corpus(config), **_pick(plain(config.corpus), "max_length", "batch_size")},
            "generator": generator,
            "states": config.states.name,
            "trainer": _trainer(config),
            "seed": config.seed,
        },
        inputs={
            **corpus_checksums(config, "train", "validation"),
            "weights": weights_checksum(backbone_spec(config)),
        },
        settings={
            **_settings(config),
            **_pick(trainer, "val_bleu_inputs", "log_every", "save_every", "workers", "gradient_checkpointing"),
            "aligned": is_aligned(config),  # what an export of it must know
            "eval_batch_size": config.corpus.eval_batch_size,
        },
    )


def classifier_stage(config: Config) -> Stage:
    """The training of a fidelity classifier.

    Raises:
        ConfigError: the config names no classifier, or a recipe that needs alignment where there is none.
        CorpusNotFoundError, BackboneError: files or weights that are not there.
    """
    if config.classifier.name == NO_CLASSIFIER:
        raise ConfigError("there is no classifier to train: pass classifier=tiny, minilm_l6, roberta_base or so.")
    if config.corruptions.recipe is Recipe.audited and not is_aligned(config):
        raise ConfigError(
            f"corruptions.recipe=audited needs alignment, which reads {LANGUAGE} alone, and corpus.language="
            f"{config.corpus.language}: pass corruptions.recipe=released."
        )
    trainer = plain(config.trainer)
    classifier = plain(config.classifier)
    del classifier["eval_batch_size"]
    del classifier["accumulate"]  # stands with the trainer's
    classifier["max_epochs"] = _epochs(config, config.classifier.max_epochs)
    return Stage(
        kind="classifier",
        label=config.classifier.name,
        root=runs_folder(config),
        config={
            "corpus": _corpus(config),
            "classifier": classifier,
            # What is switched off does not name the folder.
            "corruptions": {key: value for key, value in plain(config.corruptions).items() if value is not None},
            "aligner": ALIGNER,
            "trainer": {**_trainer(config), "accumulate": config.classifier.accumulate},
            "seed": config.seed,
        },
        inputs={
            **corpus_checksums(config, "train", "validation"),
            "weights": weights_checksum(encoder_spec(config)),
        },
        settings={
            **_settings(config),
            **_pick(trainer, "log_every", "save_every", "workers"),
            "eval_batch_size": config.classifier.eval_batch_size,
        },
    )


def _trainer(config: Config) -> dict[str, Any]:
    """What weights depend on; one node, which is the rule, names no folder."""
    trainer = plain(config.trainer)
    several = ["num_nodes"] if config.trainer.num_nodes > 1 else []
    return _pick(trainer, "devices", *several, "precision", "max_steps", "accumulate", "clip")


def _epochs(config: Config, own: int) -> int:
    """A training's epochs, `own` where the command says nothing else; -1 where steps alone end it."""
    return config.trainer.max_epochs or (-1 if config.trainer.max_steps else own)


def decode_stage(config: Config, train: Stage | Finished) -> Stage:
    decoding = plain(config.decoding)
    return Stage(
        kind="decode",
        label=config_of(train)["generator"]["name"],
        root=runs_folder(config),
        config={
            "corpus": _corpus(config),
            "split": config.split,
            "decoding": {key: value for key, value in decoding.items() if key != "batch_size"},
        },
        inputs=corpus_checksums(config, config.split),
        settings={**_settings(config), "batch_size": config.decoding.batch_size},
        parents={"train": train},
    )


def score_stage(
    config: Config, decode: Stage | Finished, classifier: Stage | Finished | None, *, root: Path | None = None
) -> Stage:
    """Verdicts on a decoding's hypotheses: by alignment, and by the classifier where there is one."""
    label = config_of(classifier)["classifier"]["name"] if classifier else "none"
    return Stage(
        kind="score",
        label=label,
        root=root or runs_folder(config),
        config={"corpus": _corpus(config), "split": config.split, "aligner": _aligner(config)},
        inputs=corpus_checksums(config, "train", config.split),
        settings={**_settings(config), "batch_size": config.classifier.eval_batch_size},
        parents={"decode": decode, **({"classifier": classifier} if classifier else {})},
    )


def evaluate_stage(
    config: Config,
    parents: Mapping[str, Stage | Finished],
    *,
    row: Mapping[str, Any] | None = None,
    root: Path | None = None,
) -> Stage:
    """The evaluation of a `score` parent; without one that of `config.predictions`, judged by a `classifier` parent.

    Args:
        parents: with `reranking=probability` also `validation`, the score stage that the weight is chosen on.
        row: what `datatuner report` groups evaluations by.

    Raises:
        RecordError: a predictions file cannot be read.
        ConfigError: a metric needs a package, or Java, that is not there, and the evaluation is not done yet.
    """
    tuned_on = ["validation"] if "validation" in parents else []
    inputs = corpus_checksums(config, "train", config.split, *tuned_on)
    given, of_systems = given_files(config.predictions)
    inputs |= of_systems
    systems = list(given) if isinstance(given, dict) else []
    metrics = [name for name in NAMES if name in config.metrics]
    stage = Stage(
        kind="evaluate",
        label=config.reranking.name if "score" in parents else word_for(given),
        root=root or runs_folder(config),
        config={
            "corpus": _corpus(config),
            "split": config.split,
            "reranking": config.reranking.name,
            "aligner": _aligner(config),
            "row": dict(row or {}),
            "seed": config.seed,
            "bootstrap_samples": config.bootstrap_samples,
            **({"metrics": metrics} if metrics != list(DEFAULT) else {}),
            **({"systems": systems} if systems else {}),
        },
        inputs=inputs,
        settings={**_settings(config), "predictions": given, "batch_size": config.classifier.eval_batch_size},
        parents=parents,
    )
    if not is_done(stage.folder):
        require(metrics)
    return stage


def config_of(stage: Stage | Finished) -> Mapping[str, Any]:
    """The config that a stage was, or will be, run with."""
    if isinstance(stage, Stage):
        return stage.config
    config: dict[str, Any] = read_plan(stage.folder)["config"]
    return config


def runs_folder(config: Config) -> Path:
    """`<runs_dir>/<corpus>`."""
    return Path(config.runs_dir).expanduser() / config.corpus.name


def _corpus(config: Config) -> dict[str, Any]:
    """What reading depends on. What is switched off names no folder: `reader` stands here for own data alone."""
    corpus = plain(config.corpus)
    return _pick(corpus, "name", "on_error", *(["reader"] if corpus["reader"] else []))


def _aligner(config: Config) -> int | None:
    """The version of the rules that texts are aligned by; None where none read their language."""
    return ALIGNER if is_aligned(config) else None


def _settings(config: Config) -> dict[str, Any]:
    folder = corpus_folder(config)
    return {
        "corpus_folder": str(folder.resolve()) if folder else None,
        "accelerator": config.trainer.accelerator,
        "threads": config.trainer.threads,
        "devices": config.trainer.devices,
        "num_nodes": config.trainer.num_nodes,
        "logger": _logger(config),
    }


def _logger(config: Config) -> dict[str, Any] | None:
    """How W&B is to be told; None where it is not."""
    if config.logger.name is TrackedBy.none:
        return None
    default = {"group": os.environ.get(SWEEP, config.corpus.name), "folder": config.runs_dir}
    return {**plain(config.logger), **where(plain(config.logger), default)}


def _pick(values: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: values[key] for key in keys}
