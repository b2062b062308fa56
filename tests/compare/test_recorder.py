import asyncio
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from starlette.types import Message, Receive, Scope, Send

from softfall.compare.recorder import (
    CLIENT,
    SERVER,
    Recorded,
    Recorder,
    read_exchanges,
    record_client,
)

PIECES = [b"in ", b"pieces"]
LENGTH = {"content-length": "9"}
ANSWER = b"an answer of " + bytes(70_000)


class _Answering(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(201)
        self.send_header("Content-Length", str(len(ANSWER)))
        self.end_headers()
        self.wfile.write(ANSWER)

    def log_message(self, *args: object) -> None:
        del args


@pytest.fixture
def server() -> Iterator[str]:
    answering = ThreadingHTTPServer(("127.0.0.1", 0), _Answering)
    threading.Thread(target=answering.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{answering.server_port}"
    answering.shutdown()
    answering.server_close()


@pytest.fixture
def recorder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Recorder:
    # Named here so that they are put back after the test.
    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", httpx.HTTPTransport.handle_request)
    monkeypatch.setattr(
        httpx.AsyncHTTPTransport,
        "handle_async_request",
        httpx.AsyncHTTPTransport.handle_async_request,
    )
    made = Recorder(tmp_path, "role")
    record_client(made)
    return made


def test_every_byte_that_the_client_receives_is_kept(
    recorder: Recorder, server: str, tmp_path: Path
):
    assert httpx.post(f"{server}/v1/ask?x=1", content=b"a question").content == ANSWER
    (exchange,), spool = read_exchanges(tmp_path, "role")
    assert spool == ANSWER
    assert (exchange.side, exchange.method, exchange.path) == (CLIENT, "POST", "/v1/ask?x=1")
    assert exchange.status == 201
    assert exchange.received_bytes == len(ANSWER)
    assert exchange.sent_bytes == len(b"a question")
    assert exchange.sent_head_bytes > len("POST /v1/ask?x=1 HTTP/1.1")
    assert exchange.end_ns >= exchange.start_ns


def test_a_reply_that_is_streamed_and_an_async_one_are_kept_too(
    recorder: Recorder, server: str, tmp_path: Path
):
    with httpx.stream("POST", server, content=iter(PIECES), headers=LENGTH) as response:
        assert b"".join(response.iter_raw()) == ANSWER

    async def ask() -> None:
        async with httpx.AsyncClient() as client:
            await client.post(server, content=b"later")

    asyncio.run(ask())
    exchanges, spool = read_exchanges(tmp_path, "role")
    assert [each.sent_bytes for each in exchanges] == [9, 5]
    assert spool == ANSWER * 2


def test_every_byte_that_an_application_is_asked_is_kept(tmp_path: Path):
    recorder = Recorder(tmp_path, "role")
    asked: list[bytes] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            asked.append(message["body"])
            if not message["more_body"]:
                break
        headers = [(b"a", b"b")]
        await send({"type": "http.response.start", "status": 202, "headers": headers})
        await send({"type": "http.response.body", "body": b"taken"})

    pieces: list[Message] = [
        {"type": "http.request", "body": b"first ", "more_body": True},
        {"type": "http.request", "body": b"second", "more_body": False},
    ]

    async def receive() -> Message:
        return pieces.pop(0)

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "PUT",
        "path": "/v1/x",
        "query_string": b"q=1",
        "headers": [(b"host", b"here")],
    }
    asyncio.run(Recorded(app, recorder)(scope, receive, send))
    assert b"".join(asked) == b"first second"
    assert sent[-1]["body"] == b"taken"
    (exchange,), spool = read_exchanges(tmp_path, "role")
    assert spool == b"first second"
    assert (exchange.side, exchange.method, exchange.path) == (SERVER, "PUT", "/v1/x?q=1")
    assert exchange.status == 202
    assert exchange.sent_bytes == 5
    assert exchange.received_head_bytes == len("PUT /v1/x?q=1 HTTP/1.1\r\nhost: here\r\n\r\n")


def test_what_fails_in_the_application_is_kept_as_well(tmp_path: Path):
    recorder = Recorder(tmp_path, "role")

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        raise RuntimeError("unforeseen")

    async def receive() -> Message:
        return {"type": "http.request", "body": b"half of it", "more_body": True}

    async def send(message: Message) -> None:
        del message

    scope = {"type": "http", "method": "PUT", "path": "/", "headers": []}
    with pytest.raises(RuntimeError):
        asyncio.run(Recorded(app, recorder)(scope, receive, send))
    _, spool = read_exchanges(tmp_path, "role")
    assert spool == b"half of it"


def test_what_was_received_is_on_disk_at_once(tmp_path: Path):
    recorder = Recorder(tmp_path, "role")
    for number in range(3):
        body = f"body {number}".encode()
        recorder.note(CLIENT, ("GET", "/", 200), 0, (body, 1), (0, 0))
        lines = (tmp_path / "role.jsonl").read_text().splitlines()
        assert len(lines) == number + 1
        at = json.loads(lines[-1])["received_at"]
        assert (tmp_path / "role.spool").read_bytes()[at:] == body
