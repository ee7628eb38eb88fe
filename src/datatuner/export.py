"""A finished run -> one folder that `datatuner.load` and, in part, plain transformers can use (see `exported`)."""

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import save_file

import datatuner
from datatuner.alignment import VERSION, build_aligner
from datatuner.beams import BeamSettings
from datatuner.checkpoints import TrainedGenerator, load_classifier, load_generator, save_tokenizer
from datatuner.encoding import leading_space
from datatuner.errors import OutputError
from datatuner.example import AmrGraph, Example
from datatuner.exportable import Run, ensure_new
from datatuner.exported import ALIGNER, CARD, CLASSIFIER, CONFIG, GENERATOR, STATES, TAGS, WEIGHTS, seal
from datatuner.fidelity import TrainedClassifier
from datatuner.inputs import AMR_EXAMPLE, KINDS, as_given
from datatuner.linearization import predicates_of
from datatuner.model_card import card
from datatuner.nbest import abstention, scored_rows
from datatuner.provenance import provenance
from datatuner.stage_inputs import ensure_planned, read_split
from datatuner.stages import DONE, read_plan
from datatuner.writing import write_json


def export(run: Run, folder: Path, *, licence: str | None) -> Path:
    """Writes the export of `run` to `folder`, whole or not at all.

    Args:
        licence: of the corpus, for the card.

    Raises:
        ExportError: `folder` is there already.
        CorpusNotFoundError: the training split, whose names the alignment needs, is gone.
        OutputError: it cannot be written.
    """
    ensure_new(folder)
    decoding = BeamSettings(**(run.decoding or {}))
    trained = load_generator(run.train, max_new_tokens=decoding.max_new_tokens)
    classifier = load_classifier(run.classifier) if run.classifier else None
    train = read_split(run.plan, "train")
    ensure_planned(train, read_plan(run.train), "train")  # an evaluation of a `checkpoint=` may have read another one
    scratch = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    try:
        scratch.mkdir(parents=True)
    except OSError as error:
        raise _unwritten(folder, error) from error
    try:
        _write_generator(scratch / GENERATOR, trained, decoding)
        if classifier:
            _write_classifier(scratch / CLASSIFIER, classifier)
        content = _content(run, decoding, trained, classifier, train)
        if content["aligner"] is not None:
            known = build_aligner(content["corpus"], train).known()
            (scratch / ALIGNER).write_text(json.dumps(known, ensure_ascii=False), encoding="utf-8")
        text = card(content, shown=train[0].source, licence=licence, space=leading_space(trained.encoder.tokenizer))
        (scratch / CARD).write_text(text, encoding="utf-8")
        seal(scratch, content)
        _readable(scratch)
        ensure_new(folder)  # another process may have written it meanwhile
        scratch.rename(folder)  # fails where there are files after all
    except (OSError, SafetensorError) as error:
        raise _unwritten(folder, error) from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return folder


def _unwritten(folder: Path, error: Exception) -> OutputError:
    return OutputError(f"cannot write {folder}: {error}. Free space there, or name another folder.")


def _readable(folder: Path) -> None:
    """For whom a new file here is: safetensors are written for their owner alone."""
    usual = (folder / CARD).stat().st_mode
    for path in folder.rglob("*"):
        if path.is_file():
            path.chmod(usual)


def _write_generator(folder: Path, trained: TrainedGenerator, decoding: BeamSettings) -> None:
    """A folder as transformers' save_pretrained writes it, whose `generate` decodes as this project does."""
    generator, backbone = trained.generator, trained.generator.backbone
    settings = backbone.generation_config
    assert settings is not None  # every causal language model has one
    # transformers saves no settings of a beam where there is none.
    beam = {"length_penalty": decoding.length_penalty, "early_stopping": decoding.early_stopping}
    settings.update(
        **(beam if decoding.beam_size > 1 else {}),
        do_sample=False,
        num_beams=decoding.beam_size,
        num_return_sequences=decoding.n_best,
        max_new_tokens=decoding.max_new_tokens,
        max_length=None,
        suppress_tokens=sorted(trained.special_ids["suppressed_ids"]),
        eos_token_id=trained.special_ids["eos_id"],
        pad_token_id=trained.special_ids["eos_id"],
    )
    backbone.save_pretrained(folder)
    save_tokenizer(folder, trained.encoder.tokenizer)
    tags = trained.encoder.tags
    write_json(folder / TAGS, {tag: tags.id(tag) for tag in tags.tags})
    if generator.own_states is not None:
        save_file({"weight": generator.own_states.weight.detach().contiguous()}, folder / STATES)


def _write_classifier(folder: Path, trained: TrainedClassifier) -> None:
    folder.mkdir()
    weights = {name: tensor.clone().contiguous() for name, tensor in trained.classifier.state_dict().items()}
    save_file(weights, folder / WEIGHTS)
    write_json(folder / CONFIG, trained.classifier.encoder.config.to_dict())
    save_tokenizer(folder, trained.encoder.tokenizer)


def _content(
    run: Run,
    decoding: BeamSettings,
    trained: TrainedGenerator,
    classifier: TrainedClassifier | None,
    train: Sequence[Example],
) -> dict[str, Any]:
    """What export.json says beside the checksums."""
    plan, encoder, shown = run.plan, trained.encoder, train[0].source
    corpus = plan["config"]["corpus"]
    config, settings = plan["config"], plan["settings"]
    aligned = config["aligner"] is not None if "aligner" in config else settings.get("aligned", True)
    return {
        "datatuner": datatuner.__version__,
        "corpus": corpus["name"],
        "kinds": sorted({KINDS[type(example.source)] for example in train}),
        # Tags are in the generator's vocabulary; predicates are words, which no vocabulary lists.
        "predicates": predicates_of([example.source for example in train]),
        "example": AMR_EXAMPLE if isinstance(shown, AmrGraph) else as_given(shown),
        "generator": {
            "name": read_plan(run.train)["config"]["generator"]["name"],
            "model_type": trained.generator.backbone.config.model_type,
            "states": encoder.states,
            "state_table": trained.generator.state_table,
            "max_length": encoder.max_length,
            "max_prompt": encoder.max_prompt,
            "first_id": encoder.tags.first_id,
            **trained.special_ids,
            "suppressed_ids": sorted(trained.special_ids["suppressed_ids"]),
        },
        "decoding": asdict(decoding),
        "reranking": {"policy": run.policy, "weight": run.weight},
        "classifier": classifier
        and {
            "name": read_plan(classifier.folder)["config"]["classifier"]["name"],
            "labels": list(classifier.labels),
            "temperature": classifier.temperature,
            "tags": list(classifier.encoder.tags.tags),
            "first_id": classifier.encoder.tags.first_id,
            "max_length": classifier.encoder.max_length,
            "calibration_error": _calibration_errors(run, classifier.folder),
        },
        "aligner": VERSION if aligned else None,
        "metrics": run.metrics and {"split": plan["config"]["split"], **_measured(run.metrics)},
        "abstention": _abstention(run),
        "provenance": {
            "export": provenance(),
            "training": json.loads((run.train / DONE).read_text(encoding="utf-8"))["provenance"],
            "fingerprints": _fingerprints(run),
            "inputs": read_plan(run.train)["inputs"],
            "seed": read_plan(run.train)["config"]["seed"],
        },
    }


def _measured(metrics: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: {key: each[key] for key in ("value", "low", "high", "n")} for name, each in metrics["metrics"].items()
    }


def _calibration_errors(run: Run, classifier: Path) -> dict[str, Any]:
    """Expected calibration errors of P(accurate): where it was calibrated (of an earlier version's classifier that of
    its most probable label), and on the run's own texts (None where not aligned).
    """
    after = json.loads((classifier / DONE).read_text(encoding="utf-8"))["scores"]["calibration"]["after"]
    own = (run.metrics or {}).get("judges", {}).get("calibration_error")
    return {"corrupted_references": after.get("ece_accurate", after["ece"]), "own_texts": own}


def _abstention(run: Run) -> dict[str, Any] | None:
    """What `abstain_below` would have left of the run's own n-best lists; None without a classifier."""
    if run.classifier is None:
        return None
    rows = scored_rows(Path(run.plan["parents"]["score"]), None)
    return abstention(rows, run.policy, weight=run.weight or 0.0)


def _fingerprints(run: Run) -> dict[str, str]:
    found = {run.plan["kind"]: run.plan["fingerprint"], "train": read_plan(run.train)["fingerprint"]}
    return found | ({"classifier": read_plan(run.classifier)["fingerprint"]} if run.classifier else {})
