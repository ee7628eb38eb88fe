"""What a stage's process reads by its plan: splits of the corpus, and the device."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from datatuner import corpora
from datatuner.corpora import Corpus
from datatuner.corpora.reader import is_own
from datatuner.errors import ChangedError, ConfigError
from datatuner.ranks import Place
from datatuner.stages import corpus_key

log = logging.getLogger(__name__)


def read_split(plan: Mapping[str, Any], split: str) -> Corpus:
    """A split of the plan's corpus; says what was left out.

    Raises:
        ConfigError, CorpusNotFoundError, CorpusFormatError: as `corpora.read`.
        ChangedError: it is not what the stage was planned with. Plans of earlier versions do not say what that was.
    """
    corpus, folder = plan["config"]["corpus"], plan["settings"]["corpus_folder"]
    where = Path(folder) if folder else None
    found = corpora.read(corpus["name"], where, split, on_error=corpus["on_error"], reader=corpus.get("reader"))
    ensure_planned(found, plan, split)
    counts = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in found.counts.items() if count)
    log.info("%s %s: %s", corpus["name"], split, counts)
    for message in found.skipped:
        log.warning("left out: %s", message)
    return found


def ensure_planned(corpus: Corpus, plan: Mapping[str, Any], split: str) -> None:
    """Whether a split that was read is the one that the stage of `plan` was planned with.

    Raises:
        ChangedError: it is another one. A plan of an earlier version does not say which it was; that is said.
    """
    name, folder = plan["config"]["corpus"]["name"], plan["settings"]["corpus_folder"]
    planned = plan["inputs"].get(corpus_key(split))
    if planned is None and plan["inputs"]:
        log.warning("corpus=%s: whether the %s split is the run's own is not known: it is an older one", name, split)
    elif planned is not None and corpus.checksum != planned:
        own = is_own(plan["config"]["corpus"].get("reader"))
        unsteady = " A reader must yield the same each time that it reads the same." if own else ""
        raise ChangedError(
            f"corpus={name}: the {split} split in {folder} is not the one that this stage was planned with (sha256 "
            f"{corpus.checksum[:8]}…, not {planned[:8]}…). Put it back, or start the run again: what depends on it is "
            f"then made anew.{unsteady}"
        )


def found_gpu(settings: Mapping[str, Any], precision: str | None = None) -> bool:
    """Whether to compute on a GPU, by a plan's settings, in `precision` where something is trained.

    Raises:
        ConfigError: GPUs are asked for, and there are none, or fewer; or they lack bfloat16.
    """
    import torch

    accelerator, devices = settings["accelerator"], settings["devices"]
    found = torch.cuda.is_available()
    if accelerator in ("gpu", "cuda") and not found:
        raise ConfigError(
            f"trainer.accelerator={accelerator}, but torch {torch.__version__} finds no GPU here. "
            "Pass trainer=cpu, or install a torch that is built for the GPU."
        )
    if not found or accelerator == "cpu":
        return False
    if devices > torch.cuda.device_count():
        raise ConfigError(
            f"trainer.devices={devices}, but this machine has {torch.cuda.device_count()} GPU(s) that this process may "
            f"use: pass trainer.devices={torch.cuda.device_count()}, or trainer=ddp_cpu."
        )
    if (precision or "").startswith("bf16") and not torch.cuda.is_bf16_supported(including_emulation=False):
        raise ConfigError(f"trainer.precision={precision}: this GPU lacks bfloat16. Pass 16-mixed or 32-true.")
    return True


def device_of(settings: Mapping[str, Any]) -> str:
    """The device of this process among its machine's ranks, as torch names it.

    Raises:
        ConfigError: as `found_gpu`.
    """
    return f"cuda:{Place.mine().local_rank}" if found_gpu(settings) else "cpu"
