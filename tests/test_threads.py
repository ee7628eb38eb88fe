"""One exported model for several threads, for the children of a process, and under another default dtype."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import BertConfig, BertModel

import datatuner as package
from datatuner.alignment import build_aligner
from datatuner.checkpoints import TrainedGenerator
from datatuner.classifier_backbones import build_classifier, train_pair_tokenizer
from datatuner.encoding import TagVocabulary, training_texts
from datatuner.example import Example
from datatuner.fidelity import TrainedClassifier
from datatuner.linearization import tags_of
from datatuner.models.classifier import Classifier
from datatuner.models.generator import Generator
from datatuner.pair_encoding import PairEncoder
from datatuner.records import LABELS
from datatuner.tuner import Result, Tuner

THREADS, ROUNDS = 8, 3
SETTINGS = {
    "corpus": "demo",
    "kinds": ["slots"],
    "decoding": {"beam_size": 3, "n_best": 3, "max_new_tokens": 12},
    "reranking": {"policy": "probability", "weight": 0.5},
}


@pytest.fixture
def classifier(demo: tuple[Example, ...]) -> TrainedClassifier:
    """One with random weights, larger than they start, so that its probabilities differ from text to text."""
    torch.manual_seed(0)
    tokenizer = train_pair_tokenizer(training_texts(demo), 400)
    config = BertConfig(
        vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
        max_position_embeddings=256,
    )  # fmt: skip
    tags = TagVocabulary.build(tags_of([example.source for example in demo]), len(tokenizer))
    model: Any = BertModel(config, add_pooling_layer=False)
    made = build_classifier(model, tokenizer, tags, labels=len(LABELS)).eval()
    torch.nn.init.normal_(made.head.weight)
    return TrainedClassifier(made, PairEncoder(tokenizer, tags, max_length=200), LABELS, 1.0, "demo", Path())


@pytest.fixture
def build(tiny: Any, classifier: TrainedClassifier, demo: tuple[Example, ...]) -> Callable[[str], Tuner]:
    """build(model_type): a Tuner with random weights, as `load` leaves one."""

    def make(model_type: str) -> Tuner:
        torch.manual_seed(0)
        made = tiny(model_type, "own", initializer_range=0.3)
        torch.nn.init.normal_(made.generator.own_states.weight)
        trained = TrainedGenerator(made.generator.eval(), made.encoder, made.special_ids)
        return Tuner(SETTINGS, trained, classifier, build_aligner("demo", demo))

    return make


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    """Threads that take turns often."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(THREADS) as threads:
            yield threads
    finally:
        sys.setswitchinterval(interval)


@pytest.mark.parametrize("model_type", ["gpt2", "gemma2"])
def test_threads_get_the_texts_labels_and_probabilities_of_one_by_one(
    build: Callable[[str], Tuner], demo: tuple[Example, ...], pool: ThreadPoolExecutor, model_type: str
) -> None:
    sources = [example.source for example in demo[:24]]
    alone = build(model_type)
    expected: list[Result] = [alone.generate(source) for source in sources]
    assert len({each.text for each in expected}) > 4
    assert len({each.fidelity for each in expected}) == len(sources)
    tuner = build(model_type)  # its caches are empty, so that threads fill them together
    for _ in range(ROUNDS):
        assert list(pool.map(tuner.generate, sources)) == expected


FORKED = """
import os, sys, datatuner
tuner = datatuner.load(sys.argv[1])
record = {"name": "Larkfield Path", "type": "walk"}
texts = [each.text for each in tuner.generate(record).candidates]
for which in ("the parent's", "its own"):
    child = os.fork()
    if child == 0:
        mine = tuner if which == "the parent's" else datatuner.load(sys.argv[1])
        print(which, [each.text for each in mine.generate(record).candidates] == texts, flush=True)
        os._exit(0)
    os.waitpid(child, 0)
print("parent", [each.text for each in tuner.generate(record).candidates] == texts, flush=True)
"""


def test_a_fork_uses_its_parents_model_or_one_of_its_own(exported: Path) -> None:
    """With two threads of OpenMP's, as on any machine with two cores, whose fork would wait for ever."""
    ran = subprocess.run(
        [sys.executable, "-c", FORKED, str(exported)],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "2"},
    )
    assert (ran.returncode, ran.stdout.splitlines()) == (0, ["the parent's True", "its own True", "parent True"])


@pytest.fixture(params=[torch.float64, torch.bfloat16], ids=str)
def other_default(request: Any) -> Iterator[Callable[[], None]]:
    before = torch.get_default_dtype()
    yield lambda: torch.set_default_dtype(request.param)
    torch.set_default_dtype(before)


def test_the_default_dtype_changes_no_export(exported: Path, other_default: Callable[[], None]) -> None:
    records = [{"name": name, "type": "walk"} for name in ("Larkfield Path", "Aspen Way", "Swiftby Round")]
    expected = package.load(exported)
    texts = expected.generate(records)
    other_default()
    tuner = package.load(exported)
    assert tuner.precision == "float32"
    assert tuner.generate(records) == texts
    weights = expected.trained.generator.state_dict()
    for name, weight in tuner.trained.generator.state_dict().items():
        assert weight.dtype == weights[name].dtype
        assert torch.equal(weight, weights[name])


@torch.inference_mode()
def test_the_default_dtype_changes_no_module(
    build: Callable[[str], Tuner], demo: tuple[Example, ...], other_default: Callable[[], None]
) -> None:
    """What torch makes without being told a dtype: a table of states, a classifier's segments and its head."""
    tuner = build("llama")
    expected = tuner.generate([example.source for example in demo[:4]])
    other_default()
    assert tuner.generate([example.source for example in demo[:4]]) == expected
    generator, classifier = tuner.trained.generator, tuner.classifier
    assert classifier is not None
    made = Generator(generator.backbone, state_table="own", first_tag_id=3, tag_count=2)
    assert made.own_states is not None
    assert made.own_states.weight.dtype == torch.float32
    assert {weight.dtype for weight in Classifier(generator.backbone.model, labels=5).parameters()} == {torch.float32}
