"""Trainings of a tiny GPT-2 without a process of their own, and what they left: shared by tests."""

import csv
from pathlib import Path
from typing import Any

from torch import Tensor

from datatuner.checkpoints import TrainedGenerator, load_generator

NO_DROPOUT = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}
DROPOUT = {"resid_pdrop": 0.1, "embd_pdrop": 0.1, "attn_pdrop": 0.1}


def make_plan(
    *,
    lr: float = 5e-3,
    state_lr: float = 1e-2,
    max_epochs: int = 1,
    max_steps: int | None = None,
    batch_size: int = 4,
    seed: int = 1,
    dropout: dict[str, float] = NO_DROPOUT,
    patience: int = 3,
    accumulate: int = 1,
    clip: float = 1.0,
    devices: int = 1,
    precision: str = "32-true",
    val_bleu_inputs: int = 0,
) -> dict[str, Any]:
    """The part of stage.json (see planning.py) that training reads."""
    architecture = {"model_type": "gpt2", "n_layer": 2, "n_head": 2, "n_embd": 64, "n_positions": 320, **dropout}
    return {
        "kind": "train",
        "config": {
            "corpus": {"name": "demo", "on_error": "raise", "max_length": 200, "batch_size": batch_size},
            "generator": {
                "name": "tiny",
                "backbone": {"origin": "scratch", "name": "tiny", "vocab_size": 400, "architecture": architecture},
                "state_table": "tied",
                "max_epochs": max_epochs,
                "patience": patience,
                "optim": {"name": "adamw", "lr": lr, "warmup_steps": 1, "weight_decay": 0.01, "state_lr": state_lr},
            },
            "states": "fine",
            "trainer": {
                "devices": devices,
                "precision": precision,
                "max_steps": max_steps,
                "accumulate": accumulate,
                "clip": clip,
            },
            "seed": seed,
        },
        "inputs": {},
        "settings": {
            "accelerator": "cpu",
            "val_bleu_inputs": val_bleu_inputs,
            "log_every": 1,
            "eval_batch_size": 64,
            "save_every": 200,
            "workers": 0,
            "gradient_checkpointing": False,
        },
    }


def column(folder: Path, name: str) -> dict[int, float]:
    """A column of metrics.csv: optimizer step (from 0) -> value."""
    with (folder / "metrics.csv").open(encoding="utf-8") as file:
        rows = [(int(row["step"]), row.get(name)) for row in csv.DictReader(file)]
    found = [(step, float(value)) for step, value in rows if value]
    assert len(dict(found)) == len(found), f"{name} was logged twice at one step"
    return dict(found)


def load(folder: Path) -> TrainedGenerator:
    return load_generator(folder, max_new_tokens=100)


def weights(folder: Path) -> dict[str, Tensor]:
    return dict(load(folder).generator.state_dict())
