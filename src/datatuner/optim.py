"""Optimizer and learning-rate schedule by name."""

from dataclasses import dataclass
from typing import Any

from torch import nn
from torch.optim import AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR


@dataclass(frozen=True)
class OptimSettings:
    """`adamw`, or `novograd` (Ginsburg et al. 2019) with its betas 0.95 and 0.98.

    `lr` rises over `warmup_steps` optimizer steps, then falls linearly to 0 at the last step. `weight_decay` weighs far
    more in NovoGrad, whose gradients have norm 1 in each layer.
    `state_lr` is the learning rate of an own state or segment table, which starts at zero and hardly moves at a
    backbone's.
    """

    name: str = "adamw"
    lr: float = 1e-4
    warmup_steps: int = 0
    weight_decay: float = 0.01
    state_lr: float = 1e-3


def build_optimizer(model: nn.Module, settings: OptimSettings) -> Optimizer:
    """The optimizer of what is trainable, with weight decay on matrices only: not on biases, norms or own tables.

    Raises:
        ValueError: an unknown name.
    """
    decayed: list[nn.Parameter] = []
    plain: list[nn.Parameter] = []
    states: list[nn.Parameter] = []
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        if name.startswith(("own_states.", "own_segments.")):
            states.append(parameter)
        else:
            (decayed if parameter.ndim > 1 else plain).append(parameter)
    groups: list[dict[str, Any]] = [
        {"params": decayed, "weight_decay": settings.weight_decay},
        {"params": plain, "weight_decay": 0.0},
        {"params": states, "weight_decay": 0.0, "lr": settings.state_lr},
    ]
    groups = [group for group in groups if group["params"]]
    if settings.name == "novograd":
        from pytorch_optimizer import NovoGrad  # takes seconds to import

        return NovoGrad(groups, lr=settings.lr)
    if settings.name == "adamw":
        return AdamW(groups, lr=settings.lr)
    raise ValueError(f"no optimizer {settings.name!r}: adamw or novograd")


def linear_schedule(optimizer: Optimizer, *, warmup_steps: int, total_steps: int) -> LambdaLR:
    """Factor (step + 1) / (warmup_steps + 1) while warming up, then linearly from 1 to 0 at `total_steps`."""

    def factor(step: int) -> float:
        if step < warmup_steps:
            return (step + 1) / (warmup_steps + 1)
        return max(0.0, (total_steps - step) / max(1, total_steps - warmup_steps))

    return LambdaLR(optimizer, factor)
