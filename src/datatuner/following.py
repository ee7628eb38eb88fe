"""A process beside a stage that tells W&B of it, by reading the stage's files.

Whatever becomes of it, the stage goes on: it is another process, and is waited for only so long.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

TRACKED, OUTPUT = "wandb.json", "wandb.txt"  # the run's id and what was told already; what W&B itself prints
_AFTER_FAILURE = 15.0  # seconds at most: somebody may have pressed Ctrl-C
_LAST = 5.0  # seconds more for the process to end itself, after its patience


@contextmanager
def followed(folder: Path, logger: Mapping[str, Any] | None) -> Iterator[None]:
    """Follows what is done in `folder` to its end, and says by its exit code how it ended; no error leaves this."""
    process = _start(folder) if logger else None
    failed = True
    try:
        yield
        failed = False
    finally:
        if process and logger:
            patience = min(logger["patience"], _AFTER_FAILURE) if failed else logger["patience"]
            _end(process, int(failed), patience)


def _start(folder: Path) -> "subprocess.Popen[bytes] | None":
    command = [sys.executable, "-m", "datatuner.commands.track", str(folder)]
    try:
        with (folder / OUTPUT).open("ab") as output:
            # A session of its own: Ctrl-C is the stage's end, which is still to be told.
            return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=output, start_new_session=True)
    except OSError as error:
        _say(f"not started: {error}")
        return None


def _end(process: "subprocess.Popen[bytes]", code: int, patience: float) -> None:
    with suppress(OSError):  # it has ended already
        assert process.stdin is not None
        process.stdin.write(f"{code} {patience}\n".encode())
        process.stdin.close()
    try:
        process.wait(patience + _LAST)
    except subprocess.TimeoutExpired:
        with suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        _say(f"no answer in {patience + _LAST:.0f} s (logger.patience); it is left alone, the stage is not affected")


def _say(message: str) -> None:
    print(f"W&B: {message}", file=sys.stderr, flush=True)
