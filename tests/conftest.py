"""Small real pieces for tests: demo examples, a byte-level BPE of them, tiny random backbones."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch: several test processes share two cores
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from transformers import PreTrainedTokenizerFast

from datatuner import corpora
from datatuner.backbones import build_generator, build_model, first_tag_id, suppressed_ids, train_tokenizer
from datatuner.encoding import Encoder, StateMode, TagVocabulary, training_texts
from datatuner.example import Example
from datatuner.linearization import TEXT, tags_of
from datatuner.models.generator import Generator
from tests.judged_export import with_classifier

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DATATUNER = Path(sys.executable).with_name("datatuner")
ARCHITECTURES: dict[str, dict[str, Any]] = {
    "gpt2": {"n_layer": 2, "n_head": 2, "n_embd": 32, "n_positions": 512},
    "llama": {"num_key_value_heads": 2},
    "qwen3": {"num_key_value_heads": 2, "head_dim": 8},
    "gemma2": {"num_key_value_heads": 2, "head_dim": 8, "final_logit_softcapping": 0.5, "sliding_window": 16},
    "opt": {"ffn_dim": 64, "word_embed_proj_dim": 16},
    "granite": {"num_key_value_heads": 2, "logits_scaling": 3.0},
    "cohere": {"num_key_value_heads": 2, "logit_scale": 0.25},
    "biogpt": {},
}
_COMMON = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 512,
}


@dataclass
class Tiny:
    """A random generator, its encoder and what decoding must know."""

    generator: Generator
    encoder: Encoder
    special_ids: dict[str, Any]


@pytest.fixture(scope="session")
def demo() -> tuple[Example, ...]:
    """60 training examples of the embedded corpus."""
    return corpora.read("demo", None, "train")[:60]


@pytest.fixture(scope="session")
def tokenizer(demo: tuple[Example, ...]) -> PreTrainedTokenizerFast:
    return train_tokenizer(training_texts(demo), 400)


@pytest.fixture
def tiny(demo: tuple[Example, ...], tokenizer: PreTrainedTokenizerFast) -> Callable[..., Tiny]:
    """tiny(model_type, state_table=…, states=…, **architecture): a random generator over the demo tags."""

    def build(
        model_type: str = "gpt2", state_table: str | None = "tied", states: StateMode = "fine", **changes: Any
    ) -> Tiny:
        common = {} if model_type == "gpt2" else _COMMON
        eos = tokenizer.eos_token_id
        ids = {"vocab_size": len(tokenizer), "eos_token_id": eos, "bos_token_id": eos, "pad_token_id": eos}
        model = build_model({"model_type": model_type, **common, **ARCHITECTURES[model_type], **ids, **changes})
        tags = TagVocabulary.build(tags_of([example.source for example in demo]), first_tag_id(model, tokenizer))
        generator = build_generator(model, tokenizer, tags, state_table)
        encoder = Encoder(tokenizer, tags, states=states, max_length=400, max_prompt=300)
        special = {
            "eos_id": eos,
            "text_state_id": tags.id(TEXT),
            "suppressed_ids": suppressed_ids(model, tokenizer),
        }
        return Tiny(generator, encoder, special)

    return build


FIXTURES = Path(__file__).parent / "fixtures"
# A training, a decoding and an evaluation that take as little time as a process can.
SMALL = (
    "corpus=demo",
    "generator=tiny",
    "generator.backbone.vocab_size=300",
    "generator.backbone.architecture.n_layer=1",
    "generator.backbone.architecture.n_embd=32",
    "trainer=cpu",
    "trainer.threads=1",
    "trainer.max_steps=3",
    "trainer.val_bleu_inputs=4",
    "decoding.beam_size=2",
    "decoding.n_best=2",
    "decoding.max_new_tokens=8",
    "bootstrap_samples=40",
)


@pytest.fixture(scope="session")
def small() -> tuple[str, ...]:
    return SMALL


@pytest.fixture(scope="session")
def fixtures() -> Path:
    """Corpora in their native formats: `fixtures / name` is the folder of corpus `name`."""
    return FIXTURES


@pytest.fixture(scope="session")
def datatuner() -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """datatuner("run", "corpus=demo", …, cwd=…): the console script as a process of its own, with its output."""

    def run(*arguments: object, **options: Any) -> "subprocess.CompletedProcess[str]":
        command = [str(DATATUNER), *map(str, arguments)]
        # Without the real corpora, which CI names: what a test's command finds is what the test put there.
        env = {key: value for key, value in options.pop("env", os.environ).items() if key != "DATATUNER_DATA"}
        return subprocess.run(command, capture_output=True, text=True, timeout=280, check=False, env=env, **options)

    return run


@pytest.fixture(scope="session")
def base_run(
    datatuner: Callable[..., "subprocess.CompletedProcess[str]"], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The runs_dir of one finished `datatuner run` with SMALL and seed=1; tests leave its stages as they are.

    pytest-xdist's workers share it: whoever comes second waits for the stage's lock.
    """
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "base_run"
    finished = datatuner("run", *SMALL, "seed=1", f"runs_dir={folder}")
    assert finished.returncode == 0, finished.stderr
    return folder


@pytest.fixture(scope="session")
def exported(
    base_run: Path,
    datatuner: Callable[..., "subprocess.CompletedProcess[str]"],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """The export of the base run: a generator without classifier."""
    (evaluation,) = (base_run / "demo").glob("evaluate-*")
    folder: Path = tmp_path_factory.mktemp("exports") / "demo"
    ran = datatuner("export", evaluation, folder)
    assert (ran.returncode, ran.stdout.strip()) == (0, str(folder)), ran.stderr
    return folder


@pytest.fixture(scope="session")
def judged(exported: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same export with a classifier of random weights, and lists of four texts."""
    return with_classifier(exported, tmp_path_factory.mktemp("judged") / "demo")


def hears_ctrl_c() -> None:
    """For `preexec_fn`: a test suite in the background of a shell ignores SIGINT, and so would all that it starts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """An installed browser, driven by playwright."""
    if CHROMIUM is None:
        pytest.skip("no chromium is installed")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()
