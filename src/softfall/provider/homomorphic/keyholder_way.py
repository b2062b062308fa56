"""The provider's way to its keyholder: signed lists and hints go there, masked values come and go.

Guarantees: what is sent is what `options/homomorphic` makes for the keyholder and what the
custodian signed; no account, no address, no header of a device. Every call is bounded in time and
size. What can be tried anew with fresh material is told apart from what can't, by name.
Refuses by name: KeyholderUnavailable.
"""

import asyncio
from dataclasses import dataclass
from typing import Final, Literal

import httpx
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from softfall.config import ProviderSettings
from softfall.errors import UnavailableError
from softfall.options.homomorphic import wire
from softfall.provider.link import Answer, Link, make_client
from softfall.wire import Value

MAX_STATE_BYTES: Final = 16 * 2**20
CARRY_SECONDS: Final = 60.0
STATE_SECONDS: Final = 2.0

# How long a question may be to be answered in `keyholder_timeout_seconds`: about ten million rows,
# of all its queries together. A longer one gets as many times that, up to a limit.
_IN_TIME_BYTES: Final = {"begin": 16 * 2**20, "finish": 2 * 2**20}
_MAX_TIMES: Final = 8.0

Step = Literal["begin", "finish"]
_REPLIES: Final = {"begin": wire.BEGUN, "finish": wire.FINISHED}

# The keyholder can't go on with these serials, or has begun anew since: nothing was told.
_BEGIN_ANEW: Final = frozenset({"RunExpired", "RunUnknown", "MaterialSpent", "MaterialUnknown"})
_REFUSED: Final = frozenset({400, 403, 413, 422})
_OTHER_LIST: Final = frozenset({"EpochNotHere", "HintsMissing", "WrongListVersion"})


class KeyholderUnavailable(UnavailableError):
    """The keyholder can't be reached, is too slow, or answers no more for now."""

    remedy = "Check the keyholder where keyholder_url says; pictures wait, and nothing was lost."


class StaleRun(Exception):
    """Internal: the keyholder can't use these serials; begin anew with fresh material."""

    def __init__(self, error: str) -> None:
        super().__init__(error)
        self.error = error


class RunRefused(Exception):
    """Internal: the keyholder won't answer this, and would not if it were asked anew."""


class OtherList(Exception):
    """Internal: the keyholder has not this list version (any more, or yet)."""


class HeldList(BaseModel):
    """One list version at the keyholder. missing: SHA-256 of hints, in hex."""

    model_config = ConfigDict(extra="ignore", strict=True)

    epoch: int
    list_version: int
    missing: list[str] = Field(default_factory=list)


class KeyholderState(BaseModel):
    """What the keyholder says of itself: GET /v1/state."""

    model_config = ConfigDict(extra="ignore", strict=True)

    lists: list[HeldList]

    def held(self, epoch: int, list_version: int) -> HeldList | None:
        """What it has of a version; None: it does not know it."""
        same = (each for each in self.lists if each.epoch == epoch)
        return next((each for each in same if each.list_version == list_version), None)


def keyholder_client(settings: ProviderSettings) -> httpx.AsyncClient:
    """A client that shows the provider's certificate and trusts the installation's authority."""
    seconds = settings.keyholder_timeout_seconds * _MAX_TIMES  # each call has a limit of its own
    return make_client(settings.keyholder_url, settings.tls_dir, seconds)


@dataclass(frozen=True, slots=True)
class KeyholderWay:
    """One running provider's way to its keyholder. timeout_seconds: for a short question."""

    link: Link
    timeout_seconds: float

    @classmethod
    def to(cls, client: httpx.AsyncClient, timeout_seconds: float) -> "KeyholderWay":
        """Over this client."""
        return cls(Link(client, "keyholder", KeyholderUnavailable), timeout_seconds)

    async def ask(self, step: Step, body: bytes) -> bytes:
        """The answer to one step of a run.

        Raises KeyholderUnavailable, StaleRun, OtherList, RunRefused.
        """
        times = min(_MAX_TIMES, max(1.0, len(body) / _IN_TIME_BYTES[step]))
        seconds, limit = self.timeout_seconds * times, _REPLIES[step].max_bytes
        answer = await self.link.call("POST", f"/v1/{step}", seconds, limit, body)
        if answer.status == httpx.codes.OK:
            return answer.body
        if answer.error in _BEGIN_ANEW:
            raise StaleRun(answer.error)
        if answer.error in _OTHER_LIST:
            raise OtherList(answer.error)
        if answer.status in _REFUSED:
            raise RunRefused(answer.error)
        raise KeyholderUnavailable(f"the keyholder answers no more: {answer.error}")

    async def state(self) -> KeyholderState:
        """Which list versions it has, and what they lack. Raises KeyholderUnavailable."""
        seconds = min(STATE_SECONDS, self.timeout_seconds)
        answer = await self.link.call("GET", "/v1/state", seconds, MAX_STATE_BYTES)
        try:
            return KeyholderState.model_validate_json(_good(answer))
        except ValidationError:
            raise KeyholderUnavailable("the keyholder's state is not in its form") from None

    async def give_list(self, manifest: bytes, signed: bytes) -> HeldList:
        """Hand a signed list version over; what it lacks still. Raises KeyholderUnavailable."""
        carried: dict[str, Value] = {"manifest": manifest, "list_version": signed}
        body = wire.LIST_CARRIED.encode({"version": wire.VERSION, **carried})
        answer = await self.link.call("POST", "/v1/lists", CARRY_SECONDS, MAX_STATE_BYTES, body)
        try:
            return HeldList.model_validate_json(_good(answer))
        except ValidationError:
            raise KeyholderUnavailable("the keyholder's answer is not in its form") from None

    async def give_hint(self, sha256: str, body: bytes) -> None:
        """Hand one hint over. Raises KeyholderUnavailable."""
        path = f"/v1/hints/{sha256}"
        _good(await self.link.call("PUT", path, CARRY_SECONDS, MAX_STATE_BYTES, body))


@dataclass(frozen=True, slots=True)
class WaitingWay:
    """The same, for a thread that may wait. loop: where the client lives."""

    way: KeyholderWay
    loop: asyncio.AbstractEventLoop

    def ask(self, step: Step, body: bytes) -> bytes:
        """As `KeyholderWay.ask`."""
        return asyncio.run_coroutine_threadsafe(self.way.ask(step, body), self.loop).result()

    def is_there(self) -> bool:
        """Whether it answers at all; costs no dealt material."""
        try:
            asyncio.run_coroutine_threadsafe(self.way.state(), self.loop).result()
        except KeyholderUnavailable:
            return False
        return True


def _good(answer: Answer) -> bytes:
    if answer.status not in (httpx.codes.OK, httpx.codes.NO_CONTENT):
        raise KeyholderUnavailable(f"it was refused: {answer.error}")
    return answer.body
