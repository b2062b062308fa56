"""What every answer of the console wears: headers that keep browsers strict, errors as pages.

Guarantees: every answer, whatever it is, forbids inline scripts and styles, foreign content,
framing and referrers. A browser that asks for a page gets an error as a page, with what happened
and what to do; whoever is not signed in is led to the log-in page, and back afterwards.
Source: Content Security Policy Level 3; OWASP Secure Headers Project.
"""

import json
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from softfall.console import pages

HEADERS: Final[Mapping[str, str]] = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "referrer-policy": "no-referrer",
    "permissions-policy": (
        "accelerometer=(), autoplay=(), camera=(), clipboard-read=(), display-capture=(), "
        "geolocation=(), gyroscope=(), magnetometer=(), microphone=(), midi=(), payment=(), "
        "publickey-credentials-get=(), screen-wake-lock=(), serial=(), usb=()"
    ),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-embedder-policy": "require-corp",
    "strict-transport-security": "max-age=31536000",
    "x-frame-options": "DENY",
    "x-robots-tag": "noindex, nofollow",
}
_ENCODED: Final = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
_FIELDS: Final = frozenset({"error", "blame", "what", "remedy"})


class Dressed:
    """ASGI middleware, outermost."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = _Answer(scope, receive, send)
        await self._app(scope, receive, answer.send)


class _Answer:
    """One answer on its way out; an error's JSON is held back until it is whole."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._request = Request(scope)
        self._scope, self._receive, self._send = scope, receive, send
        self._held: Message | None = None
        self._body = b""

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), *_ENCODED]
            if message["status"] >= 400 and _is_json(message) and self._wants_page():
                self._held = message
                return
        elif self._held is not None:
            self._body += message.get("body", b"")
            if not message.get("more_body", False):
                await self._send_page(self._held)
            return
        await self._send(message)

    def _wants_page(self) -> bool:
        path = self._scope["path"]
        asks = "text/html" in self._request.headers.get("accept", "")
        return asks and not path.startswith("/v1/")

    async def _send_page(self, start: Message) -> None:
        told = json.loads(self._body)
        if not isinstance(told, dict) or not told.keys() >= _FIELDS:
            await self._send(start)
            await self._send({"type": "http.response.body", "body": self._body})
            return
        reply = self._page(told, start["status"])
        kept = [
            (name, value)
            for name, value in start["headers"]
            if name.lower() not in {b"content-type", b"content-length", b"www-authenticate"}
        ]
        reply.raw_headers.extend(kept)
        await reply(self._scope, self._receive, self._send)

    def _page(self, told: dict[str, str], status: int) -> Response:
        request = self._request
        if request.headers.get("hx-request") == "true" and request.method == "GET":
            # A part of a page can't show this: the whole page is asked for, and shows it.
            return Response(status_code=status, headers={"hx-redirect": _address(request)})
        if told["error"] == "NotSignedIn":
            wanted = request.url.path if request.method == "GET" else "/"
            return RedirectResponse(f"/login?next={quote(pages.local_path(wanted))}", 303)
        if told["error"] == "PasswordChangeDue":
            return RedirectResponse("/password", 303)
        return pages.render(request, "error.html", status, told=told, status=status)


def _address(request: Request) -> str:
    """The path and query that were asked for, if they are such as we make."""
    query = f"?{request.url.query}" if request.url.query else ""
    return pages.local_path(request.url.path + query)


def _is_json(message: Message) -> bool:
    headers: dict[bytes, bytes] = {name.lower(): value for name, value in message["headers"]}
    return headers.get(b"content-type", b"").startswith(b"application/json")
