"""What every Softfall service wears: error answers, limits, logs without content, figures, health.

Guarantees: each request is answered once, in JSON where it fails; an exception that nobody foresaw
is answered as InternalError, logged by type and place, and goes no further.
`/v1/health` says that the service can work; `/metrics` is for Prometheus.
"""

import logging
import secrets
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

from fastapi import FastAPI, Response
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from softfall import __version__
from softfall.edge.errors import (
    EDGE_STATUSES,
    ERROR_IN_SCOPE,
    ErrorReply,
    InternalError,
    Statuses,
    error_reply,
    install_error_replies,
)
from softfall.edge.limits import KeyOfRequest, Limited, RateLimit, key_of_address
from softfall.edge.logs import Logger, failure, make_logger
from softfall.edge.metrics import CONTENT_TYPE, Metrics
from softfall.errors import Blame, SoftfallError

BODY_SECONDS = 60.0
METHODS = frozenset({"GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"})

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def make_app(
    title: str,
    description: str,
    *,
    max_body_bytes: int,
    requests_per_minute: int,
    route_body_bytes: Mapping[str, int] | None = None,
    key_of_request: KeyOfRequest = key_of_address,
    body_seconds: float = BODY_SECONDS,
    statuses: Statuses | None = None,
    health: Callable[[], Mapping[str, str | int | bool]] = dict,
    metrics: Metrics | None = None,
    log: Logger | None = None,
    lifespan: Lifespan | None = None,
    docs_url: str | None = "/docs",
) -> FastAPI:
    """An application with everything but its routes.

    max_body_bytes: of any request; route_body_bytes: exceptions, by "METHOD /path/{template}".
    requests_per_minute: for each key that `key_of_request` names.
    body_seconds: how long one body may take to arrive.
    statuses: HTTP status by class of error, where the blame's own will not do.
    health: more facts for /v1/health; it may raise an UnavailableError or OperatorError.
    docs_url: of the page that shows the OpenAPI document, which needs scripts from elsewhere.
    """
    known = {**EDGE_STATUSES, **(statuses or {})}
    figures = metrics or Metrics()
    any_error: dict[int | str, dict[str, Any]] = {
        "default": {"model": ErrorReply, "description": "Any error"}
    }
    app = FastAPI(
        title=title, description=description, version=__version__, lifespan=lifespan,
        docs_url=docs_url, redoc_url=None, responses=any_error,
    )  # fmt: skip
    install_error_replies(app, known)
    rate = RateLimit("requests", requests_per_minute)
    app.add_middleware(
        Limited, rate=rate, key_of_request=key_of_request, max_body_bytes=max_body_bytes,
        route_body_bytes=route_body_bytes or {}, body_seconds=body_seconds, statuses=known,
    )  # fmt: skip
    app.add_middleware(Observed, log=log or make_logger(title), metrics=figures, statuses=known)
    _add_routes(app, figures, health)
    return app


def _add_routes(
    app: FastAPI, figures: Metrics, health: Callable[[], Mapping[str, str | int | bool]]
) -> None:
    @app.get("/v1/health", summary="Can this service work?", tags=["service"])
    def read_health() -> dict[str, str | int | bool]:
        return {"ok": True, **health()}

    @app.get(
        "/metrics",
        summary="Figures for Prometheus",
        response_class=Response,
        responses={200: {"content": {"text/plain": {}}, "description": "Prometheus' text format"}},
        tags=["service"],
    )
    def read_metrics() -> Response:
        return Response(figures.exposition(), media_type=CONTENT_TYPE)


class Observed:
    """ASGI middleware, outermost: counts and logs each request, and stops stray exceptions."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        log: Logger,
        metrics: Metrics,
        statuses: Statuses,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._app = app
        self._log = log
        self._metrics = metrics
        self._statuses = statuses
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        seen = _Seen(receive, send, secrets.token_hex(8))
        start = self._clock()
        told: dict[str, Any] = {}
        try:
            await self._app(scope, seen.receive, seen.send)
        except ClientDisconnect as error:  # nobody is there to be answered; no fault of ours
            told = failure(error)
        except Exception as error:  # the last line of defence: told by type and place only
            told = failure(error)
            if not seen.status:
                reply = error_reply(InternalError("unforeseen"), self._statuses)
                await reply(scope, seen.receive, seen.send)
        self._tell(scope, seen, self._clock() - start, told or _named(scope))

    def _tell(self, scope: Scope, seen: "_Seen", seconds: float, told: dict[str, Any]) -> None:
        method = scope["method"] if scope["method"] in METHODS else "other"
        route = _template(scope)
        self._metrics.count(method, route, seen.status, seconds, seen.bytes_in, seen.bytes_out)
        self._log.log(
            logging.ERROR if seen.status >= 500 else logging.INFO,
            "request",
            request_id=seen.request_id,
            method=method,
            route=route,
            status=seen.status,
            duration_ms=round(seconds * 1000, 1),
            bytes_in=seen.bytes_in,
            bytes_out=seen.bytes_out,
            **told,
        )


class _Seen:
    """One request's streams, counted as they pass."""

    def __init__(self, receive: Receive, send: Send, request_id: str) -> None:
        self._receive = receive
        self._send = send
        self.request_id = request_id
        self.status = 0
        self.bytes_in = 0
        self.bytes_out = 0

    async def receive(self) -> Message:
        message = await self._receive()
        self.bytes_in += len(message.get("body", b""))
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = [
                *message.get("headers", ()),
                (b"x-request-id", self.request_id.encode()),
                (b"x-content-type-options", b"nosniff"),
            ]
            if not any(name.lower() == b"cache-control" for name, _ in headers):
                headers.append((b"cache-control", b"no-store"))
            message["headers"] = headers
        self.bytes_out += len(message.get("body", b""))
        await self._send(message)


def _named(scope: Scope) -> dict[str, Any]:
    """The error that was answered, by name; what an operator must mend, in full."""
    error = scope.get(ERROR_IN_SCOPE)
    if not isinstance(error, SoftfallError):
        return {}
    mend = {"what": error.what} if error.blame is Blame.OPERATOR else {}
    return {"error": error.name, **mend}


def _template(scope: Scope) -> str:
    """The route as declared, `/v1/envelopes/{id}`: what was asked for stays out of the logs."""
    path = getattr(scope.get("route"), "path", None)
    return path if isinstance(path, str) else "unrouted"
