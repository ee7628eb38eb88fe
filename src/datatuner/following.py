"""A process beside a stage, or after an export, that tells W&B of it, by reading its files.

Whatever becomes of it, the stage goes on, and the export is there: it is another process, and is waited for only so
long.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from datatuner.ranks import SWEEP

TRACKED, OUTPUT = "wandb.json", "wandb.txt"  # the run's id and what was told already; what W&B itself prints
_AFTER_FAILURE = 15.0  # seconds at most: somebody may have pressed Ctrl-C
_LAST = 5.0  # seconds more for the process to end itself, after its patience
_SLOWEST = 1e6  # bytes of an export that a second sends at least, else W&B is given up
_VARIABLES = {
    "project": "WANDB_PROJECT",
    "entity": "WANDB_ENTITY",
    "group": "WANDB_RUN_GROUP",
    "folder": "WANDB_DIR",  # in which W&B makes its own, `wandb`
}
_OF_AGENT = ("WANDB_SWEEP_ID", "WANDB_RUN_ID", "WANDB_SWEEP_PARAM_PATH")


def where(typed: Mapping[str, Any], default: Mapping[str, Any]) -> dict[str, Any]:
    """Where in W&B a run belongs, and where its files lie: as typed, else by W&B's own variables, else by `default`.

    Args:
        default: of `project`, `entity`, `group` and `folder` those that have one other than the package's.
    """
    default = {"project": "datatuner", **{key: value for key, value in default.items() if value}}
    found = {key: typed.get(key) or os.environ.get(name) or default.get(key) for key, name in _VARIABLES.items()}
    return {**found, "folder": str(Path(found["folder"] or ".").expanduser().resolve())}


def agents_run() -> str | None:
    """The run that `wandb agent` waits for. None without an agent, and in a sweep of our own: its jobs are several."""
    return os.environ.get("WANDB_RUN_ID") if os.environ.get("WANDB_SWEEP_ID") and SWEEP not in os.environ else None


@contextmanager
def followed(folder: Path, logger: Mapping[str, Any] | None) -> Iterator[None]:
    """Follows what is done in `folder` to its end, and says by its exit code how it ended; no error leaves this."""
    process = _start(folder / OUTPUT, str(folder), fills=bool(logger.get("fills"))) if logger else None
    failed = True
    try:
        yield
        failed = False
    finally:
        if process and logger:
            patience = min(logger["patience"], _AFTER_FAILURE) if failed else logger["patience"]
            _end(process, int(failed), patience, "it is left alone, the stage is not affected")


def hand_over(run: Path, export: Path, logger: Mapping[str, Any]) -> None:
    """Tells W&B of a complete `export` of `run`, and waits until it is sent; no error leaves this, nor Ctrl-C."""
    process = _start(Path(os.devnull), str(run), str(export), json.dumps(logger))
    if process:
        try:
            size = sum(path.stat().st_size for path in export.rglob("*") if path.is_file())
            _end(process, 0, logger["patience"] + size / _SLOWEST, f"{export} is complete")
        except KeyboardInterrupt as error:
            _kill(process)
            _say(f"{str(error) or 'interrupted'}; {export} is complete")


def _start(output: Path, *arguments: str, fills: bool = False) -> "subprocess.Popen[bytes] | None":
    """The process; it sees the run that an agent of W&B waits for only if it `fills` it."""
    environment = {key: value for key, value in os.environ.items() if fills or key not in _OF_AGENT}
    command = [sys.executable, "-m", "datatuner.commands.track", *arguments]
    try:
        with output.open("ab") as file:
            # A session of its own: Ctrl-C is the stage's end, which is still to be told.
            return subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=file, start_new_session=True, env=environment
            )
    except OSError as error:
        _say(f"not started: {error}")
        return None


def _end(process: "subprocess.Popen[bytes]", code: int, patience: float, way_out: str) -> None:
    with suppress(OSError):  # it has ended already
        assert process.stdin is not None
        process.stdin.write(f"{code} {patience}\n".encode())
        process.stdin.close()
    try:
        process.wait(patience + _LAST)
    except subprocess.TimeoutExpired:
        _kill(process)
        _say(f"no answer in {patience + _LAST:.0f} s (logger.patience); {way_out}")


def _kill(process: "subprocess.Popen[bytes]") -> None:
    with suppress(OSError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _say(message: str) -> None:
    print(f"W&B: {message}", file=sys.stderr, flush=True)
