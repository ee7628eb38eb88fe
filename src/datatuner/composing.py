"""`conf/` and the overrides that were typed -> a Config, by Hydra; whatever is wrong with them, in one line."""

import logging
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

import hydra
from hydra.core.config_store import ConfigStore
from hydra.errors import HydraException, OverrideParseException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from datatuner.config import Config, plain
from datatuner.errors import ConfigError, DataTunerError, did_you_mean, printable
from datatuner.metrics.catalogue import NAMES
from datatuner.ranks import stoppable
from datatuner.validation import validate

_IN_REPOSITORY = Path(__file__).resolve().parents[2] / "conf"
CONF = _IN_REPOSITORY if _IN_REPOSITORY.is_dir() else Path(__file__).resolve().parent / "conf"  # the latter in a wheel
# Hydra's options whose value may be the next word.
OPTIONS_WITH_VALUE = {"--config-dir", "-cd", "--config-name", "-cn", "--config-path", "-cp", "--package", "-p"}


def command(name: str, run: Callable[[Config], None]) -> None:
    """Composes `conf/<name>.yaml` with the overrides in `sys.argv` and calls `run` once for each resulting config.

    Any DataTunerError, any mistake in an override, Ctrl-C and other signals end the process with one line on stderr and
    exit code 2; an unexpected error with its traceback and exit code 1.
    """
    if {"-h", "--help"} & set(sys.argv[1:]):
        print(_help(name))  # Hydra's own asks for a corpus first
        return
    _refuse_hyphens(sys.argv[1:])
    sys.argv[1:] = _options_first(sys.argv[1:])
    ConfigStore.instance().store(name="schema", node=Config)
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra hands its errors on, instead of printing them in several lines

    def checked(composed: DictConfig) -> None:
        _heed_warnings()
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
        with stoppable():
            hydra.main(version_base="1.3", config_path=str(CONF), config_name=name)(checked)()
    except DataTunerError as error:  # of a sweep
        fail(str(error))
    except OverrideParseException as error:
        fail(f"cannot read {error.override!r}: overrides are written key=value.")
    except HydraException as error:  # some of them are an OSError too
        fail(_one_line(error))
    except OSError as error:  # the sweep's folder
        fail(f"cannot write to {error.filename}: {error.strerror}. Pass runs_dir= with a folder you may write to.")
    except Exception as error:  # an override's or a config file's: `checked` lets none through
        if type(error).__module__.startswith("submitit."):
            fail(f"a job of the sweep failed; start the same sweep again to run only what is missing. {error}")
        fail(_one_line(error))
    except KeyboardInterrupt as error:
        fail(f"{str(error) or 'interrupted'}.")


def _heed_warnings() -> None:
    """This package's warnings on stderr: Hydra has switched off all logging that it found, as it was told to."""
    for name, logger in logging.root.manager.loggerDict.items():
        if name.partition(".")[0] == "datatuner" and isinstance(logger, logging.Logger):
            logger.disabled = False
    handler = logging.StreamHandler()
    handler.setLevel(logging.WARNING)
    logging.getLogger("datatuner").handlers = [handler]


def _refuse_hyphens(typed: Sequence[str]) -> None:
    """Hydra's parser prints its usage where an override looks like an option, as agents of W&B write it by default."""
    groups = {folder.name for folder in CONF.iterdir() if folder.is_dir()}
    known = groups | plain(Config()).keys()
    for word in typed:
        key, separator, value = word.removeprefix("--").partition("=")
        if word.startswith("--") and re.split(r"[./@]", key)[0] in known:
            override = f"{key}={value if separator else '…'}"
            fail(
                f"{word}: overrides are written without hyphens: {override}. In the command of a sweep of W&B write "
                "${args_no_hyphens}, not ${args}."
            )


def _options_first(typed: Sequence[str]) -> list[str]:
    """Options, each with its value, before overrides: Hydra's parser takes none that follows an override."""
    options: list[str] = []
    overrides: list[str] = []
    for before, word in zip(["", *typed], typed, strict=False):
        override = "=" in word and not word.startswith("-") and before not in OPTIONS_WITH_VALUE
        (overrides if override else options).append(word)
    return [*options, *overrides]


def compose(corpus: str, generator: str, config_dir: Path | None = None) -> Config:
    """The config of `datatuner train corpus=… generator=…`, for the commands that take ordinary options.

    Both must be among `choices`, those of `config_dir` included.

    Raises:
        ConfigError: one of the files is no YAML, or has a key or value that the schema refuses.
    """
    ConfigStore.instance().store(name="schema", node=Config)
    overrides = [f"corpus={corpus}", f"generator={generator}", "seed=0"]
    if config_dir:
        quoted = str(config_dir.resolve()).replace("\\", "\\\\").replace('"', '\\"')
        overrides.append(f'hydra.searchpath=["file://{quoted}"]')
    try:
        with hydra.initialize_config_dir(str(CONF), version_base="1.3"):
            config: Config = OmegaConf.to_object(hydra.compose("train", overrides))  # type: ignore[assignment]
    except (HydraException, OmegaConfBaseException, YAMLError) as error:
        raise ConfigError(_one_line(error)) from error
    return config


def choices(group: str, config_dir: Path | None = None) -> list[str]:
    """The names of a group of `conf/`, such as `corpus`, and of a folder laid out like it."""
    folders = [CONF, *([config_dir] if config_dir else [])]
    return sorted({path.stem for folder in folders for path in (folder / group).glob("*.yaml")})


def fail(message: str) -> NoReturn:
    """Ends the process as every user's mistake does: one line on stderr, exit code 2."""
    print(f"datatuner: error: {printable(' '.join(message.split()))}", file=sys.stderr)
    raise SystemExit(2)


_NOTES = {
    "evaluate": (
        f"  metrics=[…]                one or more of {', '.join(NAMES)}\n"
        "  predictions=FILE           one text per line in the split's order, or JSON Lines with id and text, or the\n"
        "                             folder of an evaluation; `references` scores these against each other\n"
        "  'predictions=[A,B,C]'      several systems; A is the baseline that B and C are tested against\n\n"
    )
}


def _help(name: str) -> str:
    groups = sorted(folder for folder in CONF.iterdir() if folder.is_dir() and folder.name != "hydra")
    lines = "\n".join(f"  {folder.name + '=':<11} {', '.join(choices(folder.name))}" for folder in groups)
    return (
        f"usage: datatuner {name} [-m] [KEY=VALUE ...]\n\n{lines}\n\n{_NOTES.get(name, '')}Any key can be set; "
        f"`datatuner {name} --cfg job corpus=demo` prints them all. With -m first, KEY=A,B runs once with each."
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


# What Hydra says, and what it means for what was typed.
_MEANINGS = (
    (r"missing mandatory value: .*full_key: (\S+)", "{0} is required: pass {0}=…"),
    (r"Ambiguous value for argument '(.+?)' 1\.", "{0}: several values need -m, one run each; a list is key=[a,b]."),
    (r"In '(\w+)/([^']+)': ConfigKeyError .*? full_key: \1\.(\S+)", "{0}/{1}.yaml: there is no key {2} for a {0}."),
    (r"In '(\w+)/([^']+)': \w+ raised .*? config: (.+) full_key: \1\.(\S+)", "{0}/{1}.yaml: {3}: {2}."),
    (
        r"Could not (?:find|load) 'hydra/launcher/submitit_slurm'",
        'hydra/launcher=slurm needs a package: pip install "datatuner[slurm]".',
    ),
    (r"'NoneType' object .* full_key: (\S+)", "{0} is null: set what is in it in a config file, see --config-dir."),
    (r"Additional config directory '(.+)' not found", "--config-dir {0}: no such folder."),
)


def _one_line(error: Exception) -> str:
    """Hydra's message of several lines as one, in the words of what was typed."""
    message = " ".join(str(error).split())
    for pattern, meaning in _MEANINGS:
        if found := re.search(pattern, message):
            return meaning.format(*found.groups())
    if group := re.search(r"You must specify '(\w+)'.*Available options: ?(.*)", message):
        return f"{group[1]} is required: pass {group[1]}=… (one of {', '.join(group[2].split())})"
    if choice := re.search(
        r"Could not find '(\w+)/(\S+)' Available options in '\w+': (.*?) (?:Config search|provider)", message
    ):
        name, typed, options = choice[1], choice[2], choice[3].split()
        return f"{name}={typed}: no such {name}.{did_you_mean(typed, options)} One of: {', '.join(options)}."
    if unknown := re.search(r"Could not override '([^']+)'", message):
        return _no_such_key(unknown[1])
    if merging := re.search(r"Error merging override (\S+)", message):
        reason = str(error.__cause__ or "").partition("\n")[0].rstrip(".")
        key, _, value = merging[1].partition("=")
        return f"{key} is a list: pass {key}=[{value}]." if "not a ListConfig" in reason else f"{merging[1]}: {reason}."
    return f"cannot read {'a config file' if isinstance(error, YAMLError) else 'the overrides'}: {message}"


def _no_such_key(typed: str) -> str:
    return f"{typed}: there is no such key.{did_you_mean(typed, _known_keys())} `--cfg job` prints all keys."


def _known_keys() -> list[str]:
    def walk(prefix: str, node: Any) -> Iterator[str]:
        for key, value in node.items():
            yield prefix + key
            if isinstance(value, dict):
                yield from walk(f"{prefix}{key}.", value)

    return list(walk("", plain(Config())))
