"""The training loss: cross-entropy summed over the tokens that are learned."""

import torch
from torch import Tensor
from torch.nn import functional

from datatuner.encoding import IGNORED
from datatuner.models.generator import Generator


def target_loss(generator: Generator, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """(summed cross-entropy in nats, number of learned tokens) of one batch, both scalars.

    The head runs at the positions before a learned token alone. Sums, because the mean of micro-batch means is not
    the token mean under gradient accumulation and DDP.
    """
    labels = batch["labels"]
    # The logits at position t predict token t + 1.
    keep = functional.pad(labels[:, 1:], (0, 1), value=IGNORED) != IGNORED
    output = generator(batch["input_ids"], batch["state_ids"], batch["attention_mask"], keep=keep)
    targets = labels[:, 1:][keep[:, :-1]]
    loss = functional.cross_entropy(output.logits[0].float(), targets, reduction="sum")
    return loss, torch.tensor(targets.numel(), device=loss.device)
