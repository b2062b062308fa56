"""Trust on first use: the first identity seen for an account is pinned; a change is an error.

Guarantees: no message is encrypted to, or believed from, another identity than the pinned one.
A person who has compared fingerprints may accept the new identity; nobody else can.
"""

from softfall.errors import InputError, PeerError
from softfall.messaging.identity import Identity
from softfall.messaging.session.cells import Cells
from softfall.wire import Field, Message, Party, Text

PINNED = Message(
    "pinned identity",
    Party.DEVICE,
    (
        Field("account", Text(64), "whose"),
        Field("curve25519", Text(64), "the key of its sessions"),
        Field("ed25519", Text(64), "the key of its signatures"),
    ),
    max_bytes=512,
)

_PINS = "pins"
_OFFERED = "pins offered"


class IdentityChanged(PeerError):
    """An account shows other keys than those first seen: a new device, or someone in between."""

    remedy = "Compare fingerprints with that person; only then accept with `Device.trust`."


class FingerprintMismatch(InputError):
    """The fingerprint given is not that of the identity which is now offered."""

    remedy = "Read the twelve groups again from the other person's screen."


class Pins:
    """The pinned identities of one device."""

    def __init__(self, cells: Cells) -> None:
        self._cells = cells

    def of(self, account: str) -> Identity | None:
        """The pinned identity, or None for an account never met."""
        return self._read(_PINS, account)

    def offered(self, account: str) -> Identity | None:
        """The changed identity that waits for a person's word, if any."""
        return self._read(_OFFERED, account)

    def compare(self, identity: Identity) -> IdentityChanged | None:
        """Pin on first use; afterwards None for the same identity, and for another the error.

        identity: already verified (`verify_identity`). Another one is kept as an offer, which is
        why the error is returned: raised here, it would undo the transaction that keeps it.
        """
        known = self.of(identity.account)
        if known is None:
            self._write(_PINS, identity)
        elif known != identity:
            self._write(_OFFERED, identity)
            return IdentityChanged(f"the keys of {identity.account} have changed")
        return None

    def accept(self, account: str, fingerprint: str) -> Identity:
        """Pin the offered identity, given its fingerprint. Raises FingerprintMismatch."""
        offered = self.offered(account)
        digits = "".join(fingerprint.split())
        if offered is None or "".join(offered.fingerprint.split()) != digits:
            raise FingerprintMismatch(f"that is not the fingerprint {account} now offers")
        self._write(_PINS, offered)
        self._cells.delete(_OFFERED, account)
        return offered

    def _read(self, drawer: str, account: str) -> Identity | None:
        body = self._cells.get(drawer, account)
        return None if body is None else Identity(**PINNED.decode(body))  # type: ignore[arg-type]  # by PINNED's kinds

    def _write(self, drawer: str, identity: Identity) -> None:
        values = {
            "account": identity.account,
            "curve25519": identity.curve25519,
            "ed25519": identity.ed25519,
        }
        self._cells.put(drawer, identity.account, value=PINNED.encode(values))
