"""What each stage does, in the child process: train, decode, evaluate. A stage loads only what it needs."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from datatuner.alignment import build_aligner
from datatuner.corpora import Corpus
from datatuner.corruptions import Pair, corrupt
from datatuner.errors import ConfigError
from datatuner.evaluation import evaluate
from datatuner.lineage import ensure_parents, seal
from datatuner.linearization import linearized_text
from datatuner.provenance import code_of, provenance
from datatuner.ranks import Place
from datatuner.records import BEAMS, LABELS, BeamRow, merge_beams
from datatuner.scoring import score
from datatuner.shards import Shards
from datatuner.stage_inputs import device_of, found_gpu, read_split
from datatuner.stages import DONE
from datatuner.writing import write_json

log = logging.getLogger(__name__)


def run_stage(plan: Mapping[str, Any], folder: Path) -> None:
    """Does what `stage.json` says, then writes done.json, which makes the folder count as finished."""
    start = time.monotonic()
    stages: dict[str, Callable[[Mapping[str, Any], Path], dict[str, Any]]] = {
        "train": train,
        "classifier": train_classifier,
        "decode": decode,
        "score": score,
        "evaluate": evaluate,
    }
    ensure_parents(plan)
    origin, code = provenance(), code_of(plan["kind"])  # as they are now, not as edited while it runs
    found = stages[plan["kind"]](plan, folder)
    if Place.mine().rank == 0:
        seconds = round(time.monotonic() - start, 1)
        outputs = seal(folder, plan["kind"])
        done = {**found, "seconds": seconds, "fingerprint": plan["fingerprint"], "outputs": outputs, "code": code}
        write_json(folder / DONE, {**done, "provenance": origin})


def train(plan: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Fine-tunes a generator; leaves best.ckpt, tokenizer/, encoding.json and metrics.csv."""
    splits = read_split(plan, "train"), read_split(plan, "validation")  # before Lightning, which takes long to import
    accelerator = "gpu" if found_gpu(plan["settings"], plan["config"]["trainer"]["precision"]) else "cpu"
    from datatuner import training

    resolved = {**plan, "settings": {**plan["settings"], "accelerator": accelerator}}
    ensure_shares(splits[1])
    return training.train_generator(resolved, *splits, folder)


def train_classifier(plan: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Trains a fidelity classifier on corrupted pairs; leaves best.ckpt, tokenizer/, classifier.json, metrics.csv."""
    train, validation = read_split(plan, "train"), read_split(plan, "validation")
    accelerator = "gpu" if found_gpu(plan["settings"], plan["config"]["trainer"]["precision"]) else "cpu"
    pairs = training_pairs(plan, train, validation)
    ensure_shares(pairs[1])
    from datatuner import classifier_training

    resolved = {**plan, "settings": {**plan["settings"], "accelerator": accelerator}}
    return classifier_training.train_classifier(resolved, train, *pairs, folder)


def ensure_shares(validation: Sequence[object]) -> None:
    """
    Raises:
        ConfigError: a rank would have nothing to validate on.
    """
    ranks = Place.mine().ranks
    if len(validation) < ranks:
        raise ConfigError(
            f"{ranks} devices cannot share a validation split of {len(validation)}: pass trainer.devices="
            f"{len(validation)} or fewer."
        )


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
    if missing := [label for label in LABELS if all(pair.label != label for pair in pairs)]:
        raise ConfigError(
            f"corruptions of {config['corpus']['name']} yield no pair labelled {' or '.join(missing)}; a classifier "
            "needs pairs of every label. Records need values that the texts say; see `datatuner data corrupt`."
        )
    return pairs, held_out


def decode(plan: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The n-best list of each input of a split, in beams.jsonl; each rank decodes a share of the inputs."""
    corpus = read_split(plan, plan["config"]["split"])
    from rich.progress import Progress

    from datatuner.beams import BeamSettings
    from datatuner.checkpoints import load_generator
    from datatuner.generation import generate

    settings = BeamSettings(**plan["config"]["decoding"])
    device = device_of(plan["settings"])
    shards = Shards(folder / BEAMS, Place.mine())
    examples = shards.mine(corpus)
    trained = load_generator(Path(plan["parents"]["train"]), max_new_tokens=settings.max_new_tokens)
    trained.generator.to(device)
    with Progress() as progress:
        task = progress.add_task("decode", total=len(examples))
        result = generate(
            trained,
            [example.source for example in examples],
            settings,
            batch_size=plan["settings"]["batch_size"],
            on_batch=lambda done: progress.advance(task, done),
        )
    rows = [
        BeamRow(example.id, linearized_text(example.source), hypotheses)
        for example, hypotheses in zip(examples, result.lists, strict=True)
    ]
    found = {
        "inputs": len(rows),
        "cut_inputs": sum(map(bool, result.cut)),
        "inputs_without_complete": sum(not any(h.complete for h in row.hypotheses) for row in rows),
        "steps": result.steps,
        "suppressed_wins": result.suppressed_wins,
    }
    found = shards.deliver(rows, found, lambda paths: merge_beams(paths, [example.id for example in corpus]))
    log.info("decoded: %s", found)
    if incomplete := found["inputs_without_complete"]:
        cut = settings.max_new_tokens
        log.warning("%d of %d inputs have no text that ends within %d tokens: they are cut", incomplete, len(rows), cut)
    return found
