"""Adapters change nothing at first, learn alone with the tags' rows and states, and merge to the same texts."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from datatuner.backbones import build_model
from datatuner.beams import BeamSettings
from datatuner.decoding import Prompt, beam_search
from datatuner.example import Example
from datatuner.lora import LoraSettings, add_lora, has_lora, merged_state_dict
from datatuner.models.generator import Generator
from datatuner.training import train_generator
from tests.trainings import NO_DROPOUT, column, load, make_plan, weights

MODELS = ["gpt2", "llama", "qwen3", "gemma2", "opt"]
TABLES = ["tied", "own"]


@pytest.fixture
def adapted(tiny: Callable[..., Any]) -> Callable[..., Any]:
    """adapted(model_type, state_table=…): a random generator in evaluation mode, with adapters that changed nothing."""

    def build(model_type: str, state_table: str, **changes: Any) -> Any:
        torch.manual_seed(0)
        made = tiny(model_type, state_table=state_table, **changes)
        made.before = {name: tensor.clone() for name, tensor in made.generator.state_dict().items()}
        tags = made.encoder.tags
        made.tag_ids = range(tags.first_id, tags.first_id + len(tags))
        made.generator.eval()
        made.plain_logits = logits(made.generator, made)
        add_lora(made.generator, LoraSettings(rank=2, alpha=8), made.tag_ids)
        return made

    return build


def logits(generator: Generator, made: Any) -> torch.Tensor:
    tag = made.encoder.tags.first_id
    ids, states = torch.tensor([[tag, 5, 6, tag + 3, 7]]), torch.tensor([[tag, tag, tag, tag + 3, tag + 3]])
    with torch.no_grad():
        found: torch.Tensor = generator(ids, states, torch.ones_like(ids)).logits
    return found


def learn_something(generator: Generator) -> None:
    """Random values for all that may learn: far from where it started."""
    with torch.no_grad():
        for parameter in generator.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter) * 0.3)


def plain(made: Any) -> Generator:
    """A generator without adapters, with the merged weights."""
    generator = made.generator
    backbone = build_model({**generator.backbone.config.to_dict(), "model_type": generator.backbone.config.model_type})
    tags = made.encoder.tags
    table = generator.state_table
    other = Generator(backbone, state_table=table, first_tag_id=tags.first_id, tag_count=len(tags))
    other.load_state_dict(merged_state_dict(generator))
    return other.eval()


@pytest.mark.parametrize("model_type", MODELS)
@pytest.mark.parametrize("state_table", TABLES)
def test_before_learning_nothing_has_changed(adapted, model_type, state_table):
    made = adapted(model_type, state_table)
    assert has_lora(made.generator)
    torch.testing.assert_close(logits(made.generator, made), made.plain_logits)
    assert {name: tensor.shape for name, tensor in merged_state_dict(made.generator).items()} == {
        name: tensor.shape for name, tensor in made.before.items()
    }
    assert not has_lora(plain(made))


@pytest.mark.parametrize("model_type", MODELS)
def test_adapters_tag_rows_and_states_learn_and_nothing_else(adapted, model_type):
    made = adapted(model_type, "own")
    learning = {name for name, parameter in made.generator.named_parameters() if parameter.requires_grad}
    others = {name for name in learning if "lora_" not in name}
    assert "own_states.weight" in others
    (rows,) = others - {"own_states.weight"}
    assert dict(made.generator.named_parameters())[rows].shape[0] == len(made.tag_ids)
    assert any("lora_" in name for name in learning)

    learn_something(made.generator)
    merged = merged_state_dict(made.generator)
    moved = {name for name in merged if not torch.equal(merged[name], made.before[name])}
    assert not {name for name in moved if "norm" in name or name.endswith("bias") or "wpe" in name}
    embedding = next(name for name in moved if name.endswith(("wte.weight", "embed_tokens.weight")))
    first = made.tag_ids[0]
    assert torch.equal(merged[embedding][:first], made.before[embedding][:first])  # the backbone's own words
    assert not torch.isclose(merged[embedding][first:], made.before[embedding][first:]).all(dim=1).any()


@pytest.mark.parametrize("model_type", MODELS)
@pytest.mark.parametrize("state_table", TABLES)
def test_merged_and_unmerged_write_the_same_texts(adapted, demo, model_type, state_table):
    made = adapted(model_type, state_table)
    learn_something(made.generator)
    merged = plain(made)
    assert not torch.allclose(logits(made.generator, made), made.plain_logits, atol=1e-2)
    torch.testing.assert_close(logits(merged, made), logits(made.generator, made), rtol=1e-4, atol=1e-4)

    prompts = [Prompt.of(made.encoder.prompt(example.source)) for example in demo[:6]]
    settings = BeamSettings(max_new_tokens=12)
    lists = [
        beam_search(generator, prompts, settings, batch_size=4, **made.special_ids).beams
        for generator in (made.generator, merged)
    ]
    texts = [[[beam.token_ids for beam in beams] for beams in each] for each in lists]
    assert texts[0] == texts[1]


@pytest.mark.slow
def test_a_training_with_adapters_saves_merged_weights(demo: Sequence[Example], tmp_path: Path) -> None:
    plan = make_plan(lr=1e-2, max_epochs=8)
    plan["config"]["generator"]["lora"] = {"rank": 4, "alpha": 16.0, "dropout": 0.1}
    done = train_generator(plan, demo[:20], demo[:5], tmp_path)
    assert done["trainable"] < done["parameters"] / 2
    names = set(weights(tmp_path))
    assert not {name for name in names if "lora" in name or "base_layer" in name}
    losses = list(column(tmp_path, "val/loss").values())
    assert losses[-1] < losses[0] - 0.02  # a frozen random head can say little
    trained = load(tmp_path)  # as decoding loads it
    assert not has_lora(trained.generator)


@pytest.mark.parametrize("state_table", TABLES)
def test_gradient_checkpointing_changes_no_weight(demo: Sequence[Example], tmp_path: Path, state_table: str) -> None:
    for name, switched_on in (("with", True), ("without", False)):
        plan = make_plan(dropout=NO_DROPOUT, max_steps=4)
        plan["config"]["generator"]["state_table"] = state_table
        plan["settings"]["gradient_checkpointing"] = switched_on
        train_generator(plan, demo[:8], demo[:2], tmp_path / name)
    torch.testing.assert_close(weights(tmp_path / "with"), weights(tmp_path / "without"), rtol=0, atol=1e-6)
