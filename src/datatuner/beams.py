"""Beams as ids: how they are searched for, and one batch of them between two forward passes."""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

NOTHING_YET = -1e9  # score of an empty place among the finished hypotheses
# Who is kept after the last step, in this order: see `_close`.
_FINISHED, _BELOW, _TRUNCATED, _NOWHERE = range(4)


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


class Beam(NamedTuple):
    """One continuation of a prompt."""

    token_ids: tuple[int, ...]  # without `<eos>`
    log_probability: float  # natural log, summed over all generated tokens, `<eos>` included
    tokens: int  # generated tokens, `<eos>` included
    score: float  # log_probability / tokens**length_penalty
    complete: bool  # `<eos>` was generated


class _Finished(NamedTuple):
    """The K best finished hypotheses of B inputs: complete ones by score, then truncated ones. T is max_new_tokens."""

    tokens: Tensor  # (B, K, T)
    lengths: Tensor  # (B, K), 0 in an empty place
    log_probs: Tensor  # (B, K)
    scores: Tensor  # (B, K), NOTHING_YET in an empty place


class BeamState:
    """One batch between two forward passes: B unfinished inputs with K running beams each.

    K is 1 before the first step and beam_size after it. The rules are those of `_beam_search` and its helpers in
    transformers 5.23 (generation/utils.py), where they are spread over fixed-size tensors for a whole batch; but for
    the last step, where truncated texts take no place from complete ones (see `_close`).
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
        number: Any = {"dtype": torch.float32, "device": device}  # whatever the process's default is
        self.log_probs = torch.zeros(batch_size, 1, **number)  # (B, K), best first
        self.finished = _Finished(
            tokens=self.tokens.expand(-1, width, -1),
            lengths=torch.zeros(batch_size, width, dtype=torch.long, device=device),
            log_probs=torch.zeros(batch_size, width, **number),
            scores=torch.full((batch_size, width), NOTHING_YET, **number),
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
        self._finish(tokens[:, :width], log_probs[:, :width], ended[:, :width])
        if self.length == self.settings.max_new_tokens:
            self._close(tokens, log_probs, ended)
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

    def _close(self, tokens: Tensor, log_probs: Tensor, ended: Tensor) -> None:
        """Fills the places that are empty after the last step, from its (B, 2K) candidates.

        First come those below the K best that have ended, then truncated ones. So a truncated text never takes the
        place of a complete one, as it does in transformers, where both compete by score.
        """
        if log_probs[:, : self.settings.beam_size].isnan().any():  # they might lose their places to finished ones
            raise _not_finite()
        scores = log_probs / self.length**self.settings.length_penalty
        new = _Finished(tokens, torch.full_like(ended, self.length, dtype=torch.long), log_probs, scores)
        merged = _Finished(*(torch.cat(pair, dim=1) for pair in zip(self.finished, new, strict=True)))
        below = torch.arange(ended.shape[1], device=ended.device) >= self.settings.beam_size
        spare = below & log_probs.isfinite()
        place = torch.where(ended, torch.where(spare, _BELOW, _NOWHERE), _TRUNCATED)  # the K best have theirs
        place = torch.cat([torch.where(self.finished.lengths > 0, _FINISHED, _NOWHERE), place], dim=1)
        # Both parts are ordered by score already.
        order = place.argsort(dim=1, stable=True)[:, : self.settings.beam_size]
        kept = _Finished(*(_pick(values, order) for values in merged))
        complete = _pick(place, order) < _TRUNCATED
        order = kept.scores.masked_fill(~complete, -math.inf).argsort(dim=1, descending=True, stable=True)
        self.finished = _Finished(*(_pick(values, order) for values in kept))

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
            raise _not_finite()
        for place, columns in zip(self.inputs[rows].tolist(), zip(*finished, strict=True), strict=True):
            self.answers[place] = [self._beam(*values) for values in zip(*(c.tolist() for c in columns), strict=True)]

    def _beam(self, tokens: list[int], length: int, log_probability: float, score: float) -> Beam:
        complete = tokens[length - 1] == self.eos_id
        return Beam(tuple(tokens[: length - complete]), log_probability, length, score, complete)


def _not_finite() -> FloatingPointError:
    return FloatingPointError("the model's logits are not finite: it has diverged, or its precision is too low")


def _pick(values: Tensor, order: Tensor) -> Tensor:
    """`values` (B, N) or (B, N, T) at places `order` (B, M) of the second dimension."""
    if values.dim() == 3:
        order = order[:, :, None].expand(-1, -1, values.shape[2])
    return values.gather(1, order)
