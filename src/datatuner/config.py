"""What a user can set: one dataclass schema. What its types cannot say is in `validation`."""

from dataclasses import asdict, dataclass, field, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from omegaconf import MISSING

from datatuner.findings import LANGUAGE
from datatuner.metrics.catalogue import DEFAULT

NO_CLASSIFIER = "none"  # the name of a classifier that is none

States = Enum("States", ["fine", "coarse", "none"])
OnError = Enum("OnError", ["raise", "skip"])
StateTable = Enum("StateTable", ["tied", "own"])
Origin = Enum("Origin", ["hub", "folder", "wheel", "scratch"])
OptimName = Enum("OptimName", ["adamw", "novograd"])
Reranking = Enum("Reranking", ["none", "binary", "severity", "probability", "slots", "oracle"])
Recipe = Enum("Recipe", ["audited", "released"])
Training = Enum("Training", ["generator", "classifier"])
TrackedBy = Enum("TrackedBy", ["none", "wandb"])


@dataclass
class SourceConfig:
    """Where `datatuner data fetch` gets a corpus from; nothing set where its files are put there by hand."""

    url: str | None = None  # of the folder that the files, or the archive, lie in
    checksums: str | None = None  # a file beside the corpus's .yaml, as `sha256sum -c` reads it: the files to fetch
    names: dict[str, str] | None = None  # a file's path in the corpus's folder: its path at the source, if another
    archive: str | None = None  # a zip file there, whose members the files are
    root: str = ""  # the folder in the archive
    licence: str | None = None
    purchase: str | None = None  # what to buy, and from whom, where nothing may be downloaded


@dataclass
class CorpusConfig:
    name: str = MISSING
    folder: str | None = None  # default: <data_dir>/<name>
    reader: dict[str, Any] | None = None  # own data: {_target_: module.Class, ...}, see corpora/reader.py
    language: str = LANGUAGE  # of the texts, by ISO 639; those of another one are not aligned: no slot errors
    on_error: OnError = OnError["raise"]
    max_length: int = 512  # tokens of a training sequence: data is cut from its end, the target never
    batch_size: int = 16  # sequences per training batch and device
    eval_batch_size: int = 64  # sequences per validation batch and device
    source: SourceConfig = field(default_factory=SourceConfig)


@dataclass
class BackboneConfig:
    origin: Origin = Origin.hub
    name: str = MISSING  # hub id, folder, or package of a wheel
    revision: str | None = None  # hub: a commit
    file: str | None = None  # wheel: its GGUF file, or the model's folder in it
    architecture: dict[str, Any] | None = None  # scratch: with `model_type`; else changes to its own
    vocab_size: int | None = None  # scratch: tokens of the byte-level BPE


@dataclass
class OptimConfig:
    name: OptimName = OptimName.adamw
    lr: float = 1e-4
    warmup_steps: int = 0  # optimizer steps from 0 to lr; then linearly to 0
    weight_decay: float = 0.01
    state_lr: float = 1e-3  # of an `own` state table, which starts at zero


@dataclass
class LoraConfig:
    rank: int | None = None  # null trains all weights
    alpha: float = 32.0  # the update is scaled by alpha / rank
    dropout: float = 0.0


@dataclass
class GeneratorConfig:
    name: str = MISSING
    backbone: BackboneConfig = field(default_factory=BackboneConfig)
    state_table: StateTable = StateTable.own
    max_epochs: int = 10
    patience: int = 3  # epochs without a better val/loss before training stops
    lora: LoraConfig = field(default_factory=LoraConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)


@dataclass
class ClassifierConfig:
    name: str = "none"  # none: no classifier, so no labels
    encoder: BackboneConfig = field(default_factory=lambda: BackboneConfig(name="none"))
    max_length: int = 512  # tokens of data and text together: data is cut from its end
    batch_size: int = 8  # pairs per training batch and device
    eval_batch_size: int = 64
    accumulate: int = 1  # batches per optimizer step; trainer.accumulate is the generator's
    max_epochs: int = 3
    patience: int = 3  # epochs without a better validation macro-F1 before training stops
    optim: OptimConfig = field(default_factory=lambda: OptimConfig(lr=5e-5, warmup_steps=500))


@dataclass
class CorruptionsConfig:
    recipe: Recipe = Recipe.audited
    pairs: int | None = None  # training pairs, balanced over labels; null: as many as the recipe makes
    leave_out: str | None = None  # an operation that is not trained on, but tested on


@dataclass
class DecodingConfig:
    beam_size: int = 5
    n_best: int = 5
    max_new_tokens: int = 100
    length_penalty: float = 0.75  # alpha: score = log-probability / tokens**alpha
    early_stopping: bool = False  # stop an input as soon as beam_size hypotheses are complete
    batch_size: int = 32  # inputs, each with beam_size rows


@dataclass
class TrainerConfig:
    accelerator: str = "auto"
    devices: int = 1  # on each node; one process for each
    num_nodes: int = 1  # more than one: started by torchrun or SLURM
    precision: str = "32-true"
    threads: int | None = None  # CPU threads per process; default: all cores
    max_steps: int | None = None  # optimizer steps; overrides the epochs of every training
    max_epochs: int | None = None  # overrides generator.max_epochs and classifier.max_epochs
    accumulate: int = 1  # batches per optimizer step of a generator
    clip: float = 1.0  # largest gradient norm
    val_bleu_inputs: int = 64  # validation inputs decoded for val/bleu after each epoch; 0 leaves it out
    log_every: int = 20  # optimizer steps between rows of metrics.csv
    save_every: int = 200  # optimizer steps between checkpoints that a killed training goes on from
    workers: int = 0  # processes that prepare batches
    gradient_checkpointing: bool = False  # computes activations twice instead of keeping them: less memory


@dataclass
class LoggerConfig:
    name: TrackedBy = TrackedBy.none  # wandb: each stage that runs is a run there
    project: str | None = None  # default: $WANDB_PROJECT, else datatuner
    entity: str | None = None  # default: $WANDB_ENTITY, else the account's own
    group: str | None = None  # of runs that are looked at together; default: $WANDB_RUN_GROUP, the sweep, the corpus
    artifacts: bool = False  # a stage's files too, with what they were made from
    patience: float = 60.0  # seconds that a finished stage waits for W&B


@dataclass
class Config:
    corpus: CorpusConfig = field(default_factory=CorpusConfig)
    generator: GeneratorConfig = field(default_factory=GeneratorConfig)
    classifier: ClassifierConfig = field(default_factory=ClassifierConfig)
    corruptions: CorruptionsConfig = field(default_factory=CorruptionsConfig)
    decoding: DecodingConfig = field(default_factory=DecodingConfig)
    trainer: TrainerConfig = field(default_factory=TrainerConfig)
    logger: LoggerConfig = field(default_factory=LoggerConfig)
    states: States = States.fine
    reranking: Reranking = Reranking.none
    stage: Training = Training.generator  # train: what is trained
    split: str = "test"  # what is decoded and evaluated
    seed: int = MISSING
    data_dir: str = "data"
    runs_dir: str = "runs"
    checkpoint: str | None = None  # decode, evaluate: a finished train folder instead of the one the config names
    fidelity: str | None = None  # score, evaluate: a finished classifier folder instead of the one the config names
    # evaluate: another system's output, or `references`, or a list of outputs: each is tested against the first
    predictions: Any = None
    output_dir: str | None = None  # evaluate: where metrics.json and predictions.jsonl go instead of runs_dir
    metrics: list[str] = field(default_factory=lambda: list(DEFAULT))  # of bleu, bleu_cased, chrf_pp, nist, …
    bootstrap_samples: int = 1000


def corpus_folder(config: Config) -> Path | None:
    """The corpus's folder; None for the embedded demo corpus, which has no files."""
    if config.corpus.name == "demo" and not config.corpus.reader:
        return None
    return Path(config.corpus.folder or Path(config.data_dir) / config.corpus.name).expanduser()


def is_aligned(config: Config) -> bool:
    """Whether the rules of `alignment` read the language of the corpus's texts."""
    return config.corpus.language == LANGUAGE


def plain(value: Any) -> Any:
    """A config (or a part of it) as dictionaries, lists and plain values: enum members become their names."""
    if is_dataclass(value) and not isinstance(value, type):
        return {key: plain(item) for key, item in asdict(value).items()}
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value.name if isinstance(value, Enum) else value
