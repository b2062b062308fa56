"""One party that the provider calls over mutual TLS: every call bounded in time and in size.

Guarantees: the other party sees the provider's certificate and the bytes that it was sent: no
account, no address, no header of any device. Nothing of what it answers is believed here; of an
error it keeps the name alone. Calls wait on nobody's thread.
"""

import asyncio
import re
from dataclasses import dataclass
from pathlib import Path

import httpx

from softfall.edge.tls import client_context
from softfall.errors import UnavailableError

MAX_CONNECTIONS = 32
MAX_ERROR_BYTES = 4096
_ERROR_NAME = re.compile(r"[A-Za-z]{1,64}")


def make_client(url: str, tls_dir: Path, timeout_seconds: float) -> httpx.AsyncClient:
    """A client that shows the provider's certificate and trusts the installation's authority."""
    return httpx.AsyncClient(
        base_url=url,
        verify=client_context(tls_dir, "provider"),
        timeout=timeout_seconds,
        limits=httpx.Limits(
            max_connections=MAX_CONNECTIONS, max_keepalive_connections=MAX_CONNECTIONS
        ),
        trust_env=False,
    )


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. error: the error's name where the status is not 200."""

    status: int
    body: bytes
    error: str


@dataclass(frozen=True, slots=True)
class Link:
    """The way to one party. away: what is raised where it can't be reached or is too slow."""

    client: httpx.AsyncClient
    party: str
    away: type[UnavailableError]

    async def call(
        self,
        method: str,
        path: str,
        seconds: float,
        max_bytes: int,
        body: bytes | None = None,
        *,
        known: str = "",
    ) -> Answer:
        """One call. known: the ETag of what is here. Raises `away`; any answer is returned."""
        try:
            async with (
                asyncio.timeout(seconds),
                self.client.stream(
                    method, path, content=body, headers=_headers(body, known)
                ) as answer,
            ):
                good = answer.status_code == 200
                read = await self._read(answer, max_bytes if good else MAX_ERROR_BYTES)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            raise self.away(f"the {self.party} gave no answer: {_why(error)}") from None
        error_name = "" if good else _error_name(answer.status_code, read)
        return Answer(answer.status_code, read, error_name)

    async def _read(self, answer: httpx.Response, max_bytes: int) -> bytes:
        body = bytearray()
        async for piece in answer.aiter_bytes():
            body += piece
            if len(body) > max_bytes:
                raise self.away(f"the {self.party} answered with too much")
        return bytes(body)


def _headers(body: bytes | None, known: str) -> dict[str, str]:
    # Nothing of a device's own request is passed on; these are the same for every call.
    headers = {"user-agent": "softfall-provider", "accept-encoding": "identity"}
    if known:
        headers["if-none-match"] = known
    return headers if body is None else {**headers, "content-type": "application/cbor"}


def _error_name(status: int, body: bytes) -> str:
    """The error's name as the other gives it: a name, and nothing else of what it says."""
    try:
        name = str(httpx.Response(status, content=body).json()["error"])
    except (ValueError, KeyError, TypeError):
        return str(status)
    return name if _ERROR_NAME.fullmatch(name) else str(status)


def _why(error: Exception) -> str:
    return "too slow" if isinstance(error, TimeoutError | httpx.TimeoutException) else "unreachable"
