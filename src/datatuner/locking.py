"""An exclusive lock on a stage's folder, which the kernel frees when its owners are dead; on network folders too."""

import errno
import fcntl
import os
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from datatuner.errors import OutputError

LOCK = "lock"
POLL = 0.2  # seconds between looks at what another process does
_UNSUPPORTED = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
# Mount options with which each machine of a network file system has locks of its own.
_OF_ONE_MACHINE = {"nolock", "local_lock=flock", "local_lock=all", "localflock"}


@contextmanager
def locked(folder: Path, *, shared: bool = False) -> Iterator[int]:
    """Makes the folder and locks it, waiting for another process; the lock as a file descriptor, to be inherited.

    Args:
        shared: other machines work on the folder too, so their locks must be seen here.

    Raises:
        OutputError: the folder cannot be made or written, or has no locks, or none that others see.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / LOCK).open("w")
    except OSError as error:
        raise cannot_write(folder, error) from error
    with file:
        if shared and (option := lock_of_one_machine(folder)):
            raise OutputError(
                f"{folder} lies on a file system that is mounted with {option}: its locks hold on one machine only, so "
                "several would train the same stage at once. Pass runs_dir= on another one, or have it mounted "
                "without that option."
            )
        if not _lock(file, folder):
            print(f"waiting for another process that works on {folder}", file=sys.stderr)
            while not _lock(file, folder):  # a blocking call could miss a Ctrl-C that comes just before it
                time.sleep(POLL)
        yield file.fileno()


def is_locked(folder: Path) -> bool:
    with (folder / LOCK).open("w") as file:
        return not _lock(file, folder)


def _lock(file: IO[str], folder: Path) -> bool:
    """Whether the lock is ours now; False while another process holds it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _UNSUPPORTED:
            raise OutputError(
                f"the file system of {folder} has no locks ({error.strerror}), so two processes could work on one "
                "stage. Pass runs_dir= on another one, or have it mounted with locks (Lustre: -o flock)."
            ) from error
        if error.errno not in (errno.EAGAIN, errno.EACCES):
            raise cannot_write(folder, error) from error
        return False
    return True


def lock_of_one_machine(folder: Path, mounts: str | None = None) -> str | None:
    """The option by which the file system of `folder` keeps locks from other machines, if it has one.

    Args:
        mounts: the content of /proc/mounts, this machine's if None; nothing is known where there is none.
    """
    if mounts is None:
        try:
            mounts = Path("/proc/mounts").read_text(encoding="utf-8")
        except OSError:
            return None
    where = os.path.realpath(folder)
    best, options = "", ""
    for line in mounts.splitlines():
        _, point, _, given, *_ = line.split(" ")
        point = re.sub(r"\\(\d{3})", lambda octal: chr(int(octal[1], 8)), point)  # a blank is \040 there
        if Path(where).is_relative_to(point) and len(point) >= len(best):
            best, options = point, given  # the last one of a place hides those before
    return next((option for option in options.split(",") if option in _OF_ONE_MACHINE), None)


def cannot_write(folder: Path, error: OSError) -> OutputError:
    return OutputError(
        f"cannot write to {folder}: {error.strerror or error}. Free space there, or pass runs_dir= (evaluate: "
        "output_dir=) with a folder you may write to."
    )
