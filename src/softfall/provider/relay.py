"""The way to the custodian: devices' questions relayed as they are, and published epochs fetched.

Guarantees: the custodian sees the question's bytes and the provider's certificate: no account, no
address, no header of the device. Each question ends within `custodian_timeout_seconds`. Questions
wait on nobody's thread, so a slow custodian slows nothing else.
Refuses: to pass on anything that is not the option's own message, in either direction.
"""

import asyncio
import re

import httpx

from softfall.config import ProviderSettings
from softfall.edge.tls import client_context
from softfall.errors import InputError, UnavailableError
from softfall.lists.manifest import EPOCH_MANIFEST
from softfall.wire import MalformedMessage, Message

MAX_CONNECTIONS = 32
MAX_ARTEFACT_BYTES = 2**31
ARTEFACT_SECONDS = 600.0
MAX_ERROR_BYTES = 4096
_ERROR_NAME = re.compile(r"[A-Za-z]{1,64}")


class CustodianUnavailable(UnavailableError):
    """The custodian can't be reached, is too slow, or will answer no more for now."""

    remedy = "Keep asking for a while; then send the picture with the voucher that came with this."


class QuestionRefused(InputError):
    """The custodian read the question and refused it."""

    remedy = "Fetch GET /v1/service again, and ask with the current epoch and well-formed points."


def custodian_client(settings: ProviderSettings) -> httpx.AsyncClient:
    """A client that shows the provider's certificate and trusts the installation's authority."""
    return httpx.AsyncClient(
        base_url=settings.custodian_url,
        verify=client_context(settings.tls_dir, "provider"),
        timeout=settings.custodian_timeout_seconds,
        limits=httpx.Limits(
            max_connections=MAX_CONNECTIONS, max_keepalive_connections=MAX_CONNECTIONS
        ),
        trust_env=False,
    )


class Relay:
    """One option's way to the custodian."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        option: str,
        reply: Message,
        timeout_seconds: float,
    ) -> None:
        self._client = client
        self._option = option
        self._reply = reply
        self._timeout_seconds = timeout_seconds

    async def ask(self, body: bytes) -> bytes:
        """The custodian's answer to one question.

        Raises CustodianUnavailable, QuestionRefused.
        """
        answer = await self._bounded(
            "POST",
            f"/v1/options/{self._option}/answer",
            self._timeout_seconds,
            self._reply.max_bytes,
            body,
        )
        try:
            self._reply.decode(answer)
        except MalformedMessage:
            raise CustodianUnavailable("the custodian answered in another form") from None
        return answer

    async def current_manifest(self) -> bytes:
        """The newest epoch's manifest, unread. Raises CustodianUnavailable, QuestionRefused."""
        path = f"/v1/epochs/current?option={self._option}"
        return await self._bounded(
            "GET", path, self._timeout_seconds, EPOCH_MANIFEST.max_bytes, None
        )

    async def artefact(self, epoch: int) -> bytes:
        """What the provider judges by, unchecked. Raises CustodianUnavailable, QuestionRefused."""
        path = f"/v1/epochs/{epoch}/artefacts/{self._option}"
        return await self._bounded("GET", path, ARTEFACT_SECONDS, MAX_ARTEFACT_BYTES, None)

    async def _bounded(
        self, method: str, path: str, seconds: float, max_bytes: int, body: bytes | None
    ) -> bytes:
        try:
            async with (
                asyncio.timeout(seconds),
                self._client.stream(method, path, content=body, headers=_headers(body)) as answer,
            ):
                good = answer.status_code == 200
                read = await _read(answer, max_bytes if good else MAX_ERROR_BYTES)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            raise CustodianUnavailable(f"the custodian gave no answer: {_why(error)}") from None
        if good:
            return read
        if answer.status_code in (400, 404, 409, 410, 413, 422):
            raise QuestionRefused(f"the custodian refused: {_error_name(answer, read)}")
        raise CustodianUnavailable(f"the custodian answers no more: {answer.status_code}")


async def _read(answer: httpx.Response, max_bytes: int) -> bytes:
    body = bytearray()
    async for piece in answer.aiter_bytes():
        body += piece
        if len(body) > max_bytes:
            raise CustodianUnavailable("the custodian answered with too much")
    return bytes(body)


def _headers(body: bytes | None) -> dict[str, str]:
    # Nothing of the device's own request is passed on; these are the same for every question.
    headers = {"user-agent": "softfall-provider", "accept-encoding": "identity"}
    return headers if body is None else {**headers, "content-type": "application/cbor"}


def _error_name(answer: httpx.Response, body: bytes) -> str:
    """The error's name as the custodian gives it: a name, and nothing else of what it says."""
    try:
        name = str(httpx.Response(answer.status_code, content=body).json()["error"])
    except (ValueError, KeyError, TypeError):
        return str(answer.status_code)
    return name if _ERROR_NAME.fullmatch(name) else str(answer.status_code)


def _why(error: Exception) -> str:
    return "too slow" if isinstance(error, TimeoutError | httpx.TimeoutException) else "unreachable"
