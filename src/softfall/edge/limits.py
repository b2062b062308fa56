"""Limits on requests: how many bytes, how long they may take to arrive, how many a minute.

Guarantees: a body is cut off as soon as it is over its route's limit, whether or not it said its
length; no more than the limit is ever held. Counting is per key, in memory, for one process.
Source: `limits`' sliding window counter (an approximation that never stores single requests).
"""

import asyncio
import threading
import time
from collections.abc import Callable, Mapping

from limits import RateLimitItemPerHour, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter
from starlette.requests import ClientDisconnect, HTTPConnection
from starlette.routing import compile_path
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from softfall.edge.errors import (
    ERROR_IN_SCOPE,
    RateLimited,
    RequestTooLarge,
    RequestTooSlow,
    Statuses,
    error_reply,
)

KeyOfRequest = Callable[[HTTPConnection], str]


def key_of_address(request: HTTPConnection) -> str:
    """The caller's network address: the key where nothing better is known."""
    return request.client.host if request.client else "unknown"


class AmountLimit:
    """At most `per_hour` of something a key: `limit.take(key, amount)`."""

    def __init__(self, name: str, per_hour: int) -> None:
        self._name = name
        self._item = RateLimitItemPerHour(per_hour)
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._lock = threading.Lock()

    def take(self, key: str, amount: int) -> None:
        """Count an amount; none of it where it would be too much.

        Raises RateLimited, with the seconds to wait.
        """
        with self._lock:
            if amount <= 0 or self._limiter.hit(self._item, key, cost=amount):
                return
            reset = self._limiter.get_window_stats(self._item, key).reset_time
        wait_seconds = max(1, min(3600, round(reset - time.time() + 0.5)))
        raise RateLimited(f"over {self._item.amount} {self._name} an hour", wait_seconds)


class RateLimit:
    """At most `per_minute` a key. Also for a route of its own: `limit.take(key)`."""

    def __init__(self, name: str, per_minute: int) -> None:
        self._name = name
        self._item = RateLimitItemPerMinute(per_minute)
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._lock = threading.Lock()

    def take(self, key: str, amount: int = 1) -> None:
        """Count one, or more; what is over a whole minute's limit counts as that limit.

        Raises RateLimited, with the seconds to wait.
        """
        cost = min(amount, self._item.amount)
        with self._lock:
            if self._limiter.hit(self._item, key, cost=cost):
                return
            reset = self._limiter.get_window_stats(self._item, key).reset_time
        wait_seconds = max(1, min(60, round(reset - time.time() + 0.5)))
        raise RateLimited(f"over {self._item.amount} {self._name} a minute", wait_seconds)


class Limited:
    """ASGI middleware: rate first, then the size and the time of the body."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        rate: RateLimit,
        key_of_request: KeyOfRequest,
        max_body_bytes: int,
        route_body_bytes: Mapping[str, int],
        body_seconds: float,
        statuses: Statuses,
    ) -> None:
        self._app = app
        self._rate = rate
        self._key_of_request = key_of_request
        self._max_body_bytes = max_body_bytes
        self._routes = [_compiled(route, size) for route, size in route_body_bytes.items()]
        self._body_seconds = body_seconds
        self._statuses = statuses

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request within the limits."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            self._rate.take(self._key_of_request(HTTPConnection(scope)))
        except RateLimited as error:
            scope[ERROR_IN_SCOPE] = error
            await error_reply(error, self._statuses)(scope, receive, send)
            return
        body = _Body(receive, self._limit_bytes(scope), self._body_seconds)
        body.refuse_by_length(scope)
        reply = _Reply(send, body)
        if body.refusal is None:
            try:
                await self._app(scope, body.receive, reply.send)
            except (RequestTooLarge, RequestTooSlow):
                if body.refusal is None:
                    raise
        # Whatever the route made of the broken body, the caller is told the real reason.
        if body.refusal is not None and not reply.started:
            scope[ERROR_IN_SCOPE] = body.refusal
            await error_reply(body.refusal, self._statuses)(scope, receive, send)

    def _limit_bytes(self, scope: Scope) -> int:
        for method, matches, size_bytes in self._routes:
            if method == scope["method"] and matches(scope["path"]):
                return size_bytes
        return self._max_body_bytes


async def read_body(
    headers: Mapping[bytes, bytes], receive: Receive, max_bytes: int, seconds: float
) -> bytes:
    """A request's whole body, for a route that is served outside of the framework.

    headers: with small letters. Raises RequestTooLarge, RequestTooSlow, ClientDisconnect.
    """
    if _is_told_longer(headers, max_bytes):
        raise _too_large(max_bytes)
    parts, size_bytes = list[bytes](), 0
    try:
        async with asyncio.timeout(seconds):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientDisconnect
                parts.append(message.get("body", b""))
                size_bytes += len(parts[-1])
                if size_bytes > max_bytes:
                    raise _too_large(max_bytes)
                if not message.get("more_body", False):
                    return parts[0] if len(parts) == 1 else b"".join(parts)
    except TimeoutError:
        raise _too_slow(seconds) from None


def _is_told_longer(headers: Mapping[bytes, bytes], max_bytes: int) -> bool:
    """Whether the caller says a length over the limit."""
    told = headers.get(b"content-length", b"")
    return told.isdigit() and int(told[:20]) > max_bytes


def _too_large(max_bytes: int) -> RequestTooLarge:
    return RequestTooLarge(f"the body is over {max_bytes} bytes")


def _too_slow(seconds: float) -> RequestTooSlow:
    return RequestTooSlow(f"the body took over {seconds:g} seconds")


class _Body:
    """The incoming body, counted and timed."""

    def __init__(self, receive: Receive, max_bytes: int, seconds: float) -> None:
        self._receive = receive
        self._max_bytes = max_bytes
        self._seconds = seconds
        self._deadline: float | None = None
        self._size_bytes = 0
        self._complete = False
        self.refusal: RequestTooLarge | RequestTooSlow | None = None

    def refuse_by_length(self, scope: Scope) -> None:
        """Refuse at once where the caller says a length over the limit."""
        if _is_told_longer(dict(scope["headers"]), self._max_bytes):
            self.refusal = _too_large(self._max_bytes)

    async def receive(self) -> Message:
        """The next part. Raises RequestTooLarge or RequestTooSlow."""
        if self.refusal is not None:
            raise self.refusal
        message = await (self._receive() if self._complete else self._in_time())
        if message["type"] == "http.request":
            self._complete = not message.get("more_body", False)
            self._size_bytes += len(message.get("body", b""))
            if self._size_bytes > self._max_bytes:
                self.refusal = _too_large(self._max_bytes)
                raise self.refusal
        return message

    async def _in_time(self) -> Message:
        loop = asyncio.get_running_loop()
        if self._deadline is None:
            self._deadline = loop.time() + self._seconds
        try:
            async with asyncio.timeout_at(self._deadline):
                return await self._receive()
        except TimeoutError:
            self.refusal = _too_slow(self._seconds)
            raise self.refusal from None


class _Reply:
    """The outgoing answer; held back once the body was refused."""

    def __init__(self, send: Send, body: _Body) -> None:
        self._send = send
        self._body = body
        self.started = False

    async def send(self, message: Message) -> None:
        if self._body.refusal is not None and not self.started:
            return
        self.started = True
        await self._send(message)


def _compiled(route: str, size_bytes: int) -> tuple[str, Callable[[str], object], int]:
    method, _, path = route.partition(" ")
    pattern, _, _ = compile_path(path)
    return method, pattern.match, size_bytes
