"""Who plays in one option's run, and how one message goes through: the same for every option.

Guarantees: each party is a process of its own; a message's fate is read from the provider's own
record (staff route) and from what the recipient's app shows, never inferred. What arrives although
it was held is noticed, however late. The witness's own questions are kept out of the figures.
"""

import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import httpx

from softfall.compare.declared import Declared
from softfall.compare.plan import Kind, Turn
from softfall.compare.processes import PartyFailed, PartyProcess, Stage
from softfall.compare.results import BlastRadius, Outcome, Setup

if TYPE_CHECKING:
    from softfall.compare.blast import Loot

SENDER: Final = "sender"
RECIPIENT: Final = "recipient"
PATCHED: Final = "patched sender"
COLLUDER: Final = "colluding recipient"
PROVIDER: Final = "provider"
CUSTODIAN: Final = "custodian"
DEALER: Final = "dealer"
ENCLAVE: Final = "enclave"
KEYHOLDER: Final = "keyholder"
SERVICES: Final = (PROVIDER, CUSTODIAN, DEALER, ENCLAVE, KEYHOLDER)
DEVICES: Final = {SENDER: "ana", RECIPIENT: "ben", PATCHED: "pat", COLLUDER: "col"}
HONEST_DEVICES: Final = (SENDER, RECIPIENT)

POLL_SECONDS: Final = 0.02
FATE_SECONDS: Final = 30.0

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Place:
    """Where an option's run keeps its things. views: the recordings. list_file: one hash a line."""

    folder: Path
    views: Path
    list_file: Path
    staff_token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Fate:
    """What the provider's record says: where a message is, why, and how long that took.

    decided_ms is None where the provider decides before it answers.
    """

    delivered: bool
    held: bool
    reason: str
    decided_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Played:
    """One message as it went. Times in ms; cpu_ms by role. start_ns to end_ns: monotonic clock."""

    message_id: str
    outcome: Outcome
    reason: str
    sender_ms: float
    verdict_ms: float
    recipient_ms: float
    cpu_ms: Mapping[str, float]
    start_ns: int
    end_ns: int


class Cast(Protocol):
    """One option's parties. `begin` starts what takes long; `finish` waits and connects.

    name: of the cast; option: what services and devices call the option: the same for two casts
    where one option is cast in two modes. submits: whether devices hand something over for
    matching, and could lie about it.
    """

    name: str
    option: str
    summary: str
    submits: bool
    parties: dict[str, PartyProcess]

    @property
    def limits(self) -> Sequence[str]:
        """What the option can't do, as its own modules say."""

    @property
    def declared(self) -> Declared:
        """What each party may receive."""

    @property
    def parameters(self) -> Mapping[str, int | str | float]:
        """What the run was made with."""

    def begin(self, stage: Stage, place: Place) -> None:
        """Start the services."""

    def finish(self, stage: Stage, progress: Progress) -> list[Setup]:
        """Wait for the services, start and connect the devices; what that took."""

    def fate(self, message_id: str) -> Fate | None:
        """The provider's record of one message; None while it is not decided."""

    def worst_compromise(self, loot: "Loot") -> BlastRadius | None:
        """What one theft opens, once all is said; None where the cast carries none out."""


class Play:
    """Plays turns through one cast, one at a time."""

    def __init__(self, cast: Cast, pictures: Sequence[tuple[Path, str, str]], decoy: Path) -> None:
        """pictures: for each picture of the conversation its file, its type, its SHA-256 in hex.

        decoy: an unlisted picture's file, for cheats that hand over another picture's tags.
        """
        self._decoy = decoy
        self._cast = cast
        self._pictures = pictures
        self._unexpected: dict[str, dict[str, Any]] = {}
        self._witness_cpu_ms = 0.0

    def turn(self, turn: Turn) -> Played:
        """Send one message, and see what becomes of it. Raises PartyFailed."""
        colluding, patched = turn.kind is Kind.COLLUDING, turn.kind is Kind.CHEAT
        sender = PATCHED if patched or colluding else SENDER
        recipient = COLLUDER if colluding else RECIPIENT
        parties = self._cast.parties
        self._witness_cpu_ms = 0.0
        before = {role: party.cpu_ms() for role, party in parties.items()}
        start_ns = time.monotonic_ns()
        answer = parties[sender].ask("send", **self._message(turn, DEVICES[recipient]))
        sent_ns = time.monotonic_ns()
        fate = None if answer["refused"] else self._await_fate(answer["id"])
        decided_ns = time.monotonic_ns()
        event, recipient_ms = None, 0.0
        if fate is not None and fate.delivered:
            event, recipient_ms = self._await_arrival(recipient, answer["id"])
        cpu_ms = {role: party.cpu_ms() - before[role] for role, party in parties.items()}
        cpu_ms[PROVIDER] = max(0.0, cpu_ms[PROVIDER] - self._witness_cpu_ms)
        outcome, reason = _outcome(answer["refused"], fate, event, self._sha256(turn))
        waited_ms = (decided_ns - sent_ns) / 1e6 if fate is not None else 0.0
        return Played(
            message_id=answer["id"],
            outcome=outcome,
            reason=reason,
            sender_ms=(sent_ns - start_ns) / 1e6,
            verdict_ms=waited_ms if fate is None or fate.decided_ms is None else fate.decided_ms,
            recipient_ms=recipient_ms,
            cpu_ms=cpu_ms,
            start_ns=start_ns,
            end_ns=time.monotonic_ns(),
        )

    def amend(self, played: Sequence[Played]) -> list[Played]:
        """The same, after a last look into every mailbox: nothing held may have slipped through."""
        for role in (RECIPIENT, COLLUDER):
            self._sync(role)
        return [
            replace(each, outcome=Outcome.SHOWN, reason="arrived late")
            if self._unexpected.get(each.message_id, {}).get("shown")
            else each
            for each in played
        ]

    def _message(self, turn: Turn, to: str) -> dict[str, Any]:
        message: dict[str, Any] = {"to": to, "text": turn.text}
        if turn.picture is not None:
            path, mime, _ = self._pictures[turn.picture]
            message |= {"picture": str(path), "mime": mime}
        if turn.cheat is not None:
            message |= {"cheat": turn.cheat.name.lower(), "decoy": str(self._decoy)}
        if turn.kind is Kind.COLLUDING:
            message |= {"colluding": True, "decoy": str(self._decoy)}
        return message

    def _sha256(self, turn: Turn) -> str:
        return "" if turn.picture is None else self._pictures[turn.picture][2]

    def _await_fate(self, message_id: str) -> Fate | None:
        provider = self._cast.parties[PROVIDER]
        until = time.monotonic() + FATE_SECONDS
        while time.monotonic() < until:
            before_ms = provider.cpu_ms()
            fate = self._cast.fate(message_id)
            self._witness_cpu_ms += provider.cpu_ms() - before_ms
            if fate is not None:
                return fate
            time.sleep(POLL_SECONDS)
        return None

    def _await_arrival(self, role: str, message_id: str) -> tuple[dict[str, Any] | None, float]:
        until = time.monotonic() + FATE_SECONDS
        spent_ms = 0.0
        while time.monotonic() < until:
            spent_ms += self._sync(role)
            if message_id in self._unexpected:
                return self._unexpected.pop(message_id), spent_ms
            time.sleep(POLL_SECONDS)
        return None, spent_ms

    def _sync(self, role: str) -> float:
        answer = self._cast.parties[role].ask("sync")
        for event in answer["events"]:
            self._unexpected[event["id"]] = event
        took_ms: float = answer["ms"]
        return took_ms


class StaffClient:
    """The witness's own way to a provider: staff routes, which no view counts."""

    def __init__(self, url: str, authority: Path, token: str) -> None:
        context = ssl.create_default_context(cafile=str(authority))
        headers = {"authorization": f"Bearer {token}"}
        self._http = httpx.Client(base_url=url, verify=context, headers=headers, timeout=30.0)

    def get(self, path: str) -> dict[str, Any] | None:
        """The JSON of one route; None where there is nothing yet. Raises PartyFailed."""
        try:
            response = self._http.get(path)
        except httpx.TransportError as error:
            raise PartyFailed(f"the provider gave no answer: {type(error).__name__}") from None
        if response.status_code == httpx.codes.NOT_FOUND:
            return None
        if response.is_error:
            raise PartyFailed(f"the provider's staff route answered {response.status_code}")
        found: dict[str, Any] = response.json()
        return found

    def wait_for(
        self,
        path: str,
        accepted: Callable[[dict[str, Any]], bool],
        seconds: float = FATE_SECONDS,
    ) -> float:
        """Ask until the answer is accepted; the seconds that took. Raises PartyFailed."""
        start = time.monotonic()
        while time.monotonic() < start + seconds:
            found = self.get(path)
            if found is not None and accepted(found):
                return time.monotonic() - start
            time.sleep(POLL_SECONDS)
        raise PartyFailed(f"the provider's {path} did not come to be as awaited")


def _outcome(
    refused: str, fate: Fate | None, event: dict[str, Any] | None, sha256: str
) -> tuple[Outcome, str]:
    if refused:
        return Outcome.REFUSED, refused
    if fate is None:
        return Outcome.LOST, "the provider did not decide"
    if fate.held:
        return Outcome.HELD, fate.reason
    if event is None:
        return Outcome.LOST, f"delivered, never arrived: {fate.reason}"
    if not event["shown"]:
        return Outcome.QUARANTINED, str(event["reason"])
    if event["picture_sha256"] != sha256:
        return Outcome.LOST, "something else was shown than what was sent"
    return Outcome.SHOWN, fate.reason
