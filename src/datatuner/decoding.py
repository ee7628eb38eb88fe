"""Beam search: prompts of token and state ids in, the n best continuations of each out.

Knows ids only: no text, tags' names, corpora or files. A list is ranked as transformers' `generate` ranks it; that a
complete hypothesis goes before an incomplete one is the business of `reranking`.
"""

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from datatuner.beam_cache import beam_cache
from datatuner.models.generator import Generator

NOTHING_YET = -1e9  # score of an empty place among the finished hypotheses


@dataclass(frozen=True)
class BeamSettings:
    beam_size: int = 5
    n_best: int = 5  # hypotheses kept of each input, at most beam_size
    max_new_tokens: int = 100  # `<eos>` included
    length_penalty: float = 0.75  # alpha of score = log-probability / tokens**alpha
    early_stopping: bool = False  # True: stop once beam_size hypotheses are finished, whatever could still come

    def __post_init__(self) -> None:
        if self.beam_size < 1:
            raise ValueError(f"beam_size must be at least 1, not {self.beam_size}")
        if not 1 <= self.n_best <= self.beam_size:
            raise ValueError(f"n_best must lie between 1 and beam_size ({self.beam_size}), not {self.n_best}")
        if self.max_new_tokens < 1:
            raise ValueError(f"max_new_tokens must be at least 1, not {self.max_new_tokens}")
        if not 0 <= self.length_penalty < math.inf:
            raise ValueError(f"length_penalty must be 0 or a positive number, not {self.length_penalty}")


class Prompt(NamedTuple):
    """An encoded input, up to and including `<text>`. State ids are the tags' token ids, one for each token."""

    input_ids: tuple[int, ...]
    state_ids: tuple[int, ...]


class Beam(NamedTuple):
    """One continuation of a prompt."""

    token_ids: tuple[int, ...]  # without `<eos>`
    log_probability: float  # natural log, summed over all generated tokens, `<eos>` included
    tokens: int  # generated tokens, `<eos>` included
    score: float  # log_probability / tokens**length_penalty
    complete: bool  # `<eos>` was generated


@dataclass(frozen=True)
class DecodingResult:
    """`beams` holds one n-best list for each prompt, in the prompts' order, best score first.

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
    on_batch: Callable[[int], None] | None = None,
) -> DecodingResult:
    """The `settings.n_best` best continuations of each prompt.

    Equal to `GPT2LMHeadModel.generate(token_type_ids=…, num_beams=…, suppress_tokens=…)` of transformers 5, for any
    backbone. An input ends on its own terms, so its list does not depend on what else is in its batch.

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
            search = _Search(len(batch), settings, eos_id, suppressed)
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
    positions = getattr(generator.backbone.config, "max_position_embeddings", None)
    if positions is not None and length + settings.max_new_tokens > positions:
        raise ValueError(
            f"a prompt of {length} tokens and {settings.max_new_tokens} new ones exceed the {positions} positions of "
            "the backbone: cut the prompt, or lower max_new_tokens"
        )


def _device(generator: Generator) -> torch.device:
    return next(generator.parameters()).device


@contextmanager
def _evaluating(module: nn.Module) -> Iterator[None]:
    """Evaluation mode inside; afterwards each submodule is back in the mode it was in."""
    training = [submodule for submodule in module.modules() if submodule.training]
    module.eval()
    try:
        yield
    finally:
        for submodule in training:
            submodule.training = True


def _run(search: "_Search", generator: Generator, prompts: Sequence[Prompt], text_state_id: int) -> None:
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


class _Finished(NamedTuple):
    """The K best finished hypotheses of B inputs, best first. T is max_new_tokens."""

    tokens: Tensor  # (B, K, T)
    lengths: Tensor  # (B, K), 0 in an empty place
    log_probs: Tensor  # (B, K)
    scores: Tensor  # (B, K), NOTHING_YET in an empty place


class _Search:
    """One batch between two forward passes: B unfinished inputs with K running beams each.

    K is 1 before the first step and beam_size after it. The rules are those of `_beam_search` and its helpers in
    transformers 5.23 (generation/utils.py), where they are spread over fixed-size tensors for a whole batch.
    """

    def __init__(self, batch_size: int, settings: BeamSettings, eos_id: int, suppressed: Tensor) -> None:
        device, width = suppressed.device, settings.beam_size
        self.settings = settings
        self.eos_id = eos_id
        self.suppressed = suppressed
        self.answers: list[list[Beam]] = [[] for _ in range(batch_size)]
        self.suppressed_wins = torch.zeros((), dtype=torch.long, device=device)
        self.steps = 0
        self.length = 0  # tokens generated so far
        self.inputs = torch.arange(batch_size, device=device)  # (B,) place in `answers`
        self.tokens = torch.full((batch_size, 1, settings.max_new_tokens), eos_id, device=device)  # (B, K, T)
        self.log_probs = torch.zeros(batch_size, 1, device=device)  # (B, K), best first
        self.finished = _Finished(
            tokens=self.tokens.expand(-1, width, -1),
            lengths=torch.zeros(batch_size, width, dtype=torch.long, device=device),
            log_probs=torch.zeros(batch_size, width, device=device),
            scores=torch.full((batch_size, width), NOTHING_YET, device=device),
        )

    def newest_tokens(self) -> Tensor:
        """The last token of each running beam, (B*K, 1)."""
        return self.tokens[:, :, self.length - 1].reshape(-1, 1)

    def advance(self, logits: Tensor) -> Tensor:
        """Takes one step with next-token logits (B*K, V).

        Returns the row, in these logits, that each beam now running continues, (B*K,) with the new B and K; empty when
        every input is finished.
        """
        width = self.settings.beam_size
        rows_per_input = self.log_probs.shape[1]
        log_probs, parents, new_tokens = self._candidates(logits)
        tokens = _pick(self.tokens, parents)  # (B, 2K, T)
        tokens[:, :, self.length] = new_tokens
        self.length += 1
        ended = new_tokens == self.eos_id
        if self.length == self.settings.max_new_tokens:
            ended = torch.ones_like(ended)
        self._finish(tokens[:, :width], log_probs[:, :width], ended[:, :width])
        if self.length == self.settings.max_new_tokens:
            self._answer(torch.arange(len(self.inputs), device=logits.device))
            return self.inputs.new_empty(0)
        # At most K of the 2K candidates end in <eos>, one for each beam, so K are left to go on.
        order = log_probs.masked_fill(ended, -math.inf).topk(width).indices
        self.tokens, self.log_probs, parents = _pick(tokens, order), _pick(log_probs, order), _pick(parents, order)
        left = self._retire()
        return (left[:, None] * rows_per_input + parents[left]).flatten()

    def _candidates(self, logits: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The 2K best continuations: log-probabilities, running beams they continue, new tokens; (B, 2K) each."""
        count = 2 * self.settings.beam_size
        allowed = logits.shape[-1] - len(self.suppressed)
        if allowed < count:
            raise ValueError(
                f"beam_size {self.settings.beam_size} needs {count} tokens, and {allowed} are not suppressed"
            )
        log_probs = logits.float().log_softmax(-1)  # (B*K, V)
        suppressed = log_probs[:, self.suppressed]
        log_probs.index_fill_(1, self.suppressed, -math.inf)
        self.suppressed_wins += (suppressed > log_probs.amax(-1, keepdim=True)).any(-1).sum()
        self.steps += len(logits)
        totals = log_probs.view(*self.log_probs.shape, -1)  # (B, K, V)
        totals += self.log_probs[:, :, None]
        # One topk over (B, K*V), as in transformers, so that exact ties fall as they do there.
        best, places = totals.flatten(1).topk(count)
        return best, places // logits.shape[-1], places % logits.shape[-1]

    def _finish(self, tokens: Tensor, log_probs: Tensor, ended: Tensor) -> None:
        """Lets those of the K best candidates that have ended compete with the finished hypotheses.

        A candidate below the K best is there to go on only, even if it has ended.
        """
        scores = log_probs / self.length**self.settings.length_penalty
        new = _Finished(tokens, ended * self.length, log_probs, scores.masked_fill(~ended, NOTHING_YET))
        merged = _Finished(*(torch.cat(pair, dim=1) for pair in zip(self.finished, new, strict=True)))
        order = merged.scores.topk(self.settings.beam_size).indices
        self.finished = _Finished(*(_pick(values, order) for values in merged))

    def _retire(self) -> Tensor:
        """Answers the inputs that no step can improve and drops them; the rows of the others, (B,) with the new B.

        An input is done when all its places are filled and its best running beam, scored at the present length, does
        not beat the worst of them (with early_stopping, as soon as they are filled).
        """
        done = (self.finished.lengths > 0).all(-1)
        if not self.settings.early_stopping:
            hoped = self.log_probs[:, 0] / self.length**self.settings.length_penalty
            done &= hoped <= self.finished.scores[:, -1]
        left = (~done).nonzero().squeeze(1)  # the only point of a step where a GPU must be waited for
        if len(left) < len(done):
            self._answer(done.nonzero().squeeze(1))
            self.inputs, self.tokens, self.log_probs = self.inputs[left], self.tokens[left], self.log_probs[left]
            self.finished = _Finished(*(values[left] for values in self.finished))
        return left

    def _answer(self, rows: Tensor) -> None:
        """Writes the n best of these inputs, rows (N,), into `answers`."""
        n_best = self.settings.n_best
        finished = _Finished(*(values[rows, :n_best].cpu() for values in self.finished))
        if not (finished.lengths.all() and finished.scores.isfinite().all()):
            raise FloatingPointError("the model's logits are not finite: it has diverged, or its precision is too low")
        for place, columns in zip(self.inputs[rows].tolist(), zip(*finished, strict=True), strict=True):
            self.answers[place] = [self._beam(*values) for values in zip(*(c.tolist() for c in columns), strict=True)]

    def _beam(self, tokens: list[int], length: int, log_probability: float, score: float) -> Beam:
        complete = tokens[length - 1] == self.eos_id
        return Beam(tuple(tokens[: length - complete]), log_probability, length, score, complete)


def _pick(values: Tensor, order: Tensor) -> Tensor:
    """`values` (B, N) or (B, N, T) at places `order` (B, M) of the second dimension."""
    if values.dim() == 3:
        order = order[:, :, None].expand(-1, -1, values.shape[2])
    return values.gather(1, order)
