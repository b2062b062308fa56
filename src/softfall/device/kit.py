"""What the steps of one device share: its keys, state, clocks, and way to the provider."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from softfall.config import DeviceSettings, MediaLimits
from softfall.device.attested import Attestations
from softfall.device.epochs import Epochs
from softfall.device.store import SealedStore
from softfall.device.surroundings import Surroundings
from softfall.device.timings import Timings
from softfall.device.transport import Service, Transport
from softfall.device.wallet import Wallet
from softfall.media.decode import decode
from softfall.media.pdq import PdqHash, Unhashable, pdq
from softfall.messaging.identity import Identity, verify_identity
from softfall.messaging.session.megolm import Megolm
from softfall.messaging.session.olm import Olm
from softfall.messaging.session.pins import Pins


@dataclass
class Kit:
    """One device's parts. service: what the provider last said of itself, or None.

    refresh_list: brings the device's own list up to date, as far as that goes just now.
    keeps_list: whether there is one.
    """

    account: str
    store: SealedStore
    transport: Transport
    epochs: Epochs
    surroundings: Surroundings
    settings: DeviceSettings
    limits: MediaLimits
    timings: Timings
    service: Service | None = field(default=None)
    refresh_list: Callable[[], None] = field(default=lambda: None)
    keeps_list: bool = False

    def __post_init__(self) -> None:
        self.olm = Olm(self.store, self.account)
        self.megolm = Megolm(self.store)
        self.pins = Pins(self.store)
        self.attestations = Attestations(self.store, self.surroundings, self.transport.attestation)
        self.wallet = Wallet(
            self.store, self.transport, self.surroundings, self.settings.tokens_kept
        )

    def current_service(self, fresh: bool = False) -> Service:
        """What the service offers, asked anew if `fresh` or where its manifest has run out.

        Raises what the transport raises.
        """
        known = self.service
        if (
            fresh
            or known is None
            or not Epochs.is_usable(known.manifest, self.surroundings.now_ms())
        ):
            known = self.service = self.transport.service()
        return known

    def meet(self, account: str) -> Identity:
        """Another account's pinned identity, looked up and pinned on first use.

        Raises IdentityChanged, KeySignatureBroken, or what the transport raises.
        """
        with self.store.transaction():
            known = self.pins.of(account)
        return known if known is not None else self.look_up(account)

    def look_up(self, account: str) -> Identity:
        """The identity that the directory has now, if it is the pinned one (or the first).

        Raises as `meet` does; a changed one is kept as an offer.
        """
        published = self.transport.identity(account)
        return self.pin(published.identity, published.signature, account)

    def pin(self, identity: Identity, signature: str, account: str) -> Identity:
        """Verify and pin what the directory said about `account`."""
        verified = verify_identity(
            Identity(account, identity.curve25519, identity.ed25519), signature
        )
        with self.store.transaction():
            changed = self.pins.compare(verified)
        if changed is not None:
            raise changed
        return verified

    def hash_picture(self, data: bytes) -> tuple[PdqHash | Unhashable, str]:
        """A picture's hash (or why it has none) and its format. Raises what `decode` raises."""
        picture = decode(data, self.limits)
        return pdq(picture.pixels), picture.format

    def conversation_with(self, recipients: Sequence[str]) -> str:
        """The name that a conversation has unless it is given one: the same for each member."""
        members = sorted({self.account, *recipients})
        named = b"".join(len(m.encode()).to_bytes(2, "big") + m.encode() for m in members)
        kind = "pair" if len(members) == 2 else "group"
        return f"{kind}:{hashlib.sha256(named).hexdigest()[:40]}"
