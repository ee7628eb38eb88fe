"""Locks of folders: what mount options say of them. Who waits for whom is in test_run.py. Claims of files."""

import signal
from pathlib import Path

import pytest

from datatuner import locking
from datatuner.errors import OutputError
from datatuner.locking import LOCK, claimed, claimed_folder, is_locked, lock_of_one_machine, locked
from datatuner.ranks import Stopped, stoppable, undisturbed

MOUNTS = """\
/dev/sda1 / ext4 rw,relatime 0 0
server:/export /shared nfs4 rw,relatime,vers=4.2,local_lock=none 0 0
old:/export /shared/old nfs rw,nolock,vers=3 0 0
mds@tcp:/fs /scratch lustre rw,localflock 0 0
good@tcp:/fs /scratch/good lustre rw,flock 0 0
old:/x /with\\040blank nfs rw,local_lock=all 0 0
old:/x /hidden nfs rw,nolock 0 0
server:/x /hidden nfs4 rw,local_lock=none 0 0
"""


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        ("/home/me/runs", None),
        ("/shared/runs", None),
        ("/shared/old/runs", "nolock"),
        ("/shared/older", None),
        ("/scratch/runs", "localflock"),
        ("/scratch/good/runs", None),
        ("/with blank/runs", "local_lock=all"),
        ("/hidden/runs", None),
    ],
)
def test_the_option_that_keeps_locks_from_other_machines(tmp_path, folder, expected):
    assert lock_of_one_machine(type(tmp_path)(folder), MOUNTS) == expected


def test_a_folder_is_locked_while_it_is(tmp_path):
    folder = tmp_path / "new" / "stage"
    with locked(folder, shared=True):
        assert is_locked(folder)
    assert not is_locked(folder)
    assert (folder / LOCK).exists()


def test_a_folder_that_cannot_be_made_is_refused_in_one_line(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot write to"), locked(tmp_path / "file" / "stage"):
        pass


def test_a_claimed_file_is_for_one_alone_and_keeps_what_is_in_it(tmp_path):
    path = tmp_path / "texts.partial"
    path.write_bytes(b"before")
    with claimed(path, "taken") as file:
        assert file.read() == b"before"
        with pytest.raises(OutputError, match=r"^taken$"), claimed(path, "taken"):
            pass
    with claimed(path, "taken"):
        pass
    assert path.read_bytes() == b"before"


@pytest.mark.parametrize("gone", [Path.unlink, lambda path: path.rename(path.with_name("texts"))])
def test_a_file_that_went_between_opening_and_locking_is_not_the_one_that_is_claimed(tmp_path, monkeypatch, gone):
    path, lock, seen = tmp_path / "texts.partial", locking._lock, list[object]()
    path.write_bytes(b"theirs")

    def late(*arguments):
        if not seen:
            gone(path)
        seen.append(arguments)
        return lock(*arguments)

    monkeypatch.setattr(locking, "_lock", late)
    with claimed(path, "taken") as file:
        file.write(b"mine")
        file.flush()
        assert path.read_bytes() == b"mine"
    assert len(seen) == 2
    assert [each.read_bytes() for each in tmp_path.glob("texts")] in ([], [b"theirs"])


def test_a_claimed_folder_has_nothing_in_it_afterwards(tmp_path):
    with claimed_folder(tmp_path, "name another"):
        refused = f"another process writes to {tmp_path}. Wait for it, or name another."
        with pytest.raises(OutputError, match=refused), claimed_folder(tmp_path, "name another"):
            pass
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_claimed_is_one_line(tmp_path):
    with pytest.raises(OutputError, match=r"cannot write .*: No such file"), claimed(tmp_path / "no" / "file", "taken"):
        pass


def test_a_signal_while_a_process_starts_is_heeded_once_the_process_is_known():
    started = []

    def start() -> None:
        with undisturbed():
            signal.raise_signal(signal.SIGUSR1)
            started.append("it")

    with stoppable(), pytest.raises(Stopped, match="stopped by SIGUSR1"):
        start()
    assert started == ["it"]
