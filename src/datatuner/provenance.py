"""Where a result comes from: versions, commit and machine. It never decides whether a stage is reused."""

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path

import datatuner

_PACKAGES = ("torch", "transformers", "pytorch-lightning", "tokenizers", "sacrebleu", "numpy")


def provenance() -> dict[str, object]:
    """Version, commit (with `+changes` if the checkout differs from it), package versions and machine."""
    return {
        "datatuner": datatuner.__version__,
        "commit": _commit(),
        "python": platform.python_version(),
        "packages": {name: metadata.version(name) for name in _PACKAGES},
        "machine": f"{_processor()}, {os.cpu_count()} cores",
    }


def _commit() -> str | None:
    """The checkout's commit; None where the package is installed without one."""
    folder = Path(__file__).resolve().parent

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(folder), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        if not Path(git("rev-parse", "--show-toplevel"), "src", "datatuner").samefile(folder):
            return None
        return git("rev-parse", "HEAD") + ("+changes" if git("status", "--porcelain", "--", "src", "conf") else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
