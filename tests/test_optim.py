"""The learning rate at each step, and which parameters decay and at what rate they learn."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim import SGD

from datatuner.optim import OptimSettings, build_optimizer, linear_schedule

SETTINGS = OptimSettings(lr=1e-3, weight_decay=0.1, state_lr=5e-2)


@pytest.mark.parametrize(
    ("warmup", "total", "expected"),
    [
        (0, 4, [1, 0.75, 0.5, 0.25, 0]),
        (3, 7, [0.25, 0.5, 0.75, 1, 0.75, 0.5, 0.25, 0]),
        (1, 2, [0.5, 1, 0]),
        (0, 1, [1, 0, 0]),  # steps beyond the end stay at 0
        (5, 3, [1 / 6, 2 / 6, 3 / 6]),  # a training that ends while warming up
    ],
)
def test_schedule(warmup: int, total: int, expected: list[float]) -> None:
    optimizer = SGD([nn.Parameter(torch.zeros(1))], lr=2.0)
    schedule = linear_schedule(optimizer, warmup_steps=warmup, total_steps=total)
    rates = []
    for _ in expected:
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    assert rates == pytest.approx([2.0 * factor for factor in expected])


def test_schedule_keeps_the_ratio_of_the_groups() -> None:
    groups = [{"params": [nn.Parameter(torch.zeros(1))], "lr": lr} for lr in (1.0, 10.0)]
    optimizer = SGD(groups)
    schedule = linear_schedule(optimizer, warmup_steps=0, total_steps=4)
    optimizer.step()
    schedule.step()
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.75, 7.5])


@pytest.mark.parametrize(
    ("model_type", "state_table"), [("gpt2", "tied"), ("gpt2", "own"), ("llama", "own"), ("llama", None), ("opt", None)]
)
def test_each_parameter_is_in_one_group(tiny: Callable[..., Any], model_type: str, state_table: str | None) -> None:
    generator = tiny(model_type, state_table=state_table).generator
    groups = build_optimizer(generator, SETTINGS).param_groups
    names = {id(parameter): name for name, parameter in generator.named_parameters(remove_duplicate=True)}
    found = Counter(names[id(parameter)] for group in groups for parameter in group["params"])
    assert found == Counter(names.values())  # tied embedding and head are one parameter: once

    for group in groups:
        for parameter in group["params"]:
            name = names[id(parameter)]
            own = name == "own_states.weight"
            assert group["lr"] == (5e-2 if own else 1e-3), name
            plain = own or name.endswith("bias") or "norm" in name or ".ln_" in name
            assert group["weight_decay"] == (0.0 if plain else 0.1), name


def test_only_an_own_table_has_its_own_rate(tiny: Callable[..., Any]) -> None:
    rates = {
        table: {group["lr"] for group in build_optimizer(tiny(state_table=table).generator, SETTINGS).param_groups}
        for table in ("tied", "own", None)
    }
    assert rates == {"tied": {1e-3}, "own": {1e-3, 5e-2}, None: {1e-3}}


def test_novograd_takes_the_steps_of_its_paper() -> None:
    """Ginsburg et al. 2019, algorithm 1: one second moment for each tensor, gradients normalised before the first."""
    beta1, beta2, lr, decay, eps = 0.95, 0.98, 0.1, 0.01, 1e-8
    torch.manual_seed(0)
    module = nn.Linear(3, 2).double()
    expected = {name: parameter.detach().clone() for name, parameter in module.named_parameters()}
    settings = OptimSettings(name="novograd", lr=lr, weight_decay=decay)
    optimizer = build_optimizer(module, settings)
    first: dict[str, torch.Tensor] = {}
    second: dict[str, torch.Tensor] = {}
    for _ in range(4):
        optimizer.zero_grad()
        module(torch.randn(5, 3, dtype=torch.float64)).square().sum().backward()
        for name, parameter in module.named_parameters():
            assert parameter.grad is not None
            gradient = parameter.grad.clone()
            norm = gradient.square().sum()
            second[name] = beta2 * second[name] + (1 - beta2) * norm if name in second else norm
            step = gradient / (second[name].sqrt() + eps)
            if name == "weight":  # decay is for matrices
                step = step + decay * expected[name]
            first[name] = beta1 * first[name] + step if name in first else step
            expected[name] = expected[name] - lr * first[name]
        optimizer.step()
    torch.testing.assert_close(dict(module.named_parameters()), expected)
