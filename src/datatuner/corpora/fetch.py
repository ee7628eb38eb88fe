"""A corpus's pinned source -> its files, each checked by sha256 before it gets its name."""

import fcntl
import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath
from urllib.parse import quote, urljoin

from datatuner.corpora.downloading import Network, download
from datatuner.corpora.unpacking import DamagedArchiveError, HostileArchiveError, unpack
from datatuner.errors import ConfigError, FetchError, OutputError

_CHECKSUM_LINE = re.compile(r"([0-9a-f]{64}) [ *](.+)")


@dataclass(frozen=True)
class PinnedSource:
    """Where a corpus comes from.

    url        what the files (or the archive) lie below
    checksums  path in the corpus's folder -> sha256: these are the corpus's files
    names      path in the corpus's folder -> path below `url`, or in the archive, where the two differ
    archive    a zip file below `url`; its own bytes may change, its members may not
    root       folder in the archive that the members lie in
    """

    url: str
    checksums: Mapping[str, str]
    names: Mapping[str, str] = field(default_factory=dict)
    archive: str | None = None
    root: str = ""


def read_checksums(path: Path) -> dict[str, str]:
    """Path -> sha256 from a file that `sha256sum -c` reads.

    Raises:
        ConfigError: the file is missing, or a line is not a checksum and a path inside the folder.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read ({error}).") from error
    found = {}
    for number, line in enumerate(lines, 1):
        match = _CHECKSUM_LINE.fullmatch(line)
        if not match or PurePosixPath(match[2]).is_absolute() or ".." in PurePosixPath(match[2]).parts:
            raise ConfigError(f"{path}:{number}: expected 'SHA256  PATH' with a path inside the corpus's folder.")
        found[PurePosixPath(match[2]).as_posix()] = match[1]
    return found


def fetch(source: PinnedSource, folder: Path, *, force: bool = False, network: Network | None = None) -> int:
    """Puts the corpus's files into `folder` and returns how many were fetched; the rest were there already.

    A file under its final name always has the pinned checksum, or was there before: `force` replaces such a one.

    Raises:
        FetchError: the source cannot be reached, or what came is not what is pinned; a file in `folder` is another.
        OutputError: `folder` cannot be written.
    """
    network = network or Network()
    if not re.match(r"https?://[^/]", source.url):
        raise FetchError(f"{source.url!r} is no http or https address.")
    try:
        with _locked(folder, network):
            wanted = _wanted(source, folder, force)
            if wanted and source.archive:
                _fetch_members(source, source.archive, folder, wanted, network)
            elif wanted:
                _fetch_files(source, folder, wanted, network)
    except OSError as error:
        raise OutputError(
            f"cannot write to {folder}: {error.strerror or error}. Free space there, or pass --data-dir with a folder "
            "you may write to."
        ) from error
    return len(wanted)


@contextmanager
def _locked(folder: Path, network: Network) -> Iterator[None]:
    """The folder for this process alone: two of them would write into each other's `.part` files."""
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            network.say(f"waiting: another process fetches into {folder}")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _wanted(source: PinnedSource, folder: Path, force: bool) -> list[str]:
    """The files that are not there yet; with `force` also those that are others than the pinned."""
    wanted, others = [], []
    for name, checksum in source.checksums.items():
        path = folder / name
        if not path.exists():
            wanted.append(name)
        elif not path.is_file() or _sha256(path) != checksum:
            others.append(name)
    if others and not force:
        more = f" (and {len(others) - 1} more)" if len(others) > 1 else ""
        raise FetchError(
            f"{folder / others[0]}{more} is there, but is not the pinned file (sha256 differs). It was left as it is: "
            "pass --force to replace it, or --data-dir with another folder."
        )
    return wanted + others


def _fetch_files(source: PinnedSource, folder: Path, wanted: list[str], network: Network) -> None:
    for name in wanted:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        part = _part(path)
        url = urljoin(_as_folder(source.url), quote(source.names.get(name, name)))
        download(url, part, partial(_differs, part, source.checksums[name]), network)
        _settle(part, path)
        network.say(f"fetched: {path}")


def _fetch_members(source: PinnedSource, archive: str, folder: Path, wanted: list[str], network: Network) -> None:
    """All wanted members are unpacked and checked before the first gets its name."""
    url = urljoin(_as_folder(source.url), quote(archive))
    part = _part(folder / PurePosixPath(archive).name)
    members = {name: str(PurePosixPath(source.root, source.names.get(name, name))) for name in wanted}
    unpacked = {name: _part(folder / name) for name in wanted}

    def problem() -> str | None:
        try:
            unpack(part, {member: unpacked[name] for name, member in members.items()})
        except HostileArchiveError as error:
            part.unlink()
            raise FetchError(f"{url}: {error}. Nothing was unpacked.") from error
        except DamagedArchiveError as error:
            return str(error)
        wrong = ((members[name], _differs(path, source.checksums[name])) for name, path in unpacked.items())
        return next((f"{member}: {difference}" for member, difference in wrong if difference), None)

    try:
        download(url, part, problem, network)
        for name, path in unpacked.items():
            _settle(path, folder / name)
        part.unlink()
    finally:
        for path in unpacked.values():
            path.unlink(missing_ok=True)
    network.say(f"fetched: {len(wanted)} files into {folder}")


def _as_folder(url: str) -> str:
    return url if url.endswith("/") else f"{url}/"


def _settle(part: Path, path: Path) -> None:
    """The final name comes after the content, on the disk too."""
    with part.open("rb") as file:
        os.fsync(file.fileno())
    part.replace(path)


def _part(path: Path) -> Path:
    return path.with_name(f"{path.name}.part")


def _differs(path: Path, checksum: str) -> str | None:
    found = _sha256(path)
    return None if found == checksum else f"its sha256 is {found}, expected {checksum}"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
