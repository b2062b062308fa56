"""Serving one application on one address, in this process, until it is told to stop.

Guarantees: TLS 1.3; with `client_ca`, a caller without a certificate of that authority is refused
in the handshake, before any byte of HTTP. "listening on ..." is printed only once the socket
accepts. SIGTERM and SIGINT let requests in flight finish and the application's lifespan close; a
request that waits for something can see from `is_stopping(scope)` that it should end.
Refuses to share a port with another process, unless its own main process holds it (`hold`).
"""

import asyncio
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

from granian.constants import HTTPModes, Interfaces
from granian.errors import FatalError
from granian.server.embed import Server
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from softfall.edge.tls import TlsFiles, check_tls
from softfall.errors import OperatorError, SoftfallError

PROBE_SECONDS = 0.02
_STOPPING = "softfall.stopping"


class AddressUnusable(OperatorError):
    """The service can't listen where it was told to."""

    remedy = "Stop what listens there, or set another host or port in the configuration."


class ServiceFailed(OperatorError):
    """The service could not start, or its server ended by itself."""

    remedy = "Read the last lines of the service's log; `softfall doctor` may name the cause."


def is_stopping(scope: Scope) -> bool:
    """Whether the service was told to stop while this request is being served."""
    told = scope.get(_STOPPING)
    return isinstance(told, threading.Event) and told.is_set()


def announce(url: str) -> None:
    """Print the line that tells people and scripts that the service is ready."""
    sys.stdout.write(f"listening on {url}\n")
    sys.stdout.flush()


def serve(
    app: ASGIApp,
    host: str,
    port: int,
    cert: Path,
    key: Path,
    client_ca: Path | None = None,
    *,
    on_ready: Callable[[str], None] = announce,
    stop: threading.Event | None = None,
    shared: bool = False,
    loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None,
) -> None:
    """Serve `app` over HTTPS until SIGTERM, SIGINT or `stop`; then close it in good order.

    port: 0 takes a free one; `on_ready` is told the URL.
    client_ca: callers must present a certificate signed by this authority, for client use.
    shared: whether this is one of several workers, whose port another process holds for them.
    loop_factory: makes the event loop, where Python's own will not do.
    Raises AddressUnusable, TlsFilesUnusable, ServiceFailed, or what the lifespan raised on purpose.
    """
    check_tls(TlsFiles(cert, key, client_ca or cert), datetime.now(UTC))
    with hold(host, port, shared=shared) as held:
        held_port = held.getsockname()[1]
        serving = _Serving(app, host, held_port, cert, key, client_ca, on_ready)
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            runner.run(serving.run(stop))


def end_process() -> NoReturn:
    """End a process that has served, with exit code 0, its output flushed.

    The server's native threads may outlive `serve` for a while. An interpreter that is torn down
    under them aborts now and then (exit code -6), although everything was closed in good order: so
    the last step of such a process leaves the teardown to the operating system.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


class _Serving:
    """One run of the server."""

    def __init__(
        self,
        app: ASGIApp,
        host: str,
        port: int,
        cert: Path,
        key: Path,
        client_ca: Path | None,
        on_ready: Callable[[str], None],
    ) -> None:
        self._app = app
        self._host, self._port = host, port
        self._files = (cert, key, client_ca)
        self._on_ready = on_ready
        self._failure: BaseException | None = None
        self._started = asyncio.Event()
        self._stopping = threading.Event()

    async def run(self, stop: threading.Event | None) -> None:
        cert, key, client_ca = self._files
        server = Server(
            self._with_lifespan,
            address=self._host,
            port=self._port,
            interface=Interfaces.ASGI,
            http=HTTPModes.http1,
            websockets=False,
            log_enabled=False,
            ssl_cert=cert,
            ssl_key=key,
            ssl_ca=client_ca,
            ssl_client_verify=client_ca is not None,
        )
        # The server's own lines quote exceptions in full; ours name type and place (edge/logs.py).
        logging.getLogger("_granian").handlers.clear()
        stopping = [
            asyncio.create_task(self._tell_when_ready()),
            asyncio.create_task(self._stop_on_event(server, stop)),
        ]
        self._stop_on_signals(server)
        try:
            await server.serve()
        except FatalError:
            self._raise_failure()
        finally:
            for task in stopping:
                task.cancel()
        if not server.interrupt_signal:
            self._raise_failure()

    async def _with_lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The application; remembers why its lifespan failed, which the server does not tell."""
        if scope["type"] != "lifespan":
            scope[_STOPPING] = self._stopping
            await self._app(scope, receive, send)
            return

        async def watched(message: Message) -> None:
            await send(message)
            if message["type"] == "lifespan.startup.complete":
                self._started.set()

        try:
            await self._app(scope, receive, watched)
        except BaseException as error:
            self._failure = error
            raise

    async def _tell_when_ready(self) -> None:
        await self._started.wait()
        probe_host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self._host, self._host)  # noqa: S104 - compared, not bound
        while True:
            try:
                _, writer = await asyncio.open_connection(probe_host, self._port)
            except OSError:
                await asyncio.sleep(PROBE_SECONDS)
                continue
            writer.close()
            break
        shown = f"[{self._host}]" if ":" in self._host else self._host
        self._on_ready(f"https://{shown}:{self._port}")

    async def _stop_on_event(self, server: Server, stop: threading.Event | None) -> None:
        while stop is not None and not stop.is_set():
            await asyncio.sleep(PROBE_SECONDS)
        if stop is not None:
            self._stop(server)

    def _stop_on_signals(self, server: Server) -> None:
        if threading.current_thread() is not threading.main_thread():
            return  # a server in a thread is stopped by its event
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop, server)

    def _stop(self, server: Server) -> None:
        self._stopping.set()
        server.stop()  # type: ignore[no-untyped-call]  # the server ships this one untyped

    def _raise_failure(self) -> None:
        if isinstance(self._failure, SoftfallError):
            raise self._failure
        reason = type(self._failure).__name__ if self._failure else "the server ended by itself"
        raise ServiceFailed(f"the service stopped: {reason}") from self._failure


def hold(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """A socket bound to the port, found free; while it is open nobody unrelated can bind it.

    shared: it need not be free, since processes of this user's hold it. Raises AddressUnusable.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    held = socket.socket(family, socket.SOCK_STREAM)
    try:
        # The server shares its port with any process that asks for SO_REUSEPORT: so first see,
        # without it, that nobody is there.
        if not shared:
            with socket.socket(family, socket.SOCK_STREAM) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((host, port))
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        held.bind((host, port))
    except OSError as error:
        held.close()
        raise AddressUnusable(f"{host}:{port} can't be used: {error.strerror}") from None
    return held
