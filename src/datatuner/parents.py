"""What a command's later stages build on: the finished folders that a config names, or the stages that it describes."""

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from datatuner.config import NO_CLASSIFIER, Config, plain
from datatuner.errors import CheckpointError
from datatuner.planning import classifier_stage, config_of, corpus_checksums, runs_folder, train_stage
from datatuner.stages import PLAN, Finished, Stage, is_done, read_plan

T = TypeVar("T")


def planned_training(config: Config) -> Stage | Finished:
    """The training that `checkpoint` names, else the one the config describes."""
    return finished_training(config) if config.checkpoint else train_stage(config)


def planned_classifier(config: Config) -> Stage | Finished | None:
    """The classifier that `fidelity` names, else the one the config describes; None where it describes none."""
    if config.fidelity:
        return finished_classifier(config)
    return None if config.classifier.name == NO_CLASSIFIER else classifier_stage(config)


def finished_classifier(config: Config) -> Finished:
    """The classifier folder that `config.fidelity` names.

    Raises:
        CheckpointError: it is not a finished classifier, or of another corpus.
    """
    folder = Path(config.fidelity or "").expanduser()

    def trained_on(plan: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
        return plan["config"]["corpus"]["name"], plan["inputs"]

    finished, (corpus, inputs) = _finished(config, "fidelity", folder, "classifier", trained_on)
    if corpus != config.corpus.name:
        raise CheckpointError(
            f"fidelity={folder} was trained on corpus={corpus}, and says nothing of corpus={config.corpus.name}: train "
            f"one with `datatuner train stage=classifier corpus={config.corpus.name} …`."
        )
    splits = corpus_checksums(config, "train", "validation") if config.corpus.reader else {}
    if not splits.items() <= inputs.items():  # any data may be `jsonl`
        raise CheckpointError(
            f"fidelity={folder} was not trained on what corpus={corpus} is here, or it is of an earlier version, which "
            "does not say: train one on it, and give each own corpus a corpus.name of its own."
        )
    return finished


def finished_training(config: Config) -> Finished:
    """The train folder that `config.checkpoint` names.

    Raises:
        CheckpointError: it is not a finished train folder, or holds another corpus or backbone.
    """
    folder = Path(config.checkpoint or "").expanduser()

    def described(plan: Mapping[str, Any]) -> dict[str, str]:
        generator = plan["config"]["generator"]
        return {
            "corpus": plan["config"]["corpus"]["name"],
            "generator": generator["name"],
            "generator.backbone.name": generator["backbone"]["name"],
            "states": plan["config"]["states"],
        }

    finished, trained = _finished(config, "checkpoint", folder, "train", described)
    named = (config.corpus.name, config.generator.name, config.generator.backbone.name, config.states.name)
    for (key, own), asked in zip(trained.items(), named, strict=True):
        if own != asked:
            raise CheckpointError(
                f"checkpoint={folder} belongs to {key}={own}, not to {key}={asked}: pass {key}={own}, or another "
                "checkpoint."
            )
    return finished


def _finished(
    config: Config, key: str, folder: Path, kind: str, read: Callable[[Mapping[str, Any]], T]
) -> tuple[Finished, T]:
    """The finished stage that `key` of the config names, and what `read` takes from its plan.

    Raises:
        CheckpointError: it is another kind of folder, or not finished.
    """
    try:
        plan = read_plan(folder)
        found, fingerprint, wanted = plan["kind"], plan["fingerprint"], read(plan)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{key}={folder} is no {kind} folder ({PLAN} is missing or damaged).") from error
    if found != kind or not is_done(folder):
        raise CheckpointError(
            f"{key}={folder} is not a finished {kind} folder, such as {runs_folder(config)}/{kind}-…."
        )
    return Finished(folder, fingerprint), wanted


def row_of(config: Config, train: Stage | Finished, classifier: Stage | Finished | None) -> dict[str, Any]:
    """What tells one row of a report from another; the seed, which its evaluations differ in; and what all rows share.

    `settings` stands for the training and the decoding, but for states and seed: 8 hex digits. `classifier` is the
    judge's name with such digits for its training, "" where there is none.
    """
    trained = config_of(train)
    shared = {key: value for key, value in trained.items() if key not in ("states", "seed")}
    decoding = {key: value for key, value in plain(config.decoding).items() if key != "batch_size"}
    judge = {key: value for key, value in config_of(classifier).items() if key != "seed"} if classifier else None
    return {
        "settings": _digits([shared, decoding]),
        "classifier": f"{judge['classifier']['name']} {_digits(judge)}" if judge else "",
        "generator": trained["generator"]["name"],
        "states": trained["states"],
        "seed": trained["seed"],
        "reranking": config.reranking.name,
    }


def _digits(settings: object) -> str:
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:8]
