"""The provider's way to its enclave: what devices seal goes in, one byte a picture comes back.

Guarantees: the provider carries the list from the custodian to the enclave as sealed bytes that
only the attested key opens, and so never holds a hash; the enclave itself can reach nobody. After
an enclave's restart its list is fetched again by itself. A submission that was sealed to a key
which the enclave no longer has is refused when it comes in, so that its device seals it anew.
Refuses by name: EnclaveUnavailable, EnclaveRestarted.
Leaves to devices and custodian: whether the enclave is one to be trusted; each verifies that
itself, and the provider's word counts for nothing.
"""

import asyncio
from dataclasses import dataclass

import httpx
from pydantic import BaseModel, ConfigDict, ValidationError

from softfall.config import ProviderSettings
from softfall.edge.logs import Logger, failure
from softfall.errors import RefusedError, UnavailableError
from softfall.options.contract import Submission
from softfall.options.enclave import wire
from softfall.options.enclave.binding import key_digest
from softfall.provider.epochs import Epochs
from softfall.provider.link import Answer, Link, make_client
from softfall.provider.relay import CustodianUnavailable
from softfall.wire import MalformedMessage, Message

LOOK_SECONDS = 2.0
LIST_SECONDS = 600.0
MAX_STATE_BYTES = 4096


class EnclaveUnavailable(UnavailableError):
    """The enclave can't be reached, is too slow, or has no list yet."""

    remedy = "Keep asking for a while; then send the picture with the voucher that came with this."
    party_is_away = True


class EnclaveRestarted(RefusedError):
    """The submission is sealed to a key that the enclave no longer has: it lives in memory only."""

    remedy = "Fetch a fresh attestation, verify it, and seal the picture to the key that it proves."


class EnclaveState(BaseModel):
    """What the enclave says of itself: GET /v1/state."""

    model_config = ConfigDict(extra="ignore", strict=True)

    key_digest: str
    epochs: list[int]


def enclave_client(settings: ProviderSettings) -> httpx.AsyncClient:
    """A client that shows the provider's certificate and trusts the installation's authority."""
    return make_client(settings.enclave_url, settings.tls_dir, settings.enclave_timeout_seconds)


class EnclaveWay:
    """One running provider's way to its enclave."""

    def __init__(self, client: httpx.AsyncClient, timeout_seconds: float) -> None:
        self._link = Link(client, "enclave", EnclaveUnavailable)
        self._timeout_seconds = timeout_seconds
        self._key_digest: bytes | None = None

    async def attestation(self, nonce: bytes) -> bytes:
        """A fresh document for this nonce, unread. Raises EnclaveUnavailable."""
        path = f"/v1/attestation?nonce={nonce.hex()}"
        body = await self._ask("GET", path, wire.ATTESTATION)
        key = wire.octets(wire.decode(wire.ATTESTATION, body), "public_key")
        self._key_digest = key_digest(key)
        return body

    async def judge(self, question: bytes) -> bytes:
        """The answer to an `enclave_question`. Raises EnclaveUnavailable."""
        return await self._ask("POST", "/v1/judge", wire.ANSWER, question)

    async def state(self) -> EnclaveState:
        """Which key and which lists it has now. Raises EnclaveUnavailable."""
        answer = await self._link.call("GET", "/v1/state", self._timeout_seconds, MAX_STATE_BYTES)
        try:
            state = EnclaveState.model_validate_json(_good(answer))
            self._key_digest = bytes.fromhex(state.key_digest)
        except (ValidationError, ValueError):
            raise EnclaveUnavailable("the enclave's state is not in its form") from None
        return state

    async def give_list(self, sealed: bytes) -> None:
        """Hand over a list sealed to its key. Raises EnclaveUnavailable."""
        _good(await self._link.call("POST", "/v1/list", LIST_SECONDS, MAX_STATE_BYTES, sealed))

    def require_fresh(self, submission: Submission) -> None:
        """Raises EnclaveRestarted for a submission to a key that is known to be gone.

        MalformedMessage for one that is not in its form.
        """
        told = wire.octets(wire.decode(wire.SEALED, submission.body), "key_digest")
        if self._key_digest is not None and told != self._key_digest:
            raise EnclaveRestarted("the enclave has another key by now")

    async def _ask(
        self, method: str, path: str, reply: Message, body: bytes | None = None
    ) -> bytes:
        answer = await self._link.call(method, path, self._timeout_seconds, reply.max_bytes, body)
        try:
            wire.decode(reply, _good(answer))
        except MalformedMessage:
            raise EnclaveUnavailable("the enclave answered in another form") from None
        return answer.body


@dataclass(frozen=True, slots=True)
class ListCarrier:
    """Sees to it that the enclave has the list of every epoch that submissions may be for."""

    way: EnclaveWay
    custodian: Link
    timeout_seconds: float
    epochs: Epochs
    log: Logger

    async def run(self) -> None:
        """Until cancelled. Each change of fortune is logged once."""
        trouble = ""
        while True:
            try:
                await self.look()
                trouble = ""
            except Exception as error:  # the enclave or the custodian may be away
                if trouble != type(error).__name__:
                    trouble = type(error).__name__
                    self.log.warning("the enclave has no list", **failure(error))
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Carry what the enclave lacks, oldest first, as it takes them.

        One epoch's trouble (an upgraded enclave that the older one does not allow, say) keeps back
        no other. Raises the last of it: EnclaveUnavailable, CustodianUnavailable.
        """
        state = await self.way.state()
        trouble: UnavailableError | None = None
        for epoch in sorted(set(self.epochs.in_use()) - set(state.epochs)):
            try:
                await self._carry(epoch)
                self.log.info("list carried to the enclave", epoch=epoch)
            except UnavailableError as error:
                trouble = error
        if trouble is not None:
            raise trouble

    async def _carry(self, epoch: int) -> None:
        seconds = self.timeout_seconds
        path = "/v1/options/enclave"
        asked = await self.custodian.call("POST", f"{path}/nonce", seconds, wire.NONCE_BYTES, b"")
        nonce = _good(asked, CustodianUnavailable)
        request = wire.LIST_REQUEST.encode(
            {
                "version": wire.VERSION,
                "epoch": epoch,
                "attestation": await self.way.attestation(nonce),
            }
        )
        sealed = await self.custodian.call(
            "POST", f"{path}/list", LIST_SECONDS, wire.LIST_SEALED.max_bytes, request
        )
        await self.way.give_list(_good(sealed, CustodianUnavailable))


def _good(answer: Answer, away: type[UnavailableError] = EnclaveUnavailable) -> bytes:
    if answer.status != 200:
        raise away(f"it was refused: {answer.error}")
    return answer.body
