"""What each stage does, in the child process: train, decode, evaluate. A stage loads only what it needs."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datatuner import corpora
from datatuner.alignment import build_aligner
from datatuner.corpora import Corpus
from datatuner.corruptions import Pair, corrupt
from datatuner.errors import ConfigError
from datatuner.example import Example
from datatuner.linearization import linearized_text
from datatuner.provenance import provenance
from datatuner.records import (
    BEAMS,
    COMPARISON,
    LABELS,
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

if TYPE_CHECKING:
    from datatuner.metrics.corpus_metrics import Measured, Scorers

log = logging.getLogger(__name__)


def run_stage(plan: Mapping[str, Any], folder: Path) -> None:
    """Does what `stage.json` says, then writes done.json, which makes the folder count as finished."""
    start = time.monotonic()
    stages: dict[str, Callable[[Mapping[str, Any], Path], dict[str, Any]]] = {
        "train": train,
        "classifier": train_classifier,
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


def train_classifier(plan: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Trains a fidelity classifier on corrupted pairs; leaves best.ckpt, tokenizer/, classifier.json, metrics.csv."""
    train, validation = read_split(plan, "train"), read_split(plan, "validation")
    accelerator = "gpu" if found_gpu(plan["settings"]["accelerator"]) else "cpu"
    pairs = training_pairs(plan, train, validation)
    from datatuner import classifier_training

    resolved = {**plan, "settings": {**plan["settings"], "accelerator": accelerator}}
    return classifier_training.train_classifier(resolved, train, *pairs, folder)


def training_pairs(plan: Mapping[str, Any], train: Corpus, validation: Corpus) -> tuple[list[Pair], list[Pair]]:
    """A classifier's pairs: of the training split without the left-out operation, of the validation split with it.

    There is one validation pair for five training pairs, where the split gives as many.
    """
    config = plan["config"]
    chosen, seed = config["corruptions"], config["seed"]
    aligner = build_aligner(config["corpus"]["name"], train)
    recipe, leave_out = chosen["recipe"], chosen.get("leave_out")
    pairs = corrupt(train, aligner, recipe=recipe, seed=seed, pairs=chosen.get("pairs"), leave_out=leave_out)
    count = max(len(LABELS), len(pairs) // 5)
    held_out = corrupt(validation, aligner, recipe=recipe, seed=seed, pairs=count)
    for name, made in (("train", pairs), ("validation", held_out)):
        labels = Counter(pair.label for pair in made)
        log.info("%s pairs: %s", name, ", ".join(f"{labels[label]} {label}" for label in LABELS))
    return pairs, held_out


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
    if incomplete := found["inputs_without_complete"]:
        cut = settings.max_new_tokens
        log.warning("%d of %d inputs have no text that ends within %d tokens: they are cut", incomplete, len(rows), cut)
    return found


def evaluate(plan: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Scores a decode stage's first texts, or another system's; leaves predictions.jsonl and metrics.json.

    Several systems have a folder each, and a comparison.json beside these.
    """
    from datatuner.metrics import corpus_metrics
    from datatuner.metrics.catalogue import DEFAULT

    config = plan["config"]
    corpus = read_split(plan, config["split"])
    scorers = corpus_metrics.scorers(config.get("metrics", DEFAULT))
    given = plan["settings"]["predictions"]
    if given == REFERENCES:
        return _evaluate_references(plan, folder, corpus, scorers)
    if not isinstance(given, dict):
        predictions = _predictions(plan, corpus)
        _evaluate_system(plan, folder, corpus, scorers, predictions)
        return {"inputs_without_complete": _without_complete(predictions)}
    measured = {}
    for name in config["systems"]:  # in order: the first is the baseline
        own = {**plan, "settings": {**plan["settings"], "predictions": given[name]}, "inputs": _inputs_of(plan, name)}
        (folder / name).mkdir()
        measured[name] = _evaluate_system(own, folder / name, corpus, scorers, _predictions(own, corpus))
    _compare(plan, folder, measured)
    return {"systems": len(measured)}


def _evaluate_references(plan: Mapping[str, Any], folder: Path, corpus: Corpus, scorers: "Scorers") -> dict[str, Any]:
    from datatuner.metrics import corpus_metrics

    references = [example.references for example in corpus]
    seed, samples = plan["config"]["seed"], plan["config"]["bootstrap_samples"]
    attributes = [example.attributes for example in corpus]
    scores = corpus_metrics.score_references(references, attributes, scorers, seed=seed, samples=samples)
    counts = {"inputs_with_one_reference": scores.left_out, "rounds": scores.rounds}
    log.info("%d of %d inputs have one reference and are left out", scores.left_out, len(corpus))
    if scores.left_out == len(corpus):
        log.warning("no input has two references, so there is nothing to compare them with: values are null")
    for number, each in enumerate(scores.rounds, 1):
        log.info("round %d: %s", number, ", ".join(f"{name} {value:.4g}" for name, value in each.items()))
    sizes = [int(each["inputs"]) for each in scores.rounds]
    if sizes and min(sizes) < max(sizes) / 10:
        log.warning("the scores are means over rounds, of which some have few inputs: see each round's own")
    write_jsonl(folder / PREDICTIONS, [_prediction(example, example.references[0]) for example in corpus])
    origin = {**_origin(plan, corpus), **counts}
    write_json(folder / METRICS, corpus_metrics.to_json(scores.metrics, scores.breakdown, origin))
    return counts


def _evaluate_system(
    plan: Mapping[str, Any], folder: Path, corpus: Corpus, scorers: "Scorers", predictions: Sequence[Prediction]
) -> "Measured":
    """One system's two files; returns what a comparison with another one needs."""
    from datatuner.metrics import corpus_metrics

    seed, samples = plan["config"]["seed"], plan["config"]["bootstrap_samples"]
    texts, references = [p.text for p in predictions], [p.references for p in predictions]
    measured = corpus_metrics.measure(texts, references, scorers)
    metrics = corpus_metrics.score(measured, seed=seed, samples=samples)
    attributes = [example.attributes for example in corpus]
    parts = corpus_metrics.breakdown(measured, attributes, seed=seed, samples=samples)
    write_jsonl(folder / PREDICTIONS, predictions)
    origin = {**_origin(plan, corpus), "inputs_without_complete": _without_complete(predictions)}
    write_json(folder / METRICS, corpus_metrics.to_json(metrics, parts, origin))
    return measured


def _compare(plan: Mapping[str, Any], folder: Path, measured: Mapping[str, "Measured"]) -> None:
    """comparison.json: both paired tests of every system against the first, by every metric."""
    from datatuner.metrics import significance

    seed, samples = plan["config"]["seed"], plan["config"]["bootstrap_samples"]
    found = significance.compare(measured, seed=seed, samples=samples)
    count = sum(map(len, found.values()))
    if count > significance.LEVEL * (samples + 1):
        log.warning(
            "%d comparisons: by Holm's correction no p-value of %d resamples is below %s; pass bootstrap_samples=%d",
            *(count, samples, significance.LEVEL, 10 * count / significance.LEVEL),
        )
    content = {
        "baseline": next(iter(measured)),
        "comparisons": {name: {metric: asdict(c) for metric, c in row.items()} for name, row in found.items()},
        "correction": f"Holm, over {count} comparisons, each test apart",
        "samples": {"paired_bootstrap": samples, "approximate_randomization": significance.TRIALS},
        "provenance": {"inputs": plan["inputs"], "seed": seed, **provenance()},
    }
    write_json(folder / COMPARISON, content)


def _without_complete(predictions: Sequence[Prediction]) -> int:
    return sum(prediction.complete is False for prediction in predictions)


def _origin(plan: Mapping[str, Any], corpus: Corpus) -> dict[str, Any]:
    """The provenance of one metrics.json."""
    config = plan["config"]
    return {
        "corpus": config["corpus"]["name"],
        "split": config["split"],
        "counts": dict(corpus.counts),
        "inputs": plan["inputs"],
        "seed": config["seed"],
        "parents": plan["parents"],
        **provenance(),
    }


def _inputs_of(plan: Mapping[str, Any], system: str) -> dict[str, str]:
    """The checksums that one of several systems' scores depend on."""
    inputs: Mapping[str, str] = plan["inputs"]
    own = {key: inputs[f"{key}.{system}"] for key in ("predictions", "predictions_format")}
    return {"corpus": inputs["corpus"], **own}


def _predictions(plan: Mapping[str, Any], corpus: Corpus) -> list[Prediction]:
    """What is scored: the beams of the parent stage, or a file."""
    ids = [example.id for example in corpus]
    given = plan["settings"]["predictions"]
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
