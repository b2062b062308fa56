"""The fake console as a real server: TLS, the real token, and somebody who may pull the plug."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
from fastapi import FastAPI, Request, Response
from starlette.concurrency import run_in_threadpool

from softfall.edge.console_tokens import read_console_token
from softfall.edge.serve import serve
from softfall.edge.tls import TlsFiles

from .fake_console import FakeConsole

OnRequest = Callable[[str, str], bool]


class ConsoleServer:
    """Hands requests to a `FakeConsole`.

    on_request(phase, path) is told before and after; True: nothing more is done or answered.
    """

    def __init__(self, fake: FakeConsole, token: str) -> None:
        self.fake = fake
        self.url = ""
        self.on_request: OnRequest = lambda phase, path: False
        self._token = token
        self.app = FastAPI()
        self.app.add_api_route("/{path:path}", self._take, methods=["POST", "PUT"])

    async def _take(self, path: str, request: Request) -> Response:
        assert request.headers["authorization"] == f"Bearer {self._token}"
        body = await request.body()
        asked = httpx.Request(request.method, f"https://console{request.url.path}",
                              params=dict(request.query_params), content=body)  # fmt: skip
        gone = Response(status_code=503)
        if await run_in_threadpool(self.on_request, "before", request.url.path):
            return gone
        try:
            answer = await run_in_threadpool(self.fake.answer, asked)
        except httpx.HTTPError:
            return gone
        if await run_in_threadpool(self.on_request, "after", request.url.path):
            return gone
        return Response(answer.content, answer.status_code, media_type="application/json")


@contextlib.contextmanager
def console_server(tls_dir: Path, fake: FakeConsole) -> Iterator[ConsoleServer]:
    """Serves while the block lasts."""
    made = ConsoleServer(fake, read_console_token(tls_dir))
    files = TlsFiles.of(tls_dir, "console")
    ready, stop = threading.Event(), threading.Event()

    def tell(url: str) -> None:
        made.url = url
        ready.set()

    def run() -> None:
        serve(made.app, "127.0.0.1", 0, files.certificate, files.key, on_ready=tell, stop=stop)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert ready.wait(60)
        yield made
    finally:
        stop.set()
        thread.join()
