"""The generator against plain backbones, GPT-2's own `token_type_ids`, and sums of embeddings made by hand."""

from typing import Any, Literal

import pytest
import torch
from torch import Tensor
from transformers import GPT2LMHeadModel

from datatuner.models.generator import Generator

MODEL_TYPES = ["gpt2", "llama", "qwen3", "gemma2", "opt", "granite", "cohere", "biogpt"]
TABLES = ["tied", "own", None]
Side = Literal["left", "right"]

each_model = pytest.mark.parametrize("model_type", MODEL_TYPES)
each_side = pytest.mark.parametrize("side", ["left", "right"])


@pytest.fixture
def build(tiny, demo):
    """build(…): a random generator in evaluation mode, its `own` table non-zero unless zero=True; three sequences."""

    def make(
        model_type: str, state_table: str | None, *, zero: bool = False, **changes: Any
    ) -> tuple[Generator, list[Any]]:
        torch.manual_seed(0)
        made = tiny(model_type, state_table=state_table, **changes)
        if made.generator.own_states is not None and not zero:
            torch.nn.init.normal_(made.generator.own_states.weight)
        by_length = sorted(demo, key=lambda example: len(example.references[0]))
        chosen = (by_length[10], by_length[-1], by_length[30])
        rows = [made.encoder.example(e.source, e.references[0], e.id) for e in chosen]
        assert len({len(row.input_ids) for row in rows}) == 3
        return made.generator.eval(), rows

    return make


def pad(rows: list[Any], side: Side) -> dict[str, Tensor]:
    """(B, T) columns. Padding is a real word in a real state, so that it shows where it is not masked."""
    width = max(len(row.input_ids) for row in rows)

    def column(lists: list[list[int]], filler: int) -> Tensor:
        fillers = [[filler] * (width - len(values)) for values in lists]
        pairs = zip(lists, fillers, strict=True)
        return torch.tensor([values + more if side == "right" else more + values for values, more in pairs])

    return {
        "input_ids": column([row.input_ids for row in rows], rows[0].input_ids[2]),
        "state_ids": column([row.state_ids for row in rows], rows[0].state_ids[2]),
        "attention_mask": column([[1] * len(row.input_ids) for row in rows], 0),
    }


def positions(mask: Tensor) -> Tensor:
    """0, 1, 2 … for each row's real tokens; 0 before them, the last one behind them."""
    return torch.tensor([[max(0, sum(row[: i + 1]) - 1) for i in range(len(row))] for row in mask.tolist()])


def real(values: Tensor, mask: Tensor) -> Tensor:
    return values[mask.bool()]


@each_model
@pytest.mark.parametrize("table", TABLES)
@torch.no_grad()
def test_kept_logits_are_those_of_the_full_forward(build, model_type, table):
    generator, rows = build(model_type, table)
    batch = pad(rows, "right")
    full = generator(**batch).logits
    keep = torch.rand(full.shape[:2], generator=torch.Generator().manual_seed(1)) < 0.4
    positions_of_the_head: list[int] = []
    generator.backbone.get_output_embeddings().register_forward_hook(
        lambda module, arguments, logits: positions_of_the_head.append(logits.shape[:-1].numel())
    )
    kept = generator(**batch, keep=keep).logits
    if model_type != "biogpt":  # which cannot select positions of its own for each row
        assert positions_of_the_head == [keep.sum()]
    assert kept.shape == (1, int(keep.sum()), full.shape[-1])
    torch.testing.assert_close(kept[0], full[keep], atol=1e-5, rtol=1e-5)


@each_model
@each_side
@torch.no_grad()
def test_a_zero_table_leaves_the_backbone_as_it_was(build, model_type, side):
    generator, rows = build(model_type, "own", zero=True)
    batch = pad(rows, side)
    mask = batch["attention_mask"]
    plain = generator.backbone(
        input_ids=batch["input_ids"], attention_mask=mask, position_ids=positions(mask), use_cache=False
    ).logits
    torch.testing.assert_close(real(generator(**batch).logits, mask), real(plain, mask), atol=1e-6, rtol=1e-6)


@each_model
@each_side
@pytest.mark.parametrize("table", ["tied", "own"])
@torch.no_grad()
def test_a_state_is_a_vector_added_to_each_token(build, model_type, side, table):
    generator, rows = build(model_type, table)
    batch = pad(rows, side)
    token = generator.backbone.get_input_embeddings()

    def state_row(state: int) -> Any:
        if table == "tied":
            return token(torch.tensor(state))
        return generator.own_states.weight[state - generator.first_tag_id]

    summed = torch.stack(
        [
            torch.stack([token(torch.tensor(i)) + state_row(s) for i, s in zip(ids, states, strict=True)])
            for ids, states in zip(batch["input_ids"].tolist(), batch["state_ids"].tolist(), strict=True)
        ]
    )
    mask = batch["attention_mask"]
    by_hand = generator.backbone(
        inputs_embeds=summed, attention_mask=mask, position_ids=positions(mask), use_cache=False
    ).logits
    logits = generator(**batch).logits
    torch.testing.assert_close(real(logits, mask), real(by_hand, mask), atol=1e-6, rtol=1e-6)

    plain = generator.backbone(input_ids=batch["input_ids"], attention_mask=mask, position_ids=positions(mask)).logits
    assert (real(logits, mask) - real(plain, mask)).abs().max() > 1e-3  # states do count


@each_side
@torch.no_grad()
def test_tied_gpt2_is_transformers_token_type_ids(build, side):
    generator, rows = build("gpt2", "tied")
    assert isinstance(generator.backbone, GPT2LMHeadModel)
    batch = pad(rows, side)
    mask = batch["attention_mask"]
    theirs = generator.backbone(
        input_ids=batch["input_ids"],
        token_type_ids=batch["state_ids"],
        attention_mask=mask,
        position_ids=positions(mask),
    ).logits
    torch.testing.assert_close(real(generator(**batch).logits, mask), real(theirs, mask), atol=1e-5, rtol=0)


@each_model
@each_side
@torch.no_grad()
def test_padding_changes_no_real_token(build, model_type, side):
    generator, rows = build(model_type, "tied")
    batch = pad(rows, side)
    together = generator(**batch).logits
    for row, logits, mask in zip(rows, together, batch["attention_mask"], strict=True):
        alone = generator(**pad([row], side)).logits[0]
        torch.testing.assert_close(real(logits, mask), alone, atol=1e-5, rtol=1e-5)


@each_model
@pytest.mark.parametrize("table", ["tied", "own"])
@torch.no_grad()
def test_cached_steps_are_the_full_forward(build, model_type, table):
    """A left-padded prompt, then one token at a time: more of them than gemma2's sliding window of 16."""
    generator, rows = build(model_type, table)
    batch = pad(rows, "left")
    mask = batch["attention_mask"]
    full = generator(**batch).logits
    width = full.shape[1]
    prompt = width - 20
    assert prompt > int((1 - mask).sum(-1).max())
    first = generator(**{name: column[:, :prompt] for name, column in batch.items()}, use_cache=True)
    steps, cache = [first.logits], first.past_key_values
    for i in range(prompt, width):
        step = generator(
            batch["input_ids"][:, i : i + 1],
            batch["state_ids"][:, i : i + 1],
            mask[:, : i + 1],
            past_key_values=cache,
            use_cache=True,
        )
        steps.append(step.logits)
        cache = step.past_key_values
    torch.testing.assert_close(real(torch.cat(steps, dim=1), mask), real(full, mask), atol=1e-5, rtol=1e-5)


@each_model
@torch.no_grad()
def test_without_a_table_states_are_ignored(build, model_type):
    generator, rows = build(model_type, None)
    assert generator.own_states is None
    batch = pad(rows, "right")
    shuffled = batch | {"state_ids": torch.zeros_like(batch["state_ids"])}
    assert torch.equal(generator(**batch).logits, generator(**shuffled).logits)


@torch.no_grad()
def test_gemma2_caps_kept_logits(build):
    capped, rows = build("gemma2", "tied")
    bare, _ = build("gemma2", "tied", final_logit_softcapping=None)
    capped.backbone.get_output_embeddings().weight.mul_(3)  # so that the cap bites
    bare.load_state_dict(capped.state_dict())
    batch = pad(rows, "right")
    keep = batch["attention_mask"].bool()
    kept, uncapped = capped(**batch, keep=keep).logits, bare(**batch, keep=keep).logits
    assert uncapped.abs().max() > 0.5 > kept.abs().max()
    torch.testing.assert_close(kept, 0.5 * torch.tanh(uncapped / 0.5), atol=1e-5, rtol=1e-5)


def test_an_own_table_has_a_row_per_tag_at_the_width_of_the_embedding(build):
    generator, rows = build("opt", "own", zero=True)  # opt's embedding is narrower than its layers
    batch = pad(rows, "right")
    assert generator.own_states.weight.shape[1] == 16
    assert not generator.own_states.weight.any()
    generator(**batch).logits.square().mean().backward()
    used = sorted(set(batch["state_ids"].flatten().tolist()))
    moved = generator.own_states.weight.grad.abs().sum(-1).nonzero().flatten() + generator.first_tag_id
    assert moved.tolist() == used


def test_an_unknown_table_is_refused(build):
    generator, _ = build("gpt2", None)
    with pytest.raises(ValueError, match="'both'"):
        Generator(generator.backbone, state_table="both", first_tag_id=1, tag_count=1)


def test_norms_tell_a_state_table_that_does_not_move(tiny):
    untouched = tiny(state_table="own").generator
    assert untouched.norms()["state_rows"] == 0
    assert untouched.norms()["token_rows"] > 0
    torch.nn.init.constant_(untouched.own_states.weight, 1.0)
    assert untouched.norms()["state_rows"] == pytest.approx(32**0.5)
    tied = tiny(state_table="tied").generator
    rows = tied.backbone.get_input_embeddings().weight[tied.first_tag_id :]
    assert tied.norms()["state_rows"] == pytest.approx(float(rows.norm(dim=-1).mean()))
    assert "state_rows" not in tiny(state_table=None).generator.norms()
