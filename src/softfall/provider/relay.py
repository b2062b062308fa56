"""The way to the custodian: devices' questions relayed as they are, and published epochs fetched.

Guarantees: the custodian sees the question's bytes and the provider's certificate: no account, no
address, no header of the device. Each question ends within `custodian_timeout_seconds`. Questions
wait on nobody's thread, so a slow custodian slows nothing else.
Refuses: to pass on anything that is not the option's own message, in either direction.
"""

import httpx

from softfall.config import ProviderSettings
from softfall.edge.custodian_tokens import custodian_token_file, read_custodian_token
from softfall.errors import InputError, UnavailableError
from softfall.lists.manifest import EPOCH_MANIFEST
from softfall.options.tokens.wire import TOKEN_REPLY, TokenRefused
from softfall.provider.link import Link, make_client
from softfall.wire import MalformedMessage, Message

MAX_ARTEFACT_BYTES = 2**31
ARTEFACT_SECONDS = 600.0


class CustodianUnavailable(UnavailableError):
    """The custodian can't be reached, is too slow, or will answer no more for now."""

    remedy = "Keep asking for a while; then send the picture with the voucher that came with this."
    party_is_away = True


class QuestionRefused(InputError):
    """The custodian read the question and refused it."""

    remedy = "Fetch GET /v1/service again, and ask with the current epoch and well-formed points."


def custodian_client(settings: ProviderSettings) -> httpx.AsyncClient:
    """A client that shows the provider's certificate, and its token where it has one, and trusts
    the installation's authority.
    """
    client = make_client(
        settings.custodian_url, settings.tls_dir, settings.custodian_timeout_seconds
    )
    if custodian_token_file(settings.tls_dir).exists():  # else hashes are refused, by name
        client.headers["authorization"] = f"Bearer {read_custodian_token(settings.tls_dir)}"
    return client


class Relay:
    """One option's way to the custodian."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        option: str,
        reply: Message | None,
        timeout_seconds: float,
    ) -> None:
        self._link = Link(client, "custodian", CustodianUnavailable)
        self._option = option
        self._reply = reply
        self._timeout_seconds = timeout_seconds

    async def ask(self, body: bytes) -> bytes:
        """The custodian's answer to one question.

        body: an `ask`. Raises CustodianUnavailable, QuestionRefused, TokenRefused.
        """
        if self._reply is None:
            raise QuestionRefused("this option asks the custodian nothing")
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

    async def issue(self, body: bytes) -> bytes:
        """The custodian's `token_reply` to one `token_request`.

        Raises CustodianUnavailable, also where the custodian has minted its day's tokens;
        QuestionRefused, TokenRefused.
        """
        seconds, max_bytes = self._timeout_seconds, TOKEN_REPLY.max_bytes
        answer = await self._bounded("POST", "/v1/tokens/issue", seconds, max_bytes, body)
        try:
            TOKEN_REPLY.decode(answer)
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
        answer = await self._link.call(method, path, seconds, max_bytes, body)
        if answer.status == 200:
            return answer.body
        if answer.status in (400, 404, 409, 410, 413, 422):
            raise QuestionRefused(f"the custodian refused: {answer.error}")
        if answer.error == TokenRefused.__name__:
            raise TokenRefused("the custodian refused the token")
        raise CustodianUnavailable(f"the custodian answers no more: {answer.status}")
