"""DataTuner: data-to-text generation with state embeddings (Harkous et al., COLING 2020).

`datatuner.load(folder)` gives an exported model (see tuner.py).
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """`load`, imported when it is asked for: the model libraries take seconds."""
    if name == "load":
        return import_module("datatuner.loading").load
    raise AttributeError(f"module 'datatuner' has no attribute {name!r}")
