"""The training loss against transformers' own, which runs the head at every position, and against itself unpadded."""

import copy
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import GPT2LMHeadModel

from datatuner.collation import Collator
from datatuner.datamodules import encode_pairs
from datatuner.encoding import IGNORED, Encoder
from datatuner.example import Example
from datatuner.losses import target_loss

NO_DROPOUT = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}


def batch_of(encoder: Encoder, examples: Sequence[Example], rows: slice = slice(None)) -> dict[str, Tensor]:
    items = encode_pairs(encoder, examples)[rows]
    return dict(Collator(encoder.eos_id, encoder.tags.first_id)(items))  # type: ignore[arg-type]


def positions(batch: dict[str, Tensor]) -> Tensor:
    return (batch["attention_mask"].cumsum(-1) - 1).clamp_min(0)


def test_loss_and_gradients_are_those_of_gpt2_with_token_type_ids(
    tiny: Callable[..., Any], demo: Sequence[Example]
) -> None:
    made = tiny("gpt2", state_table="tied", **NO_DROPOUT)
    plain: GPT2LMHeadModel = copy.deepcopy(made.generator.backbone)
    batch = batch_of(made.encoder, demo[:5])
    assert 0 in batch["attention_mask"]

    loss, tokens = target_loss(made.generator, batch)
    torch.autograd.backward(loss)
    output = plain(
        input_ids=batch["input_ids"],
        token_type_ids=batch["state_ids"],
        attention_mask=batch["attention_mask"],
        position_ids=positions(batch),
        labels=batch["labels"],
    )
    torch.autograd.backward(output.loss * tokens)

    assert loss.shape == tokens.shape == ()
    torch.testing.assert_close(loss / tokens, output.loss, rtol=1e-6, atol=1e-6)
    expected = dict(plain.named_parameters())
    for name, parameter in made.generator.backbone.named_parameters():
        torch.testing.assert_close(parameter.grad, expected[name].grad, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("model_type", ["llama", "qwen3", "gemma2", "opt"])
def test_loss_is_that_of_a_full_forward(tiny: Callable[..., Any], demo: Sequence[Example], model_type: str) -> None:
    made = tiny(model_type, state_table=None)
    made.generator.eval()
    batch = batch_of(made.encoder, demo[:5])
    loss, tokens = target_loss(made.generator, batch)
    output = made.generator.backbone(
        input_ids=batch["input_ids"],
        attention_mask=batch["attention_mask"],
        position_ids=positions(batch),
        labels=batch["labels"],
    )
    torch.testing.assert_close(loss / tokens, output.loss, rtol=1e-5, atol=1e-5)


def test_tokens_are_the_targets_and_their_eos(tiny: Callable[..., Any], demo: Sequence[Example]) -> None:
    made = tiny()
    batch = batch_of(made.encoder, demo[:4])
    texts = [" " + text for example in demo[:4] for text in example.references]
    _, tokens = target_loss(made.generator, batch)
    assert int(tokens) == sum(len(ids) + 1 for ids in made.encoder.tokenizer(texts)["input_ids"])
    assert int(tokens) == int((batch["labels"] != IGNORED).sum())


def test_padding_and_batch_mates_add_nothing(tiny: Callable[..., Any], demo: Sequence[Example]) -> None:
    made = tiny("llama", state_table="own")
    torch.nn.init.normal_(made.generator.own_states.weight)
    together = target_loss(made.generator, batch_of(made.encoder, demo[:4]))
    count = len(encode_pairs(made.encoder, demo[:4]))
    alone = [target_loss(made.generator, batch_of(made.encoder, demo[:4], slice(i, i + 1))) for i in range(count)]
    torch.testing.assert_close(together[0], sum(loss for loss, _ in alone), rtol=1e-5, atol=1e-3)
    assert int(together[1]) == sum(int(tokens) for _, tokens in alone)
