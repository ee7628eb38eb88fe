"""The files of conf/, and what a command composes from them: shared by tests."""

import hydra
from hydra.core.config_store import ConfigStore
from omegaconf import OmegaConf

from datatuner.composing import CONF
from datatuner.config import Config

FILES = sorted(path.relative_to(CONF).with_suffix("").as_posix() for path in CONF.rglob("*.yaml"))
COMMANDS = [name for name in FILES if "/" not in name]
GROUPS = {name.split("/")[0] for name in FILES if "/" in name} - {"hydra"}
EXPERIMENTS = [name.split("/")[1] for name in FILES if name.startswith("experiment/")]
CLASSIFIERS = [name.split("/")[1] for name in FILES if name.startswith("classifier/")]
GENERATORS = [name.split("/")[1] for name in FILES if name.startswith("generator/")]


def composed(command: str, *overrides: str) -> Config:
    """What the command would run with, not yet validated."""
    ConfigStore.instance().store(name="schema", node=Config)
    with hydra.initialize_config_dir(str(CONF), version_base="1.3"):
        config = OmegaConf.to_object(hydra.compose(command, overrides=list(overrides)))
    assert isinstance(config, Config)
    return config
