"""Asking an application in this process, or one served over a real socket."""

import asyncio
import contextlib
import io
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from softfall.edge.logs import Logger, make_logger
from softfall.edge.serve import serve
from softfall.edge.tls import TlsFiles, init_tls

NOW = datetime.now(UTC)


def ask(app: FastAPI, method: str, path: str, **asked: Any) -> httpx.Response:
    async def once() -> httpx.Response:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.request(method, path, **asked)

    return asyncio.run(once())


class Lines:
    """A logger whose lines can be read back."""

    def __init__(self) -> None:
        self.stream = io.StringIO()
        self.log: Logger = make_logger("test", self.stream)

    @property
    def text(self) -> str:
        return self.stream.getvalue()

    def all(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]


def fresh_tls(folder: Path) -> Path:
    init_tls(folder, NOW)
    return folder


@contextlib.contextmanager
def served(app: FastAPI, tls_dir: Path, *, mutual: bool = False) -> Iterator[str]:
    """The application behind the real server, in a thread; gives its URL."""
    files = TlsFiles.of(tls_dir, "custodian" if mutual else "provider")
    ready, stop = threading.Event(), threading.Event()
    urls: list[str] = []
    failures: list[BaseException] = []

    def run() -> None:
        try:
            authority = files.authority if mutual else None
            serve(
                app, "127.0.0.1", 0, files.certificate, files.key, authority,
                on_ready=lambda url: (urls.append(url), ready.set()), stop=stop,
            )  # fmt: skip
        except BaseException as error:
            failures.append(error)
            ready.set()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert ready.wait(60)
        if failures:
            raise failures[0]
        yield urls[0]
    finally:
        stop.set()
        thread.join()
