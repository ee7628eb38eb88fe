"""Whole trainings of a tiny GPT-2 on the embedded corpus: exact steps, what is kept, and what it has learned."""

import copy
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from sacrebleu.metrics.bleu import BLEU
from torch import Tensor
from torch.nn import functional

from datatuner import corpora
from datatuner.beams import BeamSettings
from datatuner.checkpoints import TrainedGenerator
from datatuner.collation import Collator
from datatuner.datamodules import DataToTextDataModule, encode_pairs
from datatuner.decoding import Prompt, beam_search
from datatuner.encoding import IGNORED
from datatuner.errors import ConfigError
from datatuner.example import Example
from datatuner.linearization import TEXT
from datatuner.losses import target_loss
from datatuner.models.generator import Generator
from datatuner.modules.generator_module import GeneratorModule
from datatuner.training import build_module, build_trainer, train_generator
from tests.trainings import DROPOUT, NO_DROPOUT, column, load, make_plan, weights

# Lightning advises more loader workers and more frequent logging.
pytestmark = pytest.mark.filterwarnings("ignore:::pytorch_lightning")


@pytest.fixture(scope="module")
def validation() -> tuple[Example, ...]:
    return corpora.read("demo", None, "validation")[:9]


def batch_of(trained: TrainedGenerator, examples: Sequence[Example]) -> dict[str, Tensor]:
    collate = Collator(trained.encoder.eos_id, trained.encoder.tags.id(TEXT))
    return dict(collate(encode_pairs(trained.encoder, examples)))  # type: ignore[arg-type]


# Exact steps


LR = 1e-4


def train_by_hand(
    generator: Generator, batches: Sequence[dict[str, Tensor]], accumulate: int, rates: Sequence[float], clip: float
) -> list[float]:
    """One epoch without Lightning: in each window the loss is the mean over its tokens. The norms before clipping."""
    named = dict(generator.named_parameters())
    states = [p for name, p in named.items() if name.startswith("own_states")]
    others = [p for name, p in named.items() if not name.startswith("own_states")]
    optimizer = torch.optim.AdamW(
        [
            {"params": [p for p in others if p.ndim > 1], "weight_decay": 0.01, "factor": 1.0},
            {"params": [p for p in others if p.ndim == 1], "weight_decay": 0.0, "factor": 1.0},
            {"params": states, "weight_decay": 0.0, "factor": 10.0},
        ]
    )
    norms = []
    windows = [batches[i : i + accumulate] for i in range(0, len(batches), accumulate)]
    for window, rate in zip(windows, rates, strict=True):
        for group in optimizer.param_groups:
            group["lr"] = rate * group["factor"]
        loss, tokens = torch.zeros(()), 0
        for batch in window:
            logits = generator(batch["input_ids"], batch["state_ids"], batch["attention_mask"]).logits
            targets = batch["labels"][:, 1:].flatten()
            loss = loss + functional.cross_entropy(logits[:, :-1].flatten(0, 1), targets, reduction="sum")
            tokens += int((targets != -100).sum())
        optimizer.zero_grad()
        torch.autograd.backward(loss / tokens)
        norms.append(float(torch.nn.utils.clip_grad_norm_(generator.parameters(), clip)))
        optimizer.step()
    return norms


@pytest.mark.parametrize("state_table", ["tied", "own"])
@pytest.mark.parametrize(
    ("accumulate", "factors", "clip"),
    [(1, [0.5, 1, 5 / 6, 4 / 6, 3 / 6, 2 / 6, 1 / 6], 1.2), (3, [0.5, 1, 0.5], 0.9)],
)
def test_an_epoch_takes_the_steps_of_the_mean_over_target_tokens(
    tiny: Callable[..., Any],
    demo: Sequence[Example],
    tmp_path: Path,
    state_table: str,
    accumulate: int,
    factors: list[float],
    clip: float,
) -> None:
    torch.manual_seed(0)
    made = tiny("gpt2", state_table=state_table, **NO_DROPOUT)
    made.generator.double()
    by_hand = copy.deepcopy(made.generator)
    plan = make_plan(lr=LR, state_lr=10 * LR, accumulate=accumulate, clip=clip, precision="64-true")
    data = DataToTextDataModule(demo[:13], demo[:2], made.encoder, batch_size=5, eval_batch_size=8, seed=3)
    batches = list(data.train_dataloader())
    assert sorted(len(batch["input_ids"]) for batch in batches) == [
        3,
        5,
        5,
        5,
        5,
        5,
        5,
    ]  # with 3: windows of 3, 3 and 1

    optim = plan["config"]["generator"]["optim"]
    module = build_module(made.generator, made.generator.backbone, made.encoder.tokenizer, made.encoder, optim)
    trainer, _ = build_trainer(plan["config"], plan["settings"], tmp_path)
    trainer.fit(module, datamodule=data)
    norms = train_by_hand(by_hand, batches, accumulate, [LR * factor for factor in factors], clip)

    assert min(norms) < clip < max(norms), norms  # so that the gradients' scale matters in spite of Adam
    assert trainer.global_step == len(norms)
    found, expected = dict(made.generator.named_parameters()), dict(by_hand.named_parameters())
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)


@pytest.mark.slow
def test_two_processes_train_and_validate_as_one(
    demo: Sequence[Example], validation: Sequence[Example], tmp_path: Path
) -> None:
    """A window of 4 batches is one of 2 on each rank; 14 batches leave a short one, and one batch has one sequence."""
    same: dict[str, Any] = {"precision": "64-true", "val_bleu_inputs": 3}
    sizes = {"train": 21, "validation": 3}
    one, two = make_plan(accumulate=4, **same), make_plan(accumulate=2, devices=2, **same)
    done = train_generator(one, demo[:21], validation[:3], tmp_path / "one")
    assert done["train_sequences"] == 53

    folder = tmp_path / "two"
    folder.mkdir()
    (folder / "plan.json").write_text(json.dumps({**two, "examples": sizes}), encoding="utf-8")
    script = Path(__file__).with_name("ddp_training.py")
    subprocess.run([sys.executable, "-W", "ignore", str(script), str(folder)], check=True, timeout=240)
    for rank in (0, 1):
        found = json.loads((folder / f"done{rank}.json").read_text(encoding="utf-8"))
        assert found == {**done, "best": {"val/loss": pytest.approx(done["best"]["val/loss"], abs=1e-6)}}
    assert column(folder, "val/bleu") == pytest.approx(column(tmp_path / "one", "val/bleu"))
    torch.testing.assert_close(weights(folder), weights(tmp_path / "one"), rtol=0, atol=1e-6)


def test_one_seed_gives_the_same_weights_and_another_others(
    demo: Sequence[Example], validation: Sequence[Example], tmp_path: Path
) -> None:
    runs = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        train_generator(make_plan(seed=seed, dropout=DROPOUT), demo[:6], validation[:2], tmp_path / name)
        runs.append(weights(tmp_path / name))
    assert all(torch.equal(runs[0][name], runs[1][name]) for name in runs[0])
    assert not any(torch.equal(runs[0][name], runs[2][name]) for name in runs[0] if name.endswith("attn.weight"))


def test_dropout_is_on_while_training(demo: Sequence[Example], validation: Sequence[Example], tmp_path: Path) -> None:
    for name, dropout in (("with", DROPOUT), ("without", NO_DROPOUT)):
        train_generator(make_plan(dropout=dropout, max_steps=1), demo[:6], validation[:2], tmp_path / name)
    assert column(tmp_path / "with", "train/loss") != column(tmp_path / "without", "train/loss")


# When it validates, and what it keeps


@pytest.mark.parametrize(
    ("accumulate", "max_steps", "validated_after"),
    [
        (1, 2, [2]),  # inside the first epoch (of 4 batches)
        (1, 4, [4]),  # exactly at its end
        (1, 6, [4, 6]),
        (1, 8, [4, 8]),
        (3, 1, [1]),
        (3, 2, [2]),  # the second step of an epoch has one batch
        (3, 3, [2, 3]),
        (1, None, [4, 8, 12]),
    ],
)
def test_a_training_that_max_steps_ends_is_validated_once(
    demo: Sequence[Example],
    validation: Sequence[Example],
    tmp_path: Path,
    accumulate: int,
    max_steps: int | None,
    validated_after: list[int],
) -> None:
    plan = make_plan(accumulate=accumulate, max_steps=max_steps, max_epochs=3, lr=1e-3)
    done = train_generator(plan, demo[:6], validation[:2], tmp_path)
    assert done["train_sequences"] in range(13, 17)  # 4 batches
    assert done["steps"] == validated_after[-1]
    losses = column(tmp_path, "val/loss")
    assert [step + 1 for step in losses] == validated_after
    assert done["best"]["val/loss"] == pytest.approx(min(losses.values()))
    assert (tmp_path / "best.ckpt").is_file()


def test_the_best_epoch_is_kept_and_training_stops_after_it(
    demo: Sequence[Example], validation: Sequence[Example], tmp_path: Path
) -> None:
    """Twelve sequences are soon learned by heart, and the validation loss rises."""
    patience = 2
    done = train_generator(make_plan(lr=3e-3, max_epochs=40, patience=patience), demo[:6], validation, tmp_path)
    losses = list(column(tmp_path, "val/loss").values())
    best = losses.index(min(losses))
    assert best > 0
    assert done["epochs"] == len(losses) == best + 1 + patience < 40

    trained = load(tmp_path)
    with torch.no_grad():
        loss, tokens = target_loss(trained.generator, batch_of(trained, validation))
    assert float(loss / tokens) == pytest.approx(min(losses), abs=1e-5)
    assert done["best"] == {"val/loss": pytest.approx(min(losses))}
    assert [path.name for path in tmp_path.glob("*.ckpt")] == ["best.ckpt"]


@pytest.fixture(scope="module")
def short_run(demo: Sequence[Example], validation: Sequence[Example], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder after two epochs on 60 examples, with val/bleu over 4 of 9 inputs."""
    folder: Path = tmp_path_factory.mktemp("short")
    train_generator(make_plan(max_epochs=2, val_bleu_inputs=4), demo, validation, folder)
    return folder


def test_val_bleu_is_sacrebleu_of_the_decoded_sample(short_run: Path, validation: Sequence[Example]) -> None:
    trained = load(short_run)
    sample = validation[0:8:2]
    prompts = [Prompt.of(trained.encoder.prompt(example.source)) for example in sample]
    beams = beam_search(trained.generator, prompts, BeamSettings(), batch_size=1, **trained.special_ids).beams
    texts = [trained.encoder.text(each[0].token_ids) for each in beams]
    references = list(zip_longest(*(example.references for example in sample)))
    expected = BLEU(lowercase=True).corpus_score(texts, references).score

    losses, bleus = column(short_run, "val/loss"), column(short_run, "val/bleu")
    assert bleus.keys() == losses.keys()
    assert expected > 0
    assert bleus[min(losses, key=losses.__getitem__)] == pytest.approx(expected, abs=1e-6)


def test_metrics_csv_has_the_loss_of_each_step(short_run: Path) -> None:
    steps = column(short_run, "train/loss")
    assert list(steps) == list(range(len(steps)))
    assert max(column(short_run, "val/loss")) == len(steps) - 1
    assert steps[0] == pytest.approx(torch.tensor(400.0).log().item(), abs=0.3)  # nats, untrained
    assert steps[len(steps) - 1] < steps[0] - 1


def test_the_checkpoint_holds_plain_types_and_rebuilds_the_module(
    short_run: Path, validation: Sequence[Example]
) -> None:
    path = short_run / "best.ckpt"
    content = torch.load(path, weights_only=True)
    assert "optimizer_states" not in content
    module = GeneratorModule.load_from_checkpoint(path, weights_only=True).eval()
    trained = load(short_run)
    assert module.special_ids() == trained.special_ids
    batch = batch_of(trained, validation[:2])
    with torch.no_grad():
        assert torch.equal(target_loss(module.generator, batch)[0], target_loss(trained.generator, batch)[0])


# What it learns


@pytest.fixture(scope="module")
def six(demo: Sequence[Example]) -> list[Example]:
    """Six inputs with one reference each."""
    return [replace(example, references=example.references[:1]) for example in demo[:6]]


@pytest.fixture(scope="module")
def overfitted(six: list[Example], tmp_path_factory: pytest.TempPathFactory) -> TrainedGenerator:
    folder: Path = tmp_path_factory.mktemp("overfitted")
    done = train_generator(make_plan(max_epochs=80, batch_size=6, lr=1e-2), six, six, folder)
    assert done["best"]["val/loss"] < 0.1
    return load(folder)


def test_one_batch_overfitted_regenerates_its_references(overfitted: TrainedGenerator, six: list[Example]) -> None:
    prompts = [Prompt.of(overfitted.encoder.prompt(example.source)) for example in six]
    result = beam_search(overfitted.generator, prompts, BeamSettings(), batch_size=6, **overfitted.special_ids)
    assert [overfitted.encoder.text(beams[0].token_ids) for beams in result.beams] == [e.references[0] for e in six]
    assert all(beams[0].complete for beams in result.beams)


def test_states_matter_to_what_was_learned(overfitted: TrainedGenerator, six: list[Example]) -> None:
    batch = batch_of(overfitted, six[:1])
    ids, states, mask = batch["input_ids"], batch["state_ids"], batch["attention_mask"]
    name, length = overfitted.encoder.tags.id("<name>"), overfitted.encoder.tags.id("<length>")
    swapped = torch.where(states == name, length, torch.where(states == length, name, states))
    first = int((swapped != states).nonzero()[0, 1])
    with torch.no_grad():
        before = overfitted.generator(ids, states, mask).logits[0]
        after = overfitted.generator(ids, swapped, mask).logits[0]
    moved = (after - before).abs().amax(dim=-1)
    assert moved[:first].max() < 1e-4  # nothing looks ahead
    assert moved[first:].min() > 1e-2
    assert moved[batch["labels"][0] != IGNORED].max() > 0.5


class OrderSeen(pl.Callback):
    """The first token ids of each training batch, by epoch."""

    def __init__(self) -> None:
        self.epochs: list[list[Tensor]] = []

    def on_train_epoch_start(self, trainer: pl.Trainer, *_: Any) -> None:
        self.epochs.append([])

    def on_train_batch_start(self, trainer: pl.Trainer, module: pl.LightningModule, batch: Any, *_: Any) -> None:
        self.epochs[-1].append(batch["input_ids"].clone())


def test_each_epoch_has_batches_of_its_own(demo, validation, tmp_path):
    """Lightning calls set_epoch only on what it takes for a sampler."""
    plan = make_plan(max_epochs=3)
    seen = OrderSeen()

    def with_callback(*arguments: Any) -> Any:
        trainer, best = build_trainer(*arguments)
        trainer.callbacks.append(seen)  # type: ignore[attr-defined]
        return trainer, best

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("datatuner.training.build_trainer", with_callback)
        train_generator(plan, demo[:12], validation, tmp_path)
    first, second, third = seen.epochs
    assert sum(map(len, first)) == sum(map(len, second)) == sum(len(e.references) for e in demo[:12])
    assert not all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(second, third, strict=True))


def test_a_precision_that_the_machine_does_not_have_is_refused(demo, validation, tmp_path):
    """Lightning would train in bf16-mixed on a CPU, and the plan would say 16-mixed."""
    with pytest.raises(ConfigError, match="16-mixed"):
        train_generator(make_plan(precision="16-mixed"), demo[:4], validation, tmp_path)


def test_diverging_late_keeps_the_best_epoch(demo, validation, tmp_path):
    plan = make_plan(lr=1e-3, max_epochs=4, val_bleu_inputs=2)

    class Diverge(pl.Callback):
        def on_train_epoch_start(self, trainer: pl.Trainer, module: Any) -> None:
            if trainer.current_epoch == 2:
                torch.nn.init.constant_(module.generator.backbone.get_input_embeddings().weight, float("nan"))

    def with_callback(*arguments: Any) -> Any:
        trainer, best = build_trainer(*arguments)
        trainer.callbacks.append(Diverge())  # type: ignore[attr-defined]
        return trainer, best

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("datatuner.training.build_trainer", with_callback)
        done = train_generator(plan, demo[:8], validation, tmp_path)
    assert done["epochs"] < 4
    assert all(torch.isfinite(weight).all() for weight in weights(tmp_path).values())
