"""The recorder of views: every byte that one party's process receives, kept as it came.

Guarantees: bodies are spooled to a file in the order in which they ended, unchanged, and beside
them one line an exchange: with whom, which route, when, how many bytes each way. What the process
is asked (by ASGI middleware) and what it is answered (by its HTTP client) are both recorded.
Leaves to the witness (views.py): checking the bytes against what the option declares.
Refuses to live in a service: only `compare`'s own party processes load it, an import contract says.
Limit: headers are counted as HTTP/1.1 writes them; TLS and TCP framing are not counted.
"""

import json
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import httpx
from starlette.types import ASGIApp, Message, Receive, Scope, Send

INDEX_SUFFIX = ".jsonl"
SPOOL_SUFFIX = ".spool"
SERVER = "server"
CLIENT = "client"


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its reply, as one party saw them.

    side: "server" where the party was asked (it received the request), "client" where it asked
    (it received the reply). Times by the machine's monotonic clock, the same for all processes.
    """

    side: str
    method: str
    path: str
    status: int
    start_ns: int
    end_ns: int
    received_at: int
    received_bytes: int
    received_head_bytes: int
    sent_bytes: int
    sent_head_bytes: int


class Recorder:
    """Writes one party's views to `folder/role.spool` and `folder/role.jsonl`."""

    def __init__(self, folder: Path, role: str) -> None:
        self._lock = threading.Lock()
        # Line by line and unbuffered: what was received is on disk when the witness looks.
        self._spool = (folder / f"{role}{SPOOL_SUFFIX}").open("ab", buffering=0)
        self._index = (folder / f"{role}{INDEX_SUFFIX}").open("a", buffering=1, encoding="utf-8")

    def note(
        self,
        side: str,
        asked: tuple[str, str, int],
        start_ns: int,
        received: tuple[bytes, int],
        sent: tuple[int, int],
    ) -> None:
        """Keep one exchange.

        asked: method, path with query, status. received: the body, and the size of its head.
        sent: the sizes of body and head that went the other way.
        """
        body, head_bytes = received
        with self._lock:
            at = self._spool.tell()
            self._spool.write(body)
            exchange = Exchange(
                side, *asked, start_ns, time.monotonic_ns(), at, len(body), head_bytes, *sent
            )
            self._index.write(json.dumps(asdict(exchange)) + "\n")


class Recorded:
    """ASGI middleware, outermost: records what the party is asked."""

    def __init__(self, app: ASGIApp, recorder: Recorder) -> None:
        self._app = app
        self._recorder = recorder

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request and record it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = bytearray()
        sent = {"status": 0, "bytes": 0, "head": 0}

        async def receive_and_keep() -> Message:
            message = await receive()
            body.extend(message.get("body", b""))
            return message

        async def send_and_count(message: Message) -> None:
            if message["type"] == "http.response.start":
                sent["status"] = message["status"]
                sent["head"] = _head_bytes("HTTP/1.1 200 OK", message.get("headers", ()))
            sent["bytes"] += len(message.get("body", b""))
            await send(message)

        start_ns = time.monotonic_ns()
        try:
            await self._app(scope, receive_and_keep, send_and_count)
        finally:
            query = scope.get("query_string", b"").decode("latin-1")
            path = scope["path"] + (f"?{query}" if query else "")
            head_bytes = _head_bytes(f"{scope['method']} {path} HTTP/1.1", scope["headers"])
            self._recorder.note(
                SERVER,
                (scope["method"], path, sent["status"]),
                start_ns,
                (bytes(body), head_bytes),
                (sent["bytes"], sent["head"]),
            )


def record_client(recorder: Recorder) -> None:
    """From now on record every reply that this process's httpx clients receive."""
    ask, ask_async = (
        httpx.HTTPTransport.handle_request,
        httpx.AsyncHTTPTransport.handle_async_request,
    )

    def handle(transport: httpx.HTTPTransport, request: httpx.Request) -> httpx.Response:
        tap = _Tap(recorder, request)
        request.stream = _Tapped(request.stream, tap.add_sent, lambda: None)
        response = ask(transport, request)
        tap.response = response
        response.stream = _Tapped(response.stream, tap.add_received, tap.end)
        return response

    async def handle_async(
        transport: httpx.AsyncHTTPTransport, request: httpx.Request
    ) -> httpx.Response:
        tap = _Tap(recorder, request)
        request.stream = _Tapped(request.stream, tap.add_sent, lambda: None)
        response = await ask_async(transport, request)
        tap.response = response
        response.stream = _Tapped(response.stream, tap.add_received, tap.end)
        return response

    httpx.HTTPTransport.handle_request = handle  # type: ignore[method-assign,assignment]
    httpx.AsyncHTTPTransport.handle_async_request = handle_async  # type: ignore[method-assign,assignment]


class _Tap:
    """One outgoing request's sizes, and its reply's bytes."""

    def __init__(self, recorder: Recorder, request: httpx.Request) -> None:
        self._recorder = recorder
        self._request = request
        self._start_ns = time.monotonic_ns()
        self._sent_bytes = 0
        self._received = bytearray()
        self._ended = False
        self.response: httpx.Response | None = None

    def add_sent(self, chunk: bytes) -> None:
        self._sent_bytes += len(chunk)

    def add_received(self, chunk: bytes) -> None:
        self._received += chunk

    def end(self) -> None:
        if self._ended or self.response is None:
            return
        self._ended = True
        request, response = self._request, self.response
        path = request.url.raw_path.decode("ascii")
        self._recorder.note(
            CLIENT,
            (request.method, path, response.status_code),
            self._start_ns,
            (bytes(self._received), _head_bytes("HTTP/1.1 200 OK", response.headers.raw)),
            (
                self._sent_bytes,
                _head_bytes(f"{request.method} {path} HTTP/1.1", request.headers.raw),
            ),
        )


class _Tapped(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A stream that shows its chunks as they pass."""

    def __init__(self, stream: Any, see: Callable[[bytes], None], end: Callable[[], None]) -> None:
        self._stream = stream
        self._see = see
        self._end = end

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._stream:
            self._see(chunk)
            yield chunk

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._stream:
            self._see(chunk)
            yield chunk

    def close(self) -> None:
        if hasattr(self._stream, "close"):
            self._stream.close()
        self._end()

    async def aclose(self) -> None:
        if hasattr(self._stream, "aclose"):
            await self._stream.aclose()
        self._end()


def read_exchanges(folder: Path, role: str) -> tuple[list[Exchange], bytes]:
    """What a role's recorder wrote: its exchanges, and the spooled bodies."""
    index = (folder / f"{role}{INDEX_SUFFIX}").read_text("utf-8")
    exchanges = [Exchange(**cast(dict[str, Any], json.loads(line))) for line in index.splitlines()]
    return exchanges, (folder / f"{role}{SPOOL_SUFFIX}").read_bytes()


def _head_bytes(first_line: str, headers: Any) -> int:
    """The size of a head as HTTP/1.1 writes it: the first line, `name: value` lines, an empty."""
    return len(first_line) + 4 + sum(len(name) + len(value) + 4 for name, value in headers)
