"""Locks of folders: what mount options say of them. Who waits for whom is in test_run.py."""

import pytest

from datatuner.errors import OutputError
from datatuner.locking import LOCK, is_locked, lock_of_one_machine, locked

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
