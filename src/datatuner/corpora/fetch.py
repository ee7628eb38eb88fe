"""A corpus's pinned source -> its files, each checked by sha256 before it gets its name.

Bytes go into `NAME.part`, which the next attempt (or the next command) goes on from. Nothing that the network says is
believed: lengths and ranges only steer, the checksums decide.
"""

import fcntl
import hashlib
import os
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.client import HTTPException, HTTPResponse
from pathlib import Path, PurePosixPath
from urllib.parse import quote, urljoin, urlsplit

from datatuner.corpora.unpacking import DamagedArchiveError, HostileArchiveError, unpack
from datatuner.errors import ConfigError, FetchError, OutputError

ATTEMPTS = 5  # in a row that bring nothing new
CHUNK = 1 << 16

_CHECKSUM_LINE = re.compile(r"([0-9a-f]{64}) [ *](.+)")
_CONTENT_RANGE = re.compile(r"bytes (?:(\d+)-\d+|\*)/(\d+|\*)")


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


@dataclass(frozen=True)
class Network:
    """How patient to be, and whom to tell."""

    timeout: float = 30.0  # seconds without a byte
    limit: int = 512 << 20  # bytes of one file or archive
    pause: float = 1.0  # seconds before the second attempt, doubled before each further one
    say: Callable[[str], None] = print
    progress: Callable[[str, int, int | None], None] | None = None  # file, its bytes so far, all (None: not known)


class _BrokenError(Exception):
    """An attempt that failed, and may go better the next time."""


_BROKEN_CONNECTION = (HTTPException, OSError, ValueError)  # ValueError: a chunk's size that is no number


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
    if urlsplit(source.url).scheme not in ("http", "https"):
        raise FetchError(f"{source.url}: no http or https address.")
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
        _download(url, part, partial(_differs, part, source.checksums[name]), network)
        part.replace(path)
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
        _download(url, part, problem, network)
        for name, path in unpacked.items():
            path.replace(folder / name)
        part.unlink()
    finally:
        for path in unpacked.values():
            path.unlink(missing_ok=True)
    network.say(f"fetched: {len(wanted)} files into {folder}")


def _download(url: str, part: Path, problem: Callable[[], str | None], network: Network) -> None:
    """Fills `part` from `url` until there is no `problem` with it; goes on after each break for as long as bytes come.

    Raises:
        FetchError: the address is not there, `ATTEMPTS` in a row brought nothing, or what came whole was wrong twice
            (a resumed file may have begun as another, so the first time counts for nothing).
    """
    if part.exists() and problem() is None:  # whole, and killed before it got its name
        return
    furthest = failures = wrong = 0
    etag = None
    while True:
        try:
            etag, whole = _attempt(url, part, etag, network)
            reason = "the connection ended early"
        except _BrokenError as broken:
            reason, whole = str(broken), False
        # Asked after a break too: perhaps only the announced length was wrong.
        difference = problem() if part.exists() else "nothing came"
        if difference is None:
            return
        if whole:
            part.unlink(missing_ok=True)
            wrong += 1
            reason = f"what came is not what is pinned ({difference})"
            if wrong == 2:
                raise FetchError(f"{url}: {reason}. Pass --source with another place that has it.")
        done = part.stat().st_size if part.exists() else 0
        failures = 1 if done > furthest else failures + 1
        furthest = max(furthest, done)
        if failures == ATTEMPTS:
            kept = f" {done:,} bytes are kept in {part}: the same command goes on from there." if done else ""
            raise FetchError(f"{url}: {reason} ({ATTEMPTS} attempts).{kept}")
        pause = network.pause * 2 ** (failures - 1)
        network.say(f"{url}: {reason}; again in {pause:g} s")
        time.sleep(pause)


def _attempt(url: str, part: Path, etag: str | None, network: Network) -> tuple[str | None, bool]:
    """One request for what `part` lacks -> the ETag of what came, and whether the server says that this is the end.

    Raises:
        _BrokenError: nothing, or not all, came.
        FetchError: it never will.
    """
    start = part.stat().st_size if part.exists() else 0
    headers = {"User-Agent": "datatuner", "Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
        if etag:
            headers["If-Range"] = etag
    try:
        response = urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=network.timeout)
    except urllib.error.HTTPError as error:
        with error:
            _judge(url, error, part, start)
        return None, True
    except urllib.error.URLError as error:
        raise _BrokenError(f"cannot be reached ({error.reason})") from error
    except _BROKEN_CONNECTION as error:
        raise _BrokenError(f"the connection broke ({_words(error)})") from error
    with response:
        whole = _save(url, response, part, start, network)
        found: str | None = response.headers.get("ETag")
        return (found if found and not found.startswith("W/") else None), whole  # If-Range takes no weak one


def _judge(url: str, error: urllib.error.HTTPError, part: Path, start: int) -> None:
    """What an HTTP error means: returns where `part` is whole, as 416 says of a range that begins at the file's end."""
    if error.code == 416 and start:
        match = _CONTENT_RANGE.fullmatch(error.headers.get("Content-Range", ""))
        if match and match[2] == str(start):
            return
        part.unlink()
        raise _BrokenError("the server has less than was kept")
    if error.code >= 500 or error.code in (408, 429):
        raise _BrokenError(f"the server answers {error.code} {error.reason}") from error
    raise FetchError(f"{url}: the server answers {error.code} {error.reason}. Is --source right?") from error


def _save(url: str, response: HTTPResponse, part: Path, start: int, network: Network) -> bool:
    """The body goes behind the first `start` bytes of `part` where the server honoured the range, else in their place.

    Returns whether it ended where the server said it would; False where it said nothing.
    """
    if response.status == 206:
        match = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if not match or match[1] != str(start):
            part.unlink(missing_ok=True)
            raise _BrokenError("the server sends another range than it was asked for")
    else:
        start = 0
    total = None if response.length is None else start + response.length
    if total is not None and total > network.limit:
        raise _too_large(url, network)
    done = start
    with part.open("ab" if start else "wb") as file:
        for chunk in _chunks(response):
            file.write(chunk)
            done += len(chunk)
            if done > network.limit:
                raise _too_large(url, network)
            if network.progress:
                network.progress(part.stem, done, total)
    if total is not None and done < total:
        raise _BrokenError(f"the connection broke after {done:,} of {total:,} bytes")
    return total is not None or bool(response.chunked)


def _chunks(response: HTTPResponse) -> Iterator[bytes]:
    try:
        while chunk := response.read(CHUNK):
            yield chunk
    except _BROKEN_CONNECTION as error:
        raise _BrokenError(f"the connection broke ({_words(error)})") from error


def _too_large(url: str, network: Network) -> FetchError:
    return FetchError(f"{url}: has more than {network.limit:,} bytes, too many for a corpus. Is --source right?")


def _as_folder(url: str) -> str:
    return url if url.endswith("/") else f"{url}/"


def _part(path: Path) -> Path:
    return path.with_name(f"{path.name}.part")


def _differs(path: Path, checksum: str) -> str | None:
    found = _sha256(path)
    return None if found == checksum else f"its sha256 is {found}, expected {checksum}"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _words(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
