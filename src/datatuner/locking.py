"""Exclusive locks on a stage's folder, and on a file that is written; the kernel frees them when their owners are dead.

On network folders too.
"""

import errno
import fcntl
import os
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from datatuner.errors import OutputError

LOCK = "lock"
CLAIM = ".lock"  # in a folder of the user's, while a command writes to it
POLL = 0.2  # seconds between looks at what another process does
_NO_STAGE_LOCKS = (
    "so two processes could work on one stage. Pass runs_dir= on another one, or have it mounted with locks (Lustre: "
    "-o flock)."
)
_NO_FILE_LOCKS = "so two processes could write one file. Name a folder on another one, or have it mounted with locks."
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
        if not _lock(file, folder, _NO_STAGE_LOCKS):
            print(f"waiting for another process that works on {folder}", file=sys.stderr)
            # A blocking call could miss a Ctrl-C that comes just before it.
            while not _lock(file, folder, _NO_STAGE_LOCKS):
                time.sleep(POLL)
        yield file.fileno()


def is_locked(folder: Path) -> bool:
    with (folder / LOCK).open("w") as file:
        return not _lock(file, folder, _NO_STAGE_LOCKS)


@contextmanager
def claimed(path: Path, taken: str) -> Iterator[IO[bytes]]:
    """The file at `path`, for reading and writing, for this process alone; it is made if it is not there.

    Who holds the claim may rename or remove the file: the lock is then on nothing that others find under `path`.

    Args:
        taken: what to say where another process has it; none waits here, for it would only write the same again.

    Raises:
        OutputError: another process has it, or its folder cannot be written or has no locks.
    """
    while True:
        try:
            file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o666), "r+b")
        except OSError as error:
            raise OutputError(
                f"cannot write {path}: {error.strerror or error}. Name a folder you may write to."
            ) from error
        with file:
            if not _lock(file, path.parent, _NO_FILE_LOCKS):
                raise OutputError(taken)
            if _is_at(path, file):
                yield file
                return
        # Its last owner has renamed or removed it between our opening and our locking.


@contextmanager
def claimed_folder(folder: Path, way_out: str) -> Iterator[None]:
    """The folder, which is there, for this process alone: no other one claims it meanwhile. Leaves nothing in it.

    Raises:
        OutputError: as `claimed`; names `way_out`.
    """
    claim = folder / CLAIM
    with claimed(claim, f"another process writes to {folder}. Wait for it, or {way_out}."):
        try:
            yield
        finally:
            claim.unlink(missing_ok=True)


def _is_at(path: Path, file: IO[bytes]) -> bool:
    """Whether `path` still leads to the file that is open."""
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


def _lock(file: IO[Any], folder: Path, without: str) -> bool:
    """Whether the lock is ours now; False while another process holds it. `without`: what to say of a file system."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _UNSUPPORTED:
            raise OutputError(f"the file system of {folder} has no locks ({error.strerror}), {without}") from error
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
