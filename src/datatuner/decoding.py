"""Beam search: prompts of token and state ids in, the n best continuations of each out.

Knows ids only: no text, tags' names, corpora or files.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from datatuner.backbones import context_length
from datatuner.beam_cache import beam_cache
from datatuner.beams import Beam, BeamSettings, BeamState
from datatuner.encoding import Encoded
from datatuner.models.generator import Generator


class Prompt(NamedTuple):
    """An encoded input, up to and including `<text>`. State ids are the tags' token ids, one for each token."""

    input_ids: tuple[int, ...]
    state_ids: tuple[int, ...]

    @classmethod
    def of(cls, encoded: Encoded) -> "Prompt":
        return cls(tuple(encoded.input_ids), tuple(encoded.state_ids))


@dataclass(frozen=True)
class DecodingResult:
    """`beams` holds one n-best list for each prompt, in their order: complete ones by score, then truncated ones.

    `steps` counts the next-token distributions of live beams, each unique prompt once, and `suppressed_wins` those in
    which a suppressed token was the most probable one.
    """

    beams: list[list[Beam]]
    suppressed_wins: int
    steps: int


@torch.inference_mode()
def beam_search(
    generator: Generator,
    prompts: Sequence[Prompt],
    settings: BeamSettings,
    *,
    eos_id: int,
    text_state_id: int,
    suppressed_ids: Collection[int],
    batch_size: int,
    on_batch: Callable[[int], object] | None = None,
) -> DecodingResult:
    """The `settings.n_best` best continuations of each prompt.

    Complete hypotheses come first, by score; texts that `max_new_tokens` truncates have only the places that are left.
    Where `GPT2LMHeadModel.generate(token_type_ids=…, num_beams=…, suppress_tokens=…)` of transformers 5 has complete
    ones alone, the list is equal, for any backbone. There a truncated text competes by score and may drive complete
    ones out. Here all that were finished stay, then those of the last step's 2 x beam_size candidates that end are
    taken, and then truncated texts. At earlier steps a candidate that ends but is not among the beam_size best is
    dropped, as there.
    An input ends on its own terms, so its list does not depend on what else is in its batch.

    Args:
        text_state_id: the state of every generated token.
        suppressed_ids: never generated. They keep their share of the probability, as in transformers.
        batch_size: different prompts in one forward pass; the passes after the first have beam_size rows for each.
        on_batch: called after each batch with the number of `prompts` it answered.

    Raises:
        ValueError: a prompt is empty, or leaves too few of the backbone's positions for `max_new_tokens`; or fewer than
            2 x beam_size tokens are not suppressed.
        FloatingPointError: the logits are not finite.
    """
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, not {batch_size}")
    if eos_id in suppressed_ids:
        raise ValueError(f"<eos> ({eos_id}) cannot be suppressed: no hypothesis would ever be complete")
    counts = Counter(prompts)
    # The longest first: what needs most memory fails at once, and lengths within a batch are alike.
    unique = sorted(counts, key=lambda prompt: len(prompt.input_ids), reverse=True)
    for prompt in unique:
        _check_prompt(prompt, generator, settings)
    suppressed = torch.tensor(sorted(set(suppressed_ids)), dtype=torch.long, device=_device(generator))
    answers: dict[Prompt, list[Beam]] = {}
    suppressed_wins = steps = 0
    with _evaluating(generator):
        for start in range(0, len(unique), batch_size):
            batch = unique[start : start + batch_size]
            search = BeamState(len(batch), settings, eos_id, suppressed)
            _run(search, generator, batch, text_state_id)
            answers.update(zip(batch, search.answers, strict=True))
            suppressed_wins += int(search.suppressed_wins)
            steps += search.steps
            if on_batch is not None:
                on_batch(sum(counts[prompt] for prompt in batch))
    return DecodingResult([list(answers[prompt]) for prompt in prompts], suppressed_wins, steps)


def _check_prompt(prompt: Prompt, generator: Generator, settings: BeamSettings) -> None:
    length = len(prompt.input_ids)
    if length == 0 or length != len(prompt.state_ids):
        raise ValueError(f"a prompt needs one state id for each token: {length} tokens, {len(prompt.state_ids)} states")
    positions = context_length(generator.backbone)
    if positions is not None and length + settings.max_new_tokens > positions:
        raise ValueError(
            f"a prompt of {length} tokens and {settings.max_new_tokens} new ones exceed the {positions} positions of "
            "the backbone: cut the prompt, or lower max_new_tokens"
        )


def _device(generator: Generator) -> torch.device:
    return next(generator.parameters()).device


@contextmanager
def _evaluating(module: nn.Module) -> Iterator[None]:
    """Evaluation mode inside; afterwards each submodule is back in the mode it was in.

    A module in evaluation mode is not touched: other threads may be using it.
    """
    training = [submodule for submodule in module.modules() if submodule.training]
    if training:
        module.eval()
    try:
        yield
    finally:
        for submodule in training:
            submodule.training = True


def _run(search: BeamState, generator: Generator, prompts: Sequence[Prompt], text_state_id: int) -> None:
    """Runs the search for B prompts to its end: the prompts in one pass of B rows, then up to B x K rows a token."""
    input_ids, state_ids, mask = _pad_left(prompts, _device(generator))
    last = torch.zeros_like(mask, dtype=torch.bool)
    last[:, -1] = True
    cache = beam_cache()
    output = generator(input_ids, state_ids, mask, keep=last, past_key_values=cache, use_cache=True)
    rows = search.advance(output.logits[0])
    while len(rows):
        cache.reorder_cache(rows)  # type: ignore[arg-type]
        mask = torch.cat([mask[rows], mask.new_ones(len(rows), 1)], dim=1)
        tokens = search.newest_tokens()
        states = torch.full_like(tokens, text_state_id)
        output = generator(tokens, states, mask, past_key_values=cache, use_cache=True)
        rows = search.advance(output.logits[:, -1])


def _pad_left(prompts: Sequence[Prompt], device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Token ids, state ids and attention mask, (B, T) each. Padding is masked, so a prompt's own first ids will do."""
    width = max(len(prompt.input_ids) for prompt in prompts)

    def padded(ids: tuple[int, ...]) -> list[int]:
        return [ids[0]] * (width - len(ids)) + list(ids)

    input_ids = torch.tensor([padded(prompt.input_ids) for prompt in prompts], device=device)
    state_ids = torch.tensor([padded(prompt.state_ids) for prompt in prompts], device=device)
    lengths = torch.tensor([len(prompt.input_ids) for prompt in prompts], device=device)
    mask = torch.arange(width, device=device) >= width - lengths[:, None]
    return input_ids, state_ids, mask.long()
