"""A zip archive that is not trusted -> chosen members as files.

Nothing but the chosen members is unpacked, each to a path that the caller names. An archive with a member that would
leave the folder, or that is no plain file, is refused as a whole all the same: the corpus's makers
wrote no such thing.
"""

import lzma
import posixpath
import stat
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from zipfile import BadZipFile, ZipFile, ZipInfo

MAX_UNPACKED = 1 << 30  # bytes of all chosen members together
CHUNK = 1 << 16

# What zipfile and its decompressors raise for damaged, encrypted or unknown content.
_DAMAGED = (BadZipFile, zlib.error, lzma.LZMAError, EOFError, RuntimeError, NotImplementedError, ValueError, OSError)


class DamagedArchiveError(Exception):
    """The archive is not whole, or lacks a member."""


class HostileArchiveError(Exception):
    """No damage makes an archive what this one is."""


def unpack(path: Path, targets: Mapping[str, Path]) -> None:
    """Writes each member of `targets` to its path, whose folder is made; older content there is replaced.

    Raises:
        DamagedArchiveError: the file is no whole zip archive, or one of the members is not in it.
        HostileArchiveError: any member would leave the folder or is no plain file, or the chosen ones are too large.
    """
    try:
        archive = ZipFile(path)
    except _DAMAGED as error:
        raise DamagedArchiveError(f"no whole zip archive: {error}") from error
    with archive:
        members = {info.filename: info for info in archive.infolist()}
        for info in archive.infolist():
            if harm := _harm(archive, info):
                raise HostileArchiveError(f"the archive's member {info.filename!r} {harm}")
        for name in targets:
            if name not in members or _kind(members[name]) not in (0, stat.S_IFREG):
                raise DamagedArchiveError(f"the archive has no file {name!r}")
        size = sum(members[name].file_size for name in targets)
        if size > MAX_UNPACKED:
            raise HostileArchiveError(f"the archive's files would take {size:,} bytes, too many for a corpus")
        for name, target in targets.items():
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("wb") as file:
                for chunk in _chunks(archive, members[name]):
                    file.write(chunk)


def _chunks(archive: ZipFile, info: ZipInfo) -> Iterator[bytes]:
    """The member's bytes: never more than the size it announces."""
    try:
        with archive.open(info) as member:
            while chunk := member.read(CHUNK):
                yield chunk
    except _DAMAGED as error:
        raise DamagedArchiveError(f"the archive's file {info.filename!r} is damaged: {error}") from error


def _kind(info: ZipInfo) -> int:
    """The Unix file type; 0 where the archive's maker gave none."""
    return stat.S_IFMT(info.external_attr >> 16)


def _harm(archive: ZipFile, info: ZipInfo) -> str | None:
    if _leaves(info.filename):
        return "leaves the folder"
    kind = _kind(info)
    if kind == stat.S_IFLNK:
        target = b"".join(_chunks(archive, info)) if info.file_size <= CHUNK else b"/"
        link = posixpath.join(posixpath.dirname(info.filename), target.decode("utf-8", "replace"))
        return "is a link that leaves the folder" if _leaves(link) else None
    return None if kind in (0, stat.S_IFREG, stat.S_IFDIR) else "is a device or a pipe"


def _leaves(name: str) -> bool:
    """Whether a path is absolute (a drive's too) or climbs out of where it starts; backslashes separate as well."""
    path = posixpath.normpath(name.replace("\\", "/"))
    return path.startswith(("/", "../")) or path == ".." or path[1:2] == ":"
