"""What a user can set: one dataclass schema, composed by Hydra from `conf/`, then validated as a whole."""

import difflib
import math
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any, NoReturn

import hydra
from hydra.core.config_store import ConfigStore
from hydra.errors import HydraException, OverrideParseException
from omegaconf import MISSING, DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from datatuner.corpora import SPLITS
from datatuner.errors import ConfigError, DataTunerError

_IN_REPOSITORY = Path(__file__).resolve().parents[2] / "conf"
CONF = _IN_REPOSITORY if _IN_REPOSITORY.is_dir() else Path(__file__).resolve().parent / "conf"  # the latter in a wheel

ACCELERATORS = ("auto", "cpu", "gpu", "cuda")
PRECISIONS = ("32-true", "bf16-mixed", "16-mixed", "bf16-true")

States = Enum("States", ["fine", "coarse", "none"])
OnError = Enum("OnError", ["raise", "skip"])
StateTable = Enum("StateTable", ["tied", "own"])
Origin = Enum("Origin", ["hub", "folder", "wheel", "scratch"])
OptimName = Enum("OptimName", ["adamw"])


@dataclass
class CorpusConfig:
    name: str = MISSING
    folder: str | None = None  # default: <data_dir>/<name>
    on_error: OnError = OnError["raise"]
    max_length: int = 512  # tokens of a training sequence: data is cut from its end, the target never
    batch_size: int = 16  # sequences per training batch and device
    eval_batch_size: int = 64  # sequences per validation batch and device


@dataclass
class BackboneConfig:
    origin: Origin = Origin.hub
    name: str = MISSING  # hub id, folder, or package of a wheel
    revision: str | None = None  # hub: a commit
    file: str | None = None  # wheel: its GGUF file
    architecture: dict[str, Any] | None = None  # scratch: a transformers config with `model_type`
    vocab_size: int | None = None  # scratch: tokens of the byte-level BPE


@dataclass
class OptimConfig:
    name: OptimName = OptimName.adamw
    lr: float = 1e-4
    warmup_steps: int = 0  # optimizer steps from 0 to lr; then linearly to 0
    weight_decay: float = 0.01
    state_lr: float = 1e-3  # of an `own` state table, which starts at zero


@dataclass
class GeneratorConfig:
    name: str = MISSING
    backbone: BackboneConfig = field(default_factory=BackboneConfig)
    state_table: StateTable = StateTable.own
    max_epochs: int = 10
    patience: int = 3  # epochs without a better val/loss before training stops
    optim: OptimConfig = field(default_factory=OptimConfig)


@dataclass
class DecodingConfig:
    beam_size: int = 5
    n_best: int = 5
    max_new_tokens: int = 100
    length_penalty: float = 0.75  # alpha: score = log-probability / tokens**alpha
    early_stopping: bool = False  # stop an input as soon as n_best hypotheses are complete
    batch_size: int = 32  # inputs, each with beam_size rows


@dataclass
class TrainerConfig:
    accelerator: str = "auto"
    devices: int = 1
    precision: str = "32-true"
    threads: int | None = None  # CPU threads per process; default: all cores
    max_steps: int | None = None  # optimizer steps; overrides the epochs of every training
    max_epochs: int | None = None  # overrides generator.max_epochs
    accumulate: int = 1  # batches per optimizer step
    clip: float = 1.0  # largest gradient norm
    val_bleu_inputs: int = 64  # validation inputs decoded for val/bleu after each epoch; 0 leaves it out
    log_every: int = 20  # optimizer steps between rows of metrics.csv
    save_every: int = 200  # optimizer steps between checkpoints that a killed training goes on from
    workers: int = 0  # processes that prepare batches


@dataclass
class Config:
    corpus: CorpusConfig = field(default_factory=CorpusConfig)
    generator: GeneratorConfig = field(default_factory=GeneratorConfig)
    decoding: DecodingConfig = field(default_factory=DecodingConfig)
    trainer: TrainerConfig = field(default_factory=TrainerConfig)
    states: States = States.fine
    split: str = "test"  # what is decoded and evaluated
    seed: int = MISSING
    data_dir: str = "data"
    runs_dir: str = "runs"
    checkpoint: str | None = None  # decode, evaluate: a finished train folder instead of the one the config names
    predictions: str | None = None  # evaluate: another system's output, or `references`
    output_dir: str | None = None  # evaluate: where metrics.json and predictions.jsonl go instead of runs_dir
    bootstrap_samples: int = 1000


def corpus_folder(config: Config) -> Path | None:
    """The corpus's folder; None for the embedded demo corpus, which has no files."""
    if config.corpus.name == "demo":
        return None
    return Path(config.corpus.folder or Path(config.data_dir) / config.corpus.name).expanduser()


def plain(value: Any) -> Any:
    """A config (or a part of it) as dictionaries, lists and plain values: enum members become their names."""
    if is_dataclass(value) and not isinstance(value, type):
        return {key: plain(item) for key, item in asdict(value).items()}
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value.name if isinstance(value, Enum) else value


def validate(config: Config) -> None:
    """Checks what the types cannot say, and reports everything that is wrong at once.

    Raises:
        ConfigError: one line that lists each key, its value and what it should be.
    """
    problems = list(_problems(config))
    if problems:
        raise ConfigError("; ".join(problems))


def _problems(config: Config) -> Iterator[str]:
    at_least_one = {
        "corpus": ("max_length", "batch_size", "eval_batch_size"),
        "generator": ("max_epochs", "patience"),
        "decoding": ("beam_size", "n_best", "max_new_tokens", "batch_size"),
        "trainer": ("devices", "threads", "max_steps", "max_epochs", "accumulate", "log_every", "save_every"),
    }
    if config.bootstrap_samples < 1:
        yield f"bootstrap_samples={config.bootstrap_samples} must be at least 1"
    for group, keys in at_least_one.items():
        for key in keys:
            value = getattr(getattr(config, group), key)
            if value is not None and value < 1:
                yield f"{group}.{key}={value} must be at least 1"
    optim = config.generator.optim
    not_negative = {
        "trainer.val_bleu_inputs": config.trainer.val_bleu_inputs,
        "trainer.workers": config.trainer.workers,
        "trainer.clip": config.trainer.clip,
        "decoding.length_penalty": config.decoding.length_penalty,
        **{f"generator.optim.{key}": value for key, value in asdict(optim).items() if key != "name"},
    }
    for key, value in not_negative.items():
        if not 0 <= value < math.inf:  # also true of NaN
            yield f"{key}={value} must be a number from 0 upwards"
    if config.decoding.n_best > config.decoding.beam_size:
        yield f"decoding.n_best={config.decoding.n_best} must not exceed decoding.beam_size={config.decoding.beam_size}"
    if not 0 <= config.seed < 2**32:
        yield f"seed={config.seed} must lie between 0 and {2**32 - 1}"
    if config.trainer.accelerator not in ACCELERATORS:
        yield f"trainer.accelerator={config.trainer.accelerator} must be one of {', '.join(ACCELERATORS)}"
    if config.trainer.precision not in PRECISIONS:
        yield f"trainer.precision={config.trainer.precision} must be one of {', '.join(PRECISIONS)}"
    if config.split not in SPLITS:
        yield f"split={config.split} must be one of {', '.join(SPLITS)}"
    yield from _backbone_problems(config.generator.backbone)


def _backbone_problems(backbone: BackboneConfig) -> Iterator[str]:
    if backbone.origin is Origin.scratch:
        if not backbone.architecture or "model_type" not in backbone.architecture:
            yield "generator.backbone.architecture needs a model_type when origin=scratch"
        if (backbone.vocab_size or 0) < 257:
            yield f"generator.backbone.vocab_size={backbone.vocab_size} must be at least 257 (256 bytes and <eos>)"
    elif backbone.origin is Origin.hub and backbone.revision is None:
        yield "generator.backbone.revision must pin a commit when origin=hub"
    elif backbone.origin is Origin.wheel and backbone.file is None:
        yield "generator.backbone.file must name the wheel's GGUF file when origin=wheel"


def command(name: str, run: Callable[[Config], None]) -> None:
    """Composes `conf/<name>.yaml` with the overrides in `sys.argv` and calls `run` once for each resulting config.

    Any DataTunerError, any mistake in an override and an interruption end the process with one line on stderr and exit
    code 2; an unexpected error with its traceback and exit code 1.
    """
    if {"-h", "--help"} & set(sys.argv[1:]):
        print(_help(name))  # Hydra's own asks for a corpus first
        return
    ConfigStore.instance().store(name="schema", node=Config)
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra hands its errors on, instead of printing them in several lines

    def checked(composed: DictConfig) -> None:
        try:
            _refuse_unknown(composed)
            config: Config = OmegaConf.to_object(composed)  # type: ignore[assignment]
            validate(config)
            run(config)
        except OmegaConfBaseException as error:
            fail(_one_line(error))
        except (DataTunerError, OSError) as error:
            fail(str(error))
        except Exception:  # a bug: Hydra's handlers would take it for a mistake in an override
            traceback.print_exc()
            raise SystemExit(1) from None

    try:
        hydra.main(version_base="1.3", config_path=str(CONF), config_name=name)(checked)()
    except OverrideParseException as error:
        fail(f"cannot read {error.override!r}: overrides are written key=value.")
    except (HydraException, OmegaConfBaseException, ValueError) as error:
        fail(_one_line(error))
    except OSError as error:  # the sweep's folder
        fail(f"cannot write to {error.filename}: {error.strerror}. Pass runs_dir= with a folder you may write to.")
    except KeyboardInterrupt:
        fail("interrupted.")


def fail(message: str) -> NoReturn:
    """Ends the process as every user's mistake does: one line on stderr, exit code 2."""
    print(f"datatuner: error: {' '.join(message.split())}", file=sys.stderr)
    raise SystemExit(2)


def _help(name: str) -> str:
    groups = sorted(folder for folder in CONF.iterdir() if folder.is_dir() and folder.name != "hydra")
    choices = [(folder.name, ", ".join(sorted(path.stem for path in folder.glob("*.yaml")))) for folder in groups]
    lines = "\n".join(f"  {group + '=':<11} {names}" for group, names in choices)
    return (
        f"usage: datatuner {name} [-m] [KEY=VALUE ...]\n\n{lines}\n\nAny key can be set; `datatuner {name} --cfg job "
        "corpus=demo` prints them all. With -m first, KEY=A,B runs once with each."
    )


def _refuse_unknown(composed: DictConfig) -> None:
    """Hydra refuses `trainer.lrr=1`, but takes `+trainer.lrr=1` for a wish.

    Raises:
        ConfigError: a key that the schema lacks.
    """

    def unknown(values: dict[str, Any], known: dict[str, Any], prefix: str = "") -> Iterator[str]:
        for key, value in values.items():
            if key not in known:
                yield prefix + key
            elif isinstance(known[key], dict):
                yield from unknown(value, known[key], f"{prefix}{key}.")

    for key in unknown(OmegaConf.to_container(composed), plain(Config())):  # type: ignore[arg-type]
        raise ConfigError(_no_such_key(key))


def _one_line(error: Exception) -> str:
    """Hydra's message of several lines as one, in the words of what was typed."""
    message = " ".join(str(error).split())
    if missing := re.search(r"missing mandatory value: .*full_key: (\S+)", message):
        return f"{missing[1]} is required: pass {missing[1]}=…"
    if group := re.search(r"You must specify '(\w+)'.*Available options: ?(.*)", message):
        return f"{group[1]} is required: pass {group[1]}=… (one of {', '.join(group[2].split())})"
    if choice := re.search(
        r"Could not find '(\w+)/(\S+)' Available options in '\w+': (.*?) (?:Config search|provider)", message
    ):
        name, typed, options = choice[1], choice[2], choice[3].split()
        return f"{name}={typed}: no such {name}.{_close(typed, options)} One of: {', '.join(options)}."
    if unknown := re.search(r"Could not override '([^']+)'", message):
        return _no_such_key(unknown[1])
    if merging := re.search(r"Error merging override (\S+)", message):
        reason = str(error.__cause__ or "").splitlines()[:1]
        return f"{merging[1]}: {' '.join(reason)}."
    return f"cannot read the overrides: {message}"


def _no_such_key(typed: str) -> str:
    return f"{typed}: there is no such key.{_close(typed, _known_keys())} `--cfg job` prints all keys."


def _close(typed: str, known: Sequence[str]) -> str:
    matches = difflib.get_close_matches(typed, known, n=3)
    return f" Did you mean {' or '.join(matches)}?" if matches else ""


def _known_keys() -> list[str]:
    def walk(prefix: str, node: Any) -> Iterator[str]:
        for key, value in node.items():
            yield prefix + key
            if isinstance(value, dict):
                yield from walk(f"{prefix}{key}.", value)

    return list(walk("", plain(Config())))
