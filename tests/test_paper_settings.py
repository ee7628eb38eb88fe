"""The experiments `paper_*`: METHOD's values, on GPT-2 medium without its weights, and what the model would read."""

import json
import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import torch

from datatuner import corpora
from datatuner.backbones import build_model, train_tokenizer
from datatuner.config import plain
from datatuner.corpora import Corpus
from datatuner.encoding import IGNORED, Encoded, Encoder, TagVocabulary, training_texts
from datatuner.example import AmrGraph, AmrNode, SlotValues, Source, Triples
from datatuner.linearization import OTHER, tags_of
from datatuner.models.generator import Generator
from datatuner.optim import OptimSettings, build_optimizer, linear_schedule
from datatuner.validation import validate
from tests.configs import EXPERIMENTS, composed

DATA_DIR = os.environ.get("DATATUNER_DATA")
needs_corpora = pytest.mark.skipif(DATA_DIR is None, reason="DATATUNER_DATA does not name the real corpora")

# METHOD.md: batch, accumulated, epochs, optimizer, lr, tokens, patience (None: not published).
PUBLISHED = {
    "paper_webnlg": ("webnlg", 8, 8, 15, "novograd", 1e-2, 200, 2),
    "paper_e2e": ("e2e", 10, 8, 10, "adamw", 1e-4, None, None),
    "paper_viggo": ("viggo", 8, 8, 10, "novograd", 1e-2, None, None),
    "paper_ldc2017t10": ("ldc2017t10", 3, 8, 20, "adamw", 1e-4, 350, None),
}


def test_each_published_row_has_its_experiment():
    assert set(PUBLISHED) == {name for name in EXPERIMENTS if name.startswith("paper_")}


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_published_values(name):
    config = composed("run", f"experiment={name}", "seed=1")
    validate(config)
    generator, optim = config.generator, config.generator.optim
    corpus, batch, accumulate, epochs, optimizer, lr, tokens, patience = PUBLISHED[name]
    assert (config.corpus.name, generator.name, generator.state_table.name) == (corpus, "gpt2_medium", "tied")
    assert (config.corpus.batch_size, config.trainer.accumulate, generator.max_epochs) == (batch, accumulate, epochs)
    assert (optim.name.name, optim.lr, optim.warmup_steps, config.trainer.clip) == (optimizer, lr, 0, 1.0)
    assert config.corpus.max_length == (tokens or 512)
    assert generator.patience == (patience or epochs)
    classifier = config.classifier
    assert (classifier.name, classifier.encoder.name) == ("roberta_large", "FacebookAI/roberta-large")
    assert (classifier.optim.lr, classifier.optim.warmup_steps, classifier.max_epochs) == (5e-5, 500, 3)
    assert 3 <= classifier.batch_size * classifier.accumulate <= 8
    assert config.corruptions.recipe.name == "released"
    decoding = config.decoding
    assert (decoding.beam_size, decoding.n_best, decoding.max_new_tokens, decoding.length_penalty) == (5, 5, 100, 0.75)


@cache
def split(name: str) -> Corpus:
    assert DATA_DIR is not None
    return corpora.read(name, Path(DATA_DIR) / name, "train")


@needs_corpora
@pytest.mark.parametrize("name", PUBLISHED)
def test_the_model_and_its_optimizer_on_the_meta_device(name, fixtures):
    """No weights, no memory: their shapes alone. gpt2-medium has 354.8 M parameters."""
    config = composed("run", f"experiment={name}", "seed=1")
    architecture = json.loads((fixtures / "gpt2_medium.json").read_text())
    tags = TagVocabulary.build(tags_of([e.source for e in split(config.corpus.name)]), architecture["vocab_size"])
    with torch.device("meta"):
        backbone = build_model({**architecture, "vocab_size": tags.first_id + len(tags)})
        table = config.generator.state_table.name
        generator = Generator(backbone, state_table=table, first_tag_id=tags.first_id, tag_count=len(tags))
    count = sum(parameter.numel() for parameter in generator.parameters())
    assert count == pytest.approx(354.8e6, rel=1e-3)

    optimizer = build_optimizer(generator, OptimSettings(**plain(config.generator.optim)))
    assert type(optimizer).__name__.lower() == config.generator.optim.name.name
    assert sum(p.numel() for group in optimizer.param_groups for p in group["params"]) == count
    schedule = linear_schedule(optimizer, warmup_steps=0, total_steps=10)
    assert schedule.get_last_lr() == [config.generator.optim.lr] * len(optimizer.param_groups)


# METHOD's table once more, as a reader would write it down: one string for each input, tags and words by spaces.


def words(name: str) -> str:
    return re.sub("([a-z0-9])([A-Z])", r"\1 \2", re.sub("([A-Z])([A-Z][a-z])", r"\1 \2", name)).replace("_", " ")


def written(source: Source) -> str:
    if isinstance(source, Triples):
        return " ; ".join(
            f"<subject> {s.replace('_', ' ')} <predicate> {words(p).lower()} <object> {o.replace('_', ' ')}"
            for s, p, o in source.triples
        )
    if isinstance(source, SlotValues) and source.act is None:
        return " ; ".join(f"<{name.replace(' ', '_')}> {name} = [ {value} ]" for name, value in source.slots)
    if isinstance(source, SlotValues):
        slots = ", ".join(f"<{n}> {words(n)}: [ {v} ]" if v else f"<{n}> {words(n)}: [ ]" for n, v in source.slots)
        return f"<{source.act}> {words(source.act or '')} ( {slots} )"
    return " ".join(penman(source.root, concepts(source), root=True))


def concepts(graph: AmrGraph) -> dict[str, str]:
    def walk(node: AmrNode) -> Iterator[tuple[str, str]]:
        yield node.variable, re.sub(r"-\d+$", "", node.concept).replace('"', "")
        for _, target in node.edges:
            if isinstance(target, AmrNode):
                yield from walk(target)

    return dict(walk(graph.root))


def penman(node: AmrNode, known: dict[str, str], *, root: bool = False, named: bool = False) -> Iterator[str]:
    if not root:
        yield "("
    if not named:
        yield known[node.variable]
    for role, target in node.edges:
        if role == ":wiki":
            continue
        if not (named and re.fullmatch(r":op\d+", role)):
            yield f"<{role}>"
        if isinstance(target, AmrNode):
            yield from penman(target, known, named=role == ":name" and target.concept == "name")
        else:
            yield known.get(target, target.replace('"', ""))
    if not root:
        yield ")"


@needs_corpora
@pytest.mark.parametrize("name", PUBLISHED)
def test_100_real_inputs_token_by_token(name):
    config = composed("run", f"experiment={name}", "seed=1")
    train = split(config.corpus.name)
    tokenizer = train_tokenizer(training_texts(train), 1000)
    tags = TagVocabulary.build(tags_of([example.source for example in train]), len(tokenizer))
    length = config.corpus.max_length
    encoder = Encoder(tokenizer, tags, states="fine", max_length=length, max_prompt=length)
    for example in train[:: len(train) // 100][:100]:
        encoded = encoder.example(example.source, example.references[0], example.id)
        assert rows(encoded, encoder) == expected(example.source, example.references[0], encoder, length), example.id


def rows(encoded: Encoded, encoder: Encoder) -> list[tuple[str, str, bool]]:
    """(token, state, learned?) of each position."""
    described = zip(encoder.describe(encoded), encoded.labels, strict=True)
    return [(token, state, label != IGNORED) for (token, state, _), label in described]


def expected(source: Source, target: str, encoder: Encoder, length: int) -> list[tuple[str, str, bool]]:
    found: list[tuple[str, str, bool]] = []
    state = "<data>"
    for part in re.split(r"(<\S+>) ?", f"<data> {written(source)} "):
        if re.fullmatch(r"<\S+>", part):
            state = part if part in encoder.tags.tags else OTHER
            found.append((state, state, False))
        elif part.strip():
            found += [(token, state, False) for token in encoder.tokenizer.tokenize(f" {part.strip()}")]
    learned = [(token, "<text>", True) for token in [*encoder.tokenizer.tokenize(f" {target}"), "<|endoftext|>"]]
    return [*found[: length - len(learned) - 1], ("<text>", "<text>", False), *learned]
