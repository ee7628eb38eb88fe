"""A checkpoint as Lightning writes it, back to the same generator and encoder; and files that are no checkpoint."""

import json
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from datatuner.checkpoints import ENCODING, TOKENIZER, load_generator, save_encoding
from datatuner.errors import CheckpointError, ConfigError
from datatuner.linearization import OTHER
from datatuner.stages import BEST
from datatuner.training import build_module

MODES = [("fine", "tied"), ("fine", "own"), ("coarse", "tied"), ("none", None)]


@dataclass
class Saved:
    folder: Path
    tiny: Any


@pytest.fixture
def save(tiny, tmp_path) -> Callable[..., Saved]:
    """save(…): a trained folder (its weights moved from where they start) and what was saved in it."""

    def write(model_type: str = "gpt2", **arguments: Any) -> Saved:
        torch.manual_seed(0)
        made = tiny(model_type, **arguments)
        if made.generator.own_states is not None:
            torch.nn.init.normal_(made.generator.own_states.weight)
        optim = {"name": "adamw", "lr": 1e-3, "warmup_steps": 0, "weight_decay": 0.0}
        module = build_module(made.generator, made.generator.backbone, made.encoder.tokenizer, made.encoder, optim)
        content = {
            "pytorch-lightning_version": "2.6.6",
            "epoch": 1,
            "global_step": 3,
            "state_dict": module.state_dict(),
            "hyper_parameters": dict(module.hparams),
        }
        folder = tmp_path / "train"
        folder.mkdir()
        torch.save(content, folder / BEST)
        save_encoding(folder, made.encoder, made.encoder.tokenizer)
        made.generator.eval()
        return Saved(folder, made)

    return write


@pytest.mark.parametrize(("states", "state_table"), MODES)
@torch.no_grad()
def test_a_checkpoint_gives_the_same_logits_and_encodings(save, demo, states, state_table):
    saved = save(states=states, state_table=state_table)
    trained = load_generator(saved.folder, max_new_tokens=100)

    assert not trained.generator.training
    assert trained.generator.state_table == state_table
    assert trained.special_ids == saved.tiny.special_ids
    assert trained.encoder.tags == saved.tiny.encoder.tags
    assert (trained.encoder.max_length, trained.encoder.max_prompt) == (400, 400)
    for example in demo[:5]:
        for reference in example.references:
            encoded = trained.encoder.example(example.source, reference, example.id)
            assert encoded == saved.tiny.encoder.example(example.source, reference, example.id)
            columns = [torch.tensor([column]) for column in (encoded.input_ids, encoded.state_ids)]
            mask = torch.ones_like(columns[0])
            assert torch.equal(trained.generator(*columns, mask).logits, saved.tiny.generator(*columns, mask).logits)
            learned = [label for label in encoded.labels if label >= 0]
            assert trained.encoder.text(learned) == reference.strip()
    unseen = trained.encoder.tags.id("<no_such_slot>")
    assert trained.encoder.tags.tag(unseen) == OTHER


@pytest.mark.parametrize("model_type", ["llama", "qwen3", "gemma2", "opt"])
@torch.no_grad()
def test_other_backbones_are_rebuilt_from_their_hyperparameters(save, demo, model_type):
    saved = save(model_type, state_table="own")
    trained = load_generator(saved.folder, max_new_tokens=100)
    prompt = trained.encoder.prompt(demo[0].source)
    columns = [torch.tensor([column]) for column in (prompt.input_ids, prompt.state_ids)]
    mask = torch.ones_like(columns[0])
    assert torch.equal(trained.generator(*columns, mask).logits, saved.tiny.generator(*columns, mask).logits)


def refused(folder: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        load_generator(folder, max_new_tokens=10)
    message = str(caught.value)
    assert message.startswith(f"{folder / BEST}: ")
    assert "\n" not in message
    assert "Train again" in message
    return message


class Arbitrary:
    """An object that unpickling would have to call."""

    called = False

    def __reduce__(self) -> tuple[Any, ...]:
        return _call, ()


def _call() -> None:
    Arbitrary.called = True


CONTENTS: dict[str, Callable[[Path], object]] = {
    "truncated": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "empty": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_text("epoch,val/loss\n1,2.5\n"),
    "missing": Path.unlink,
    "pickle": lambda path: path.write_bytes(pickle.dumps({"state_dict": Arbitrary()})),
    "arbitrary object": lambda path: torch.save({"state_dict": {}, "hyper_parameters": {"a": Arbitrary()}}, path),
    "a path": lambda path: torch.save({"state_dict": {}, "hyper_parameters": {"a": Path()}}, path),
    "a list": lambda path: torch.save([torch.zeros(3)], path),
    "weights alone": lambda path: torch.save({"state_dict": {"layer.weight": torch.zeros(3)}}, path),
    "foreign": lambda path: torch.save(
        {"state_dict": {"layer.weight": torch.zeros(3)}, "hyper_parameters": {"lr": 1e-3}}, path
    ),
}


@pytest.mark.parametrize("kind", CONTENTS)
def test_a_file_that_is_no_checkpoint(save, kind):
    folder = save().folder
    CONTENTS[kind](folder / BEST)
    refused(folder)
    assert not Arbitrary.called


def rewrite(folder: Path, **changes: Any) -> None:
    """Changes hyperparameters; None removes one."""
    content = torch.load(folder / BEST, weights_only=True)
    hparams = {**content["hyper_parameters"], **changes}
    content["hyper_parameters"] = {name: value for name, value in hparams.items() if value is not None}
    torch.save(content, folder / BEST)


@pytest.mark.parametrize("name", ["architecture", "tag_count", "text_state_id", "suppressed"])
def test_a_missing_hyperparameter(save, name):
    folder = save().folder
    rewrite(folder, **{name: None})
    assert name in refused(folder)


def test_weights_of_another_backbone(save):
    saved = save()
    architecture = saved.tiny.generator.backbone.config.to_dict()
    rewrite(saved.folder, architecture={k: v for k, v in architecture.items() if v is not None} | {"n_layer": 3})
    assert "not a usable checkpoint" in refused(saved.folder)


def encoding(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / ENCODING).read_text(encoding="utf-8"))
    return content


@pytest.mark.parametrize("name", ["tags", "first_id", "states", "max_length"])
def test_an_encoding_file_without_a_key(save, name):
    folder = save().folder
    content = encoding(folder)
    del content[name]
    (folder / ENCODING).write_text(json.dumps(content))
    assert name in refused(folder)


@pytest.mark.parametrize("content", ["", "{", "[]", None])
def test_a_damaged_encoding_file(save, content):
    folder = save().folder
    (folder / ENCODING).unlink()
    if content is not None:
        (folder / ENCODING).write_text(content)
    assert "not a usable checkpoint" in refused(folder)


@pytest.mark.parametrize("changes", [{"first_id": 17}, {"tags": ["<data>", "<text>", "<other>", "<name>"]}])
def test_the_encoding_file_of_another_training(save, changes):
    folder = save().folder
    (folder / ENCODING).write_text(json.dumps(encoding(folder) | changes))
    assert "other tags" in refused(folder)


def test_a_missing_or_damaged_tokenizer(save):
    folder = save().folder
    (folder / TOKENIZER / "tokenizer.json").write_text("{")
    assert "not a usable checkpoint" in refused(folder)
    for path in (folder / TOKENIZER).iterdir():
        path.unlink()
    assert "not a usable checkpoint" in refused(folder)


def test_prompts_leave_room_for_new_tokens(save):
    folder = save(n_positions=128).folder
    assert load_generator(folder, max_new_tokens=100).encoder.max_prompt == 28
    assert load_generator(folder, max_new_tokens=100).encoder.max_length == 128
    assert load_generator(folder, max_new_tokens=126).encoder.max_prompt == 2  # <data> and <text> alone
    with pytest.raises(ConfigError) as caught:
        load_generator(folder, max_new_tokens=127)
    assert str(caught.value).startswith("decoding.max_new_tokens=127 ")
    assert "128 positions" in str(caught.value)
