"""`datatuner` itself: help, version, a mistyped command. It must answer at once, so it loads nothing heavy."""

import subprocess
import sys

import pytest

from datatuner import __version__
from datatuner.cli import COMMANDS
from datatuner.composing import choices

# Runs cli.main with the arguments, then says which packages that loaded.
PROBE = """
import sys
from datatuner.cli import main
try:
    main()
finally:
    print("loaded:", *sorted({name.partition(".")[0] for name in sys.modules}), file=sys.stderr)
"""


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], []])
def test_help_lists_the_commands(datatuner, arguments):
    shown = datatuner(*arguments)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout.startswith("usage: datatuner COMMAND")
    for name, what in COMMANDS.items():
        assert any(line.split(maxsplit=1) == [name, what] for line in shown.stdout.splitlines())


def test_help_imports_nothing_heavy():
    probed = subprocess.run(
        [sys.executable, "-c", PROBE, "--help"], capture_output=True, text=True, timeout=60, check=True
    )
    loaded = set(probed.stderr.split())
    assert "datatuner" in loaded
    assert not loaded & {"torch", "hydra", "omegaconf", "transformers", "pytorch_lightning", "numpy", "sacrebleu"}


def test_version(datatuner):
    assert datatuner("--version").stdout == f"{__version__}\n"


@pytest.mark.parametrize(("typed", "hint"), [("evalaute", " Did you mean evaluate?"), ("xyz", "")])
def test_an_unknown_command_is_one_line(datatuner, typed, hint):
    refused = datatuner(typed, "corpus=demo")
    assert (refused.returncode, refused.stdout) == (2, "")
    known = ", ".join(COMMANDS)
    assert refused.stderr == f"datatuner: error: no command '{typed}'.{hint} Commands: {known}.\n"


OPTIONS = ("data", "report", "export", "generate", "demo")  # these take ordinary options


@pytest.mark.parametrize("name", OPTIONS)
def test_every_other_command_lists_its_options(datatuner, name):
    shown = datatuner(name, "--help")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout.startswith(f"usage: datatuner {name} ")


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in OPTIONS])
def test_every_experiment_command_lists_its_choices(datatuner, name):
    shown = datatuner(name, "--help")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout.startswith(f"usage: datatuner {name} ")
    assert f"corpus=     {', '.join(choices('corpus'))}" in shown.stdout


@pytest.mark.parametrize(
    ("typed", "override"),
    [
        ("--seed=1", "seed=1"),
        ("--generator.optim.lr=0.1", "generator.optim.lr=0.1"),
        ("--experiment=fc", "experiment=fc"),
        ("--hydra.launcher.n_jobs=2", "hydra.launcher.n_jobs=2"),
        ("--seed", "seed=…"),
    ],
)
def test_an_override_with_hyphens_says_how_it_is_written(datatuner, typed, override):
    """As the agent of a sweep of W&B writes it, unless it is told otherwise."""
    refused = datatuner("run", "corpus=demo", typed)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr == (
        f"datatuner: error: {typed}: overrides are written without hyphens: {override}. In the command of a sweep of "
        "W&B write ${args_no_hyphens}, not ${args}.\n"
    )


def test_options_may_stand_behind_overrides(datatuner, tmp_path):
    folder = tmp_path / "a=b"
    folder.mkdir()
    shown = datatuner("run", "corpus=demo", "generator=tiny", "--cfg", "job", "--config-dir", folder, "seed=7")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "seed: 7" in shown.stdout.splitlines()
