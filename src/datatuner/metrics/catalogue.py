"""The metrics by name: how their values are printed, and what must be installed for them. Loads no scorer."""

import importlib.util
import subprocess
from collections.abc import Iterable

from datatuner.errors import ConfigError

DEFAULT = ("bleu", "bleu_cased", "chrf_pp")
COCO = ("meteor", "rouge_l", "cider")
WEBNLG_2017 = "bleu_webnlg_2017"  # for comparison with that challenge's figures alone
NAMES = (*DEFAULT, "nist", *COCO, WEBNLG_2017)


def decimals(name: str) -> int:
    """2 for the metrics from 0 to 100; 4, as the E2E scorer prints, for those of its own."""
    return 4 if name in ("nist", *COCO) else 2


def require(names: Iterable[str]) -> None:
    """Raises: ConfigError, if a metric among `names` needs a package or Java and it is not here."""
    wanted = [name for name in names if name in COCO]
    if not wanted:
        return
    missing = []
    if importlib.util.find_spec("pycocoevalcap") is None:
        missing.append("the package pycocoevalcap (`pip install pycocoevalcap`)")
    if not _java_answers():
        missing.append("Java 8 or later, as the command `java`")
    if missing:
        raise ConfigError(
            f"the metrics {', '.join(wanted)} need {' and '.join(missing)}: install what is missing, or leave them "
            "out of metrics=[…]."
        )


def _java_answers() -> bool:
    """macOS has a `java` that only says where to get one, so looking for the file is not enough."""
    try:
        return subprocess.run(["java", "-version"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False
