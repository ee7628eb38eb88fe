"""Whether a language model can work as a generator: tried on four tokens, before training."""

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from datatuner.beam_cache import beam_cache
from datatuner.errors import BackboneError

M = TypeVar("M", bound=nn.Module)


def check_backbone(model: PreTrainedModel) -> None:
    """Tries on four tokens what the generator relies on, so that an unfit backbone fails here and not in its texts.

    Raises:
        BackboneError: the model takes no vectors for tokens, computes inputs from ids as well, sees later tokens
            or padding, has no key-value cache, or hides its language-model head.
    """
    if problem := tried(model, _problem):
        name = model.config.model_type
        raise BackboneError(f"backbone {name!r} cannot work as a generator: {problem}. Choose a decoder-only model.")


@torch.no_grad()
def tried(model: M, problem: Callable[[M], str | None]) -> str | None:
    """What `problem` finds wrong with a model in evaluation mode; that it cannot run at all, where that raises."""
    was_training = model.training
    model.eval()
    try:
        return problem(model)
    except Exception as error:  # whatever it is, this model cannot run
        return f"its forward pass fails ({' '.join(str(error).split())[:160]})"
    finally:
        model.train(was_training)


def _problem(model: PreTrainedModel) -> str | None:
    if model.config.is_encoder_decoder:
        return "it is an encoder-decoder"
    embedding, head = model.get_input_embeddings(), model.get_output_embeddings()
    if not isinstance(embedding, nn.Module) or not isinstance(head, nn.Module):
        return "it has no token embedding or no language-model head"
    ids = torch.tensor([[1, 2, 3, 4]], device=model.device)
    mask, positions = torch.ones_like(ids), torch.arange(4, device=ids.device)[None]
    arguments = {"attention_mask": mask, "position_ids": positions, "use_cache": False}
    expected = model(input_ids=ids, **arguments).logits
    if not _close(model(inputs_embeds=embedding(ids), **arguments).logits, expected):
        return "it computes more from token ids than their embeddings"
    # Prompts of a batch are padded on the left, so mask and positions must be heeded.
    padded, mask, positions = (torch.cat([0 * column[:, :2], column], dim=1) for column in (ids, mask, positions))
    late = model(inputs_embeds=embedding(padded), attention_mask=mask, position_ids=positions, use_cache=False)
    if not _close(late.logits[:, 2:], expected):
        return "padding before a sequence changes its logits"
    return _cache_problem(model, ids, expected)


def _cache_problem(model: PreTrainedModel, ids: Tensor, expected: Tensor) -> str | None:
    """Three tokens, then a fourth with the cache, must give the `expected` logits of all four at once."""
    embedding, mask, cache = model.get_input_embeddings(), torch.ones_like(ids), beam_cache()
    positions = mask.cumsum(-1) - 1
    start = model(
        inputs_embeds=embedding(ids[:, :3]),
        attention_mask=mask[:, :3],
        position_ids=positions[:, :3],
        past_key_values=cache,
        use_cache=True,
    )
    if not _close(start.logits, expected[:, :3]):
        return "its tokens see later tokens"
    if cache.get_seq_length() != 3:
        return "it has no key-value cache"
    step = model(
        inputs_embeds=embedding(ids[:, 3:]),
        attention_mask=mask,
        position_ids=positions[:, 3:],
        past_key_values=cache,
        use_cache=True,
    )
    return None if _close(step.logits, expected[:, 3:]) else "its cached and uncached passes differ"


def _close(logits: Tensor, expected: Tensor) -> bool:
    """Equal but for rounding, which grows with the logits: measured up to 5e-5 of the largest one (SmolLM2)."""
    return logits.shape == expected.shape and bool((logits - expected).abs().max() <= 3e-4 * expected.abs().max())
