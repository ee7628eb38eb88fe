"""README.md: its commands compose, its make targets, files and choices exist."""

import re
import shlex
from pathlib import Path

import hydra
import pytest
from hydra.core.config_store import ConfigStore
from omegaconf import OmegaConf

from datatuner.cli import COMMANDS
from datatuner.commands.data import parser
from datatuner.composing import CONF
from datatuner.config import Config
from datatuner.corpora import NAMES
from datatuner.reranking import POLICIES
from datatuner.validation import validate

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def commands() -> list[str]:
    """Every `datatuner COMMAND …` in a code block or span that gives a whole command line."""
    spans = re.findall(r"^datatuner .*$|`(datatuner [^`]*)`", README, flags=re.MULTILINE)
    lines = re.findall(r"^(datatuner .*)$", README, flags=re.MULTILINE)
    found = [line.partition("  #")[0].strip() for line in [*lines, *filter(None, spans)]]
    return [line for line in found if "=" in line]


def test_the_readme_has_commands() -> None:
    assert len(commands()) >= 6


@pytest.mark.parametrize("line", commands())
def test_a_command_composes_and_validates(line: str) -> None:
    _, command, *arguments = shlex.split(line)
    assert command in COMMANDS
    # A sweep's values: the first of each will do. A list in brackets is one value.
    overrides = [each if "[" in each else each.split(",")[0] for each in arguments if "=" in each]
    ConfigStore.instance().store(name="schema", node=Config)
    with hydra.initialize_config_dir(str(CONF), version_base="1.3"):
        swept = hydra.compose(command, overrides=overrides, return_hydra_config=True).hydra.sweeper.params or {}
        own = [f"{key}={str(values).split(',')[0]}" for key, values in swept.items()]  # of `experiment=ablation`
        config = OmegaConf.to_object(hydra.compose(command, overrides=[*own, *overrides]))
    assert isinstance(config, Config)
    validate(config)


def test_data_commands_are_as_the_command_takes_them() -> None:
    lines = [line.partition("  #")[0].split() for line in re.findall(r"^datatuner data (.*)$", README, re.MULTILINE)]
    assert {line[0] for line in lines} == {"fetch", "check", "show", "corrupt"}
    for line in lines:
        assert parser().parse_args(line).name in NAMES


def test_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"\bmake (\w[\w-]*)", README))
    assert {"demo", "test", "check", "weights"} <= targets
    assert targets <= set(re.findall(r"^([\w-]+):", makefile, flags=re.MULTILINE))


def test_every_corpus_generator_classifier_and_reranking_is_listed() -> None:
    listed = set(re.findall(r"`(\w+)`", README))
    assert set(NAMES) <= listed
    for group in ("generator", "classifier"):
        assert {path.stem for path in (CONF / group).glob("*.yaml")} <= listed
    assert set(POLICIES) <= listed


def test_named_paths_exist() -> None:
    for path in re.findall(r"`((?:conf|experiments|tests)/[\w/.]+)`", README):
        assert (ROOT / path).exists(), path
