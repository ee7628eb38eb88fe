"""Low-rank adaptation (Hu et al. 2021) of a backbone, by peft: few weights learn, and are merged when saved.

The linear layers of all blocks get adapters; the tags' rows and the state table, which no pretraining has seen, learn
as they do without it.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from torch import Tensor

from datatuner.errors import ConfigError
from datatuner.models.generator import Generator

_ADAPTER = "default"  # peft's name for the only one


@dataclass(frozen=True)
class LoraSettings:
    """`rank` of the update to each weight matrix, its scale `alpha / rank`, and dropout of its input."""

    rank: int
    alpha: float = 32.0
    dropout: float = 0.0


def add_lora(generator: Generator, settings: LoraSettings, tag_ids: Iterable[int]) -> None:
    """Freezes the backbone and puts adapters that change nothing yet into it, in place.

    Args:
        tag_ids: rows of the token embedding (and of a head tied to it) that learn.

    Raises:
        ConfigError: peft is not installed.
    """
    try:
        from peft import LoraConfig, LoraModel
    except ImportError as error:
        raise ConfigError(f"generator.lora.rank={settings.rank} needs peft: pip install 'datatuner[lora]'.") from error
    backbone = generator.backbone
    embedding = next(name for name, module in backbone.named_modules() if module is backbone.get_input_embeddings())
    config = LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,  # type: ignore[arg-type]  # an int in its signature, and a factor in its formula
        lora_dropout=settings.dropout,
        target_modules="all-linear",
        trainable_token_indices={embedding.rpartition(".")[2]: sorted(tag_ids)},
    )
    LoraModel(backbone, config, _ADAPTER)


def has_lora(generator: Generator) -> bool:
    return any("lora_" in name for name, _ in generator.named_parameters())


def merged_state_dict(generator: Generator) -> dict[str, Tensor]:
    """`state_dict()` of the same Generator without adapters; the one in training stays as it is.

    peft's own merging changes weights in place, and undoing it rounds them.
    """
    from peft.tuners.lora import LoraLayer
    from peft.tuners.trainable_tokens import TrainableTokensLayer

    state = generator.state_dict()
    for name, module in generator.named_modules():
        if isinstance(module, LoraLayer):
            delta: Tensor = module.get_delta_weight(_ADAPTER)  # type: ignore[attr-defined]  # its subclasses have it
            state[f"{name}.base_layer.weight"] = state[f"{name}.base_layer.weight"] + delta.detach()
        elif isinstance(module, TrainableTokensLayer):
            state[f"{name}.base_layer.weight"] = module.get_merged_weights([_ADAPTER]).detach()
    own = {name: tensor for name, tensor in state.items() if "lora_" not in name and "trainable_tokens" not in name}
    return {name.replace(".token_adapter", "").replace(".base_layer", ""): tensor for name, tensor in own.items()}
