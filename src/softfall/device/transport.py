"""The device's way to the provider: one port, what crosses it, and how it fails.

Guarantees: a device knows its provider by this port alone. `device/https.py` is its real form;
`softfall.testing.provider` has one that needs no network.
Everything that comes back is unverified here; signatures and commitments are checked where used.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from softfall.device.outcomes import Reported
from softfall.errors import InputError, OperatorError, PeerError, RefusedError, UnavailableError
from softfall.messaging.identity import Identity, SignedKey

_NAME = re.compile(r"[A-Z][A-Za-z]{2,47}")


class ServiceUnreachable(UnavailableError):
    """The provider gave no answer, was too slow, or asked to come back later."""

    remedy = "Wait for the network; what was queued goes out with the next `sync`."


class CustodianAway(UnavailableError):
    """The provider could not reach the custodian, or its enclave; its voucher came along."""

    remedy = "The device keeps trying for device.media_wait_seconds, then sends unchecked."

    def __init__(self, what: str, voucher: bytes) -> None:
        super().__init__(what)
        self.voucher = voucher


class BadServiceReply(PeerError):
    """The provider answered with something that its interface does not have."""

    remedy = "Check the provider's version and address; nothing of the answer was used."


class BadServiceAddress(OperatorError):
    """The provider's address or the authority's certificate can't be used."""

    remedy = "Give an https:// address and the ca.crt that belongs to it."


class SaidByService(Exception):
    """What is common to errors that the provider named; `name` is that name (docs/errors.md)."""

    def __init__(self, what: str, name: str) -> None:
        super().__init__(what)
        self.remote_name = name if _NAME.fullmatch(name) else type(self).__name__

    @property
    def name(self) -> str:
        """The provider's own name for it."""
        return self.remote_name


class RequestRejected(SaidByService, InputError):
    """The provider found a fault in what this device sent."""

    remedy = "Do what the provider's own words advise; nothing was changed."


class AccusedByService(SaidByService, PeerError):
    """The provider says that something which this device sent proves cheating."""

    remedy = "Check for an altered app or state; what was sent was not used."


class RefusedByService(SaidByService, RefusedError):
    """A rule or a limit of the provider says no."""

    remedy = "Do what the provider's own words advise; the rule is its operator's."


@dataclass(frozen=True, slots=True)
class Service:
    """What GET /v1/service says. manifest: signed by the custodian, unverified here; or None."""

    option: str
    epoch: int
    manifest: bytes | None
    custodian_outage_rule: str
    max_envelope_bytes: int
    max_attachment_bytes: int
    server_time_ms: int


@dataclass(frozen=True, slots=True)
class Published:
    """An account's identity as the directory has it, unverified here."""

    identity: Identity
    signature: str


@dataclass(frozen=True, slots=True)
class Claimed:
    """An account's identity and one of its one-time keys, unverified here."""

    published: Published
    one_time_key: SignedKey


Clearance = Literal["cleared", "blocked", "later"]


class Transport(Protocol):
    """What a device asks of its provider. Every call may raise ServiceUnreachable or an error that
    the provider names (RequestRejected, AccusedByService, RefusedByService), or BadServiceReply.
    """

    def service(self) -> Service:
        """What the service offers, and the epoch in use."""

    def register(self, published: Published, token: str, registration_token: str) -> None:
        """Take the account's name; `token` is this device's own choice, so it may ask again."""

    def publish_keys(self, keys: Sequence[SignedKey]) -> None:
        """Add one-time keys."""

    def key_count(self) -> int:
        """One-time keys left."""

    def identity(self, account: str) -> Published:
        """Another account's identity."""

    def claim(self, account: str) -> Claimed:
        """Another account's identity and one of its one-time keys."""

    def ask(self, option: str, question: bytes) -> bytes:
        """The custodian's answer to an `ask`, relayed. Raises CustodianAway."""

    def clear(self, option: str, submission: bytes, received: bool = False) -> Clearance:
        """Whether a candidate's message may be sent. submission: a `submission` message.

        received: the picture came from somebody else, unchecked; whether it may be shown.
        """

    def attestation(self, nonce: bytes) -> bytes:
        """The enclave's `enclave_attestation` for 32 fresh bytes. Raises CustodianAway."""

    def issue_tokens(self, request: bytes) -> bytes:
        """The custodian's `token_reply` to a `token_request`, relayed. Raises CustodianAway."""

    def put_attachment(self, sha256: bytes, body: bytes) -> None:
        """Upload an encrypted file."""

    def get_attachment(self, sha256: bytes) -> bytes:
        """Fetch an encrypted file."""

    def get_list(self, path: str, start: int) -> Iterator[bytes]:
        """A file of the on-device list, in pieces, from byte `start` on; it may end early.

        What goes wrong may be raised with any piece. Closing the iterator lets go.
        """

    def post_envelope(self, envelope: bytes) -> None:
        """Send a message; harmless to repeat with the same bytes."""

    def mailbox(self, after: int, wait_seconds: float) -> bytes:
        """A `mailbox` message."""

    def acknowledge(self, through: int) -> None:
        """Everything up to this sequence is safe here."""

    def notices(self) -> bytes:
        """A `notices` message: what was decided, as far as it was not acknowledged."""

    def acknowledge_notices(self, through: int) -> None:
        """Every notice up to this sequence is safe here."""

    def appeal(self, notice_id: bytes, text: str) -> None:
        """Ask for another look at a decision; harmless to repeat with the same text."""

    def report(self, body: bytes) -> Reported:
        """File a `report`; harmless to repeat with the same bytes."""

    def close(self) -> None:
        """Let go of connections."""
