"""What each stage does, in the child process: train, decode, evaluate. A stage loads only what it needs."""

import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from datatuner import corpora
from datatuner.corpora import Corpus
from datatuner.errors import ConfigError
from datatuner.example import Example
from datatuner.linearization import linearized_text
from datatuner.provenance import provenance
from datatuner.records import (
    BEAMS,
    METRICS,
    PREDICTIONS,
    BeamRow,
    Hypothesis,
    Prediction,
    merge_beams,
    read_predictions,
    write_json,
    write_jsonl,
)
from datatuner.reranking import complete_first
from datatuner.stages import DONE, REFERENCES

log = logging.getLogger(__name__)


def run_stage(plan: Mapping[str, Any], folder: Path) -> None:
    """Does what `stage.json` says, then writes done.json, which makes the folder count as finished."""
    start = time.monotonic()
    stages: dict[str, Callable[[Mapping[str, Any], Path], dict[str, Any]]] = {
        "train": train,
        "decode": decode,
        "evaluate": evaluate,
    }
    origin = provenance()  # of the code that is loaded now, not of a commit made while it runs
    found = stages[plan["kind"]](plan, folder)
    done = {**found, "seconds": round(time.monotonic() - start, 1), "provenance": origin}
    write_json(folder / DONE, done)


def read_split(plan: Mapping[str, Any], split: str) -> Corpus:
    """A split of the plan's corpus; says what was left out."""
    corpus, folder = plan["config"]["corpus"], plan["settings"]["corpus_folder"]
    where = Path(folder) if folder else None
    found = corpora.read(corpus["name"], where, split, on_error=corpus["on_error"], reader=corpus.get("reader"))
    counts = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in found.counts.items() if count)
    log.info("%s %s: %s", corpus["name"], split, counts)
    for message in found.skipped:
        log.warning("left out: %s", message)
    return found


def found_gpu(accelerator: str) -> bool:
    """Whether to compute on a GPU.

    Raises:
        ConfigError: one is asked for, and there is none.
    """
    import torch

    found = torch.cuda.is_available()
    if accelerator in ("gpu", "cuda") and not found:
        raise ConfigError(
            f"trainer.accelerator={accelerator}, but torch {torch.__version__} finds no GPU here. "
            "Pass trainer=cpu, or install a torch that is built for the GPU."
        )
    return found and accelerator != "cpu"


def train(plan: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Fine-tunes a generator; leaves best.ckpt, tokenizer/, encoding.json and metrics.csv."""
    splits = read_split(plan, "train"), read_split(plan, "validation")  # before Lightning, which takes long to import
    accelerator = "gpu" if found_gpu(plan["settings"]["accelerator"]) else "cpu"
    from datatuner import training

    resolved = {**plan, "settings": {**plan["settings"], "accelerator": accelerator}}
    return training.train_generator(resolved, *splits, folder)


def decode(plan: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The n-best list of each input of a split, in beams.jsonl."""
    corpus = read_split(plan, plan["config"]["split"])
    from rich.progress import Progress

    from datatuner.beams import BeamSettings
    from datatuner.checkpoints import load_generator
    from datatuner.decoding import Prompt, beam_search

    settings = BeamSettings(**plan["config"]["decoding"])
    use_gpu = found_gpu(plan["settings"]["accelerator"])
    trained = load_generator(Path(plan["parents"]["train"]), max_new_tokens=settings.max_new_tokens)
    trained.encoder.warm(example.source for example in corpus)
    encoded = [trained.encoder.prompt(example.source) for example in corpus]
    prompts = [Prompt.of(e) for e in encoded]
    generator = trained.generator.to("cuda" if use_gpu else "cpu")
    with Progress() as progress:
        task = progress.add_task("decode", total=len(prompts))
        result = beam_search(
            generator,
            prompts,
            settings,
            **trained.special_ids,
            batch_size=plan["settings"]["batch_size"],
            on_batch=lambda done: progress.advance(task, done),
        )

    def hypothesis(beam: Any) -> Hypothesis:
        text = trained.encoder.text(beam.token_ids)
        return Hypothesis(text, beam.log_probability, beam.tokens, beam.score, beam.complete)

    rows = [
        BeamRow(example.id, linearized_text(example.source), tuple(map(hypothesis, beams)))
        for example, beams in zip(corpus, result.beams, strict=True)
    ]
    write_jsonl(folder / BEAMS, rows)
    found = {
        "inputs": len(rows),
        "cut_inputs": sum(e.cut > 0 for e in encoded),
        "inputs_without_complete": sum(not any(h.complete for h in row.hypotheses) for row in rows),
        "steps": result.steps,
        "suppressed_wins": result.suppressed_wins,
    }
    log.info("decoded: %s", found)
    return found


def evaluate(plan: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Scores a decode stage's first texts, or another system's; leaves predictions.jsonl and metrics.json."""
    from datatuner.metrics import corpus_metrics

    config = plan["config"]
    corpus = read_split(plan, config["split"])
    seed, samples = config["seed"], config["bootstrap_samples"]
    predictions = _predictions(plan, corpus)
    if predictions is None:
        scores = corpus_metrics.score_references([e.references for e in corpus], seed=seed, samples=samples)
        metrics, parts = scores.metrics, {}
        counts = {"inputs_with_one_reference": scores.left_out}
        log.info("%d of %d inputs have one reference and are left out", scores.left_out, len(corpus))
        if scores.left_out == len(corpus):
            log.warning("no input has two references, so there is nothing to compare them with: values are null")
        predictions = [_prediction(example, example.references[0]) for example in corpus]
    else:
        texts, references = [p.text for p in predictions], [p.references for p in predictions]
        metrics = corpus_metrics.score(texts, references, seed=seed, samples=samples)
        attributes = [example.attributes for example in corpus]
        parts = corpus_metrics.breakdown(texts, references, attributes, seed=seed, samples=samples)
        counts = {"inputs_without_complete": sum(p.complete is False for p in predictions)}
    write_jsonl(folder / PREDICTIONS, predictions)
    origin = {
        "corpus": config["corpus"]["name"],
        "split": config["split"],
        "counts": dict(corpus.counts),
        "inputs": plan["inputs"],
        "seed": seed,
    }
    content = corpus_metrics.to_json(metrics, parts, {**origin, **counts, "parents": plan["parents"], **provenance()})
    write_json(folder / METRICS, content)
    return counts


def _predictions(plan: Mapping[str, Any], corpus: Corpus) -> list[Prediction] | None:
    """What is scored: the beams of the parent stage, or a file; None for the references themselves."""
    ids = [example.id for example in corpus]
    given = plan["settings"]["predictions"]
    if given == REFERENCES:
        return None
    if given is not None:
        texts = read_predictions(Path(given), ids)
        log.info("%s: %d texts, %d of them empty", given, len(texts), sum(not text.strip() for text in texts))
        return [_prediction(example, text) for example, text in zip(corpus, texts, strict=True)]
    rows: list[BeamRow] = merge_beams([Path(plan["parents"]["decode"]) / BEAMS], ids)
    best = [complete_first(row.hypotheses)[0] for row in rows]
    return [
        _prediction(example, first.text, first.complete, first.log_probability)
        for example, first in zip(corpus, best, strict=True)
    ]


def _prediction(
    example: Example, text: str, complete: bool | None = None, log_probability: float | None = None
) -> Prediction:
    return Prediction(example.id, linearized_text(example.source), text, example.references, complete, log_probability)
