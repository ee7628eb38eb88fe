"""One address -> one `.part` file, over breaks and lies.

The next attempt (or the next process) goes on from what the file holds. Nothing that the network says is believed:
lengths, ranges and ETags only steer, and what `problem` says of the file decides.
"""

import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path

from datatuner.errors import FetchError

ATTEMPTS = 5  # in a row that bring nothing new
CHUNK = 1 << 16

_CONTENT_RANGE = re.compile(r"bytes (?:(\d+)-\d+|\*)/(\d+|\*)")


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


def download(url: str, part: Path, problem: Callable[[], str | None], network: Network) -> None:
    """Fills `part` from `url` until there is no `problem` with it; goes on after each break for as long as bytes come.

    Raises:
        FetchError: the address is not there, `ATTEMPTS` in a row brought nothing, or what came whole was wrong twice
            (a resumed file may have begun as another, so the first time counts for nothing).
    """
    if part.exists() and problem() is None:  # whole, and killed before it got its name
        return
    transfer = _Transfer(url, part, network)
    furthest = failures = wrong = 0
    while True:
        try:
            whole = transfer.attempt()
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
        done = transfer.size()
        failures = 1 if done > furthest else failures + 1
        furthest = max(furthest, done)
        if failures == ATTEMPTS:
            kept = f" {done:,} bytes are kept in {part}: the same command goes on from there." if done else ""
            raise FetchError(f"{url}: {reason} ({ATTEMPTS} attempts).{kept}")
        pause = network.pause * 2 ** (failures - 1)
        network.say(f"{url}: {reason}; again in {pause:g} s")
        time.sleep(pause)


class _Transfer:
    """Requests for one address, each for what `part` still lacks."""

    def __init__(self, url: str, part: Path, network: Network) -> None:
        self.url, self.part, self.network = url, part, network
        self._etag: str | None = None  # of what `part` holds

    def size(self) -> int:
        return self.part.stat().st_size if self.part.exists() else 0

    def attempt(self) -> bool:
        """One request; returns whether the server says that `part` is whole now, False where it says nothing.

        Raises:
            _BrokenError: nothing, or not all, came.
            FetchError: it never will.
        """
        start = self.size()
        headers = {"User-Agent": "datatuner", "Accept-Encoding": "identity"}
        if start:
            headers["Range"] = f"bytes={start}-"
            if self._etag:
                headers["If-Range"] = self._etag
        request = urllib.request.Request(self.url, headers=headers)
        try:
            response = urllib.request.urlopen(request, timeout=self.network.timeout)
        except urllib.error.HTTPError as error:
            with error:
                self._judge(error, start)
            return True
        except urllib.error.URLError as error:
            raise _BrokenError(f"cannot be reached ({error.reason})") from error
        except _BROKEN_CONNECTION as error:
            raise _BrokenError(f"the connection broke ({_words(error)})") from error
        with response:
            return self._save(response, start)

    def _judge(self, error: urllib.error.HTTPError, start: int) -> None:
        """Returns where `part` is whole, as 416 says of a range that begins at the file's end."""
        if error.code == 416 and start:
            match = _CONTENT_RANGE.fullmatch(error.headers.get("Content-Range", ""))
            if match and match[2] == str(start):
                return
            self.part.unlink()
            raise _BrokenError("the server has less than was kept")
        reason = _words(error.reason)
        if error.code >= 500 or error.code in (408, 429):
            raise _BrokenError(f"the server answers {error.code} {reason}") from error
        raise FetchError(f"{self.url}: the server answers {error.code} {reason}. Is --source right?") from error

    def _save(self, response: HTTPResponse, start: int) -> bool:
        """The body goes behind the first `start` bytes where the server honoured the range, else in their place."""
        if response.status == 206:
            match = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
            if not match or match[1] != str(start):
                self.part.unlink(missing_ok=True)
                raise _BrokenError("the server sends another range than it was asked for")
        else:
            start = 0
        etag = response.headers.get("ETag")
        self._etag = etag if etag and not etag.startswith("W/") else None  # If-Range takes no weak one
        total = None if response.length is None else start + response.length
        self._refuse_beyond_limit(total or 0)
        done = start
        with self.part.open("ab" if start else "wb", buffering=0) as file:
            for chunk in _chunks(response):
                file.write(chunk)
                done += len(chunk)
                self._refuse_beyond_limit(done)
                if self.network.progress:
                    self.network.progress(self.part.stem, done, total)
        if total is not None and done < total:
            raise _BrokenError(f"the connection broke after {done:,} of {total:,} bytes")
        return total is not None or bool(response.chunked)

    def _refuse_beyond_limit(self, size: int) -> None:
        if size > self.network.limit:
            limit = f"{self.network.limit:,} bytes, too many for a corpus"
            raise FetchError(f"{self.url}: has more than {limit}. Is --source right?")


def _chunks(response: HTTPResponse) -> Iterator[bytes]:
    try:
        while chunk := response.read1(CHUNK):  # what is there, without waiting for more
            yield chunk
    except _BROKEN_CONNECTION as error:
        raise _BrokenError(f"the connection broke ({_words(error)})") from error


def _words(error: Exception | str) -> str:
    return " ".join(str(error).split()) or type(error).__name__
