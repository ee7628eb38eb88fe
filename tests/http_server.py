"""A web server on this machine that behaves as it is told, request by request: it breaks, truncates and lies."""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Behaviour = Callable[["Handler", bytes], None]


class Server:
    """Serves `files` (path -> content); each request takes the next of `script`, and the honest way after its end.

    `asked` lists (path, Range, If-Range) of the requests so far.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.files: dict[str, bytes] = {}
        self.script: deque[Behaviour] = deque()
        self.asked: list[tuple[str, str | None, str | None]] = []
        self.released = threading.Event()  # set at the end: hanging requests return

    def ranges(self) -> list[str | None]:
        return [found for _, found, _ in self.asked]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state: Server

    def do_GET(self) -> None:
        self.state.asked.append((self.path, self.headers["Range"], self.headers["If-Range"]))
        behave = self.state.script.popleft() if self.state.script else honest()
        content = self.state.files.get(self.path)
        if content is None and not getattr(behave, "needs_no_file", False):
            self.send_error(404)
        else:
            behave(self, content or b"")

    def answer(self, status: int, body: bytes, /, **headers: object) -> None:
        """Header names with _ for -; Content-Length is the body's unless it is given (None leaves it out)."""
        self.send_response(status)
        for name, value in {"Content_Length": len(body), **headers}.items():
            if value is not None:
                self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def served() -> Iterator[Server]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    state = Server(f"http://127.0.0.1:{server.server_address[1]}/pinned/")
    server.RequestHandlerClass = type("Bound", (Handler,), {"state": state})
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield state
    finally:
        state.released.set()
        server.shutdown()
        thread.join()
        server.server_close()


def part_of(handler: Handler, content: bytes, etag: str | None) -> tuple[int, bytes, dict[str, object]]:
    """Status, body and headers as an honest server with ranges has them."""
    wanted, condition = handler.headers["Range"], handler.headers["If-Range"]
    headers: dict[str, object] = {"ETag": etag}
    if not wanted or (condition and condition != etag):
        return 200, content, headers
    start = int(wanted.removeprefix("bytes=").rstrip("-"))
    if start >= len(content):
        return 416, b"", {"Content_Range": f"bytes */{len(content)}"}
    return 206, content[start:], {**headers, "Content_Range": f"bytes {start}-{len(content) - 1}/{len(content)}"}


def honest(etag: str | None = '"1"') -> Behaviour:
    def behave(handler: Handler, content: bytes) -> None:
        status, body, headers = part_of(handler, content, etag)
        handler.answer(status, body, **headers)

    return behave


def without_ranges(handler: Handler, content: bytes) -> None:
    handler.answer(200, content)


def breaks(after: int, *, ranges: bool = True, etag: str | None = '"1"') -> Behaviour:
    """Announces all, and closes the connection after so many bytes of it."""

    def behave(handler: Handler, content: bytes) -> None:
        status, body, headers = part_of(handler, content, etag) if ranges else (200, content, {})
        handler.answer(status, body[:after], **{**headers, "Content_Length": len(body)})
        handler.close_connection = True

    return behave


def ends_early(after: int, *, ranges: bool = True) -> Behaviour:
    """Announces no length, and closes the connection after so many bytes, as if that were all."""

    def behave(handler: Handler, content: bytes) -> None:
        status, body, headers = part_of(handler, content, None) if ranges else (200, content, {})
        handler.answer(status, body[:after], **{**headers, "Content_Length": None, "Connection": "close"})
        handler.close_connection = True

    return behave


def chunked(handler: Handler, content: bytes, *, chunks: int = 1000, size_of: str = "{:x}") -> None:
    """`chunks` chunks of 100 bytes, and the end only if that was all."""
    handler.answer(200, b"", Content_Length=None, Transfer_Encoding="chunked")
    pieces = [content[i : i + 100] for i in range(0, len(content), 100)]
    for piece in pieces[:chunks]:
        handler.wfile.write(size_of.format(len(piece)).encode() + b"\r\n" + piece + b"\r\n")
    if chunks >= len(pieces):
        handler.wfile.write(b"0\r\n\r\n")
    handler.close_connection = True


def breaks_chunked(chunks: int) -> Behaviour:
    return lambda handler, content: chunked(handler, content, chunks=chunks)


def bad_chunk_sizes(handler: Handler, content: bytes) -> None:
    chunked(handler, content, size_of="size {}")


def instead(body: bytes) -> Behaviour:
    """Another content under the right name."""
    return lambda handler, _: handler.answer(200, body)


def announces(length: int) -> Behaviour:
    """All the content under a wrong length."""

    def behave(handler: Handler, content: bytes) -> None:
        handler.answer(200, content, Content_Length=length)
        handler.close_connection = True

    return behave


def status(code: int, **headers: object) -> Behaviour:
    return lambda handler, _: handler.answer(code, b"no", **headers)


def redirects(path: str) -> Behaviour:
    def behave(handler: Handler, _: bytes) -> None:
        handler.answer(302, b"", Location=path)

    behave.needs_no_file = True  # type: ignore[attr-defined]
    return behave


def other_range(handler: Handler, content: bytes) -> None:
    """206 with the right bytes of a wrong place."""
    handler.answer(206, content[3:], Content_Range=f"bytes 3-{len(content) - 1}/{len(content)}")


def range_of_another_file(handler: Handler, content: bytes) -> None:
    """206 that says the right place and sends other bytes."""
    _, body, headers = part_of(handler, content, '"1"')
    handler.answer(206, b"x" * len(body), **headers)


def hangs(after: int) -> Behaviour:
    def behave(handler: Handler, content: bytes) -> None:
        status, body, headers = part_of(handler, content, '"1"')
        handler.answer(status, body[:after], **{**headers, "Content_Length": len(body)})
        handler.state.released.wait(30)
        handler.close_connection = True

    return behave


def no_http(handler: Handler, _: bytes) -> None:
    handler.wfile.write(b"SSH-2.0-OpenSSH\r\n")
    handler.close_connection = True


def says_nothing(handler: Handler, _: bytes) -> None:
    handler.close_connection = True
