"""A device: one account, its sealed state, one pipeline out and one in.

Guarantees: state is encrypted at rest and survives a restart and kill -9 at any instant: no message
is sent twice, shown twice or lost once `send_*` or `sync` has it on disk. Only one process has a
device open. No list entry ever reaches it.
Refuses: a wrong secret, a home in use, damaged state, each by name. See `outgoing` and `incoming`.
Limits: one device an account; a device's calls take turns (a lock), so give each thread its own
device or expect to wait.
"""

import base64
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from softfall.config import DeviceSettings, MediaLimits
from softfall.device import keyring
from softfall.device.epochs import Epochs
from softfall.device.https import HttpTransport
from softfall.device.incoming import Finding, Incoming, arrival_of
from softfall.device.keyring import Secret
from softfall.device.kit import Kit
from softfall.device.letters import File
from softfall.device.list_fetch import Progress
from softfall.device.lists import ListStatus, check_root
from softfall.device.mailroom import Mailroom
from softfall.device.options import HalfFactory, HalfPorts, make_half
from softfall.device.outcomes import Arrival, Quarantined, SendOutcome, Shown
from softfall.device.outgoing import Outgoing
from softfall.device.own_list import OwnList
from softfall.device.profile import (
    Profile,
    make_store,
    open_store,
    read_profile,
    write_profile,
)
from softfall.device.safeguards import Safeguards
from softfall.device.store import SealedStore
from softfall.device.surroundings import REAL, Surroundings
from softfall.device.timings import Timings
from softfall.device.transport import BadServiceAddress, Published, Transport
from softfall.errors import SoftfallError, UnavailableError
from softfall.lists.manifest import read
from softfall.messaging.envelope import CONTENT
from softfall.messaging.franking import Receipt
from softfall.messaging.identity import Identity
from softfall.messaging.session.cells import StateDamaged

MAX_WAIT_SECONDS = 30.0


def by_https(profile: Profile) -> Transport:
    """The provider as real devices reach it."""
    return HttpTransport(profile.provider_url, profile.authority_pem, profile.token)


@dataclass(frozen=True, slots=True)
class Parts:
    """What a device is put together from: tests and the plays of cheats swap parts here only."""

    connect: Callable[[Profile], Transport] = by_https
    make_half: HalfFactory = make_half
    outgoing: type[Outgoing] = Outgoing
    incoming: type[Incoming] = Incoming
    surroundings: Surroundings = REAL
    limits: MediaLimits = field(default_factory=MediaLimits)


HONEST = Parts()


class Device(Safeguards):
    """One account on this machine; made by `create` or `open`, closed by `close`.

    What a person can do about what came is in `safeguards`.
    """

    def __init__(
        self,
        home: Path,
        lock: IO[bytes],
        store: SealedStore,
        profile: Profile,
        settings: DeviceSettings,
        parts: Parts,
    ) -> None:
        self._lock, self._store = lock, store
        self._profile, self._settings, self._parts = profile, settings, parts
        self._turn = threading.RLock()
        around = parts.surroundings
        ports = HalfPorts()
        self._kit = Kit(
            account=profile.account,
            store=store,
            transport=parts.connect(profile),
            epochs=Epochs(store, profile.custodian_key, parts.make_half, ports),
            surroundings=around,
            settings=settings,
            limits=parts.limits,
            timings=Timings(around.monotonic_ms),
        )
        ports.attested = self._kit.attestations.of
        self._lists = OwnList(home, profile, settings, self._kit, ports)
        self._outgoing = parts.outgoing(self._kit)
        self._incoming = parts.incoming(self._kit)
        super().__init__(self._kit, self._incoming.shelf, self._turn)
        self._mailroom = Mailroom(self._kit, self._incoming, self._contacts, self._notices)

    @classmethod
    def create(
        cls,
        home: Path,
        secret: Secret,
        account: str,
        provider_url: str,
        ca_file: Path,
        custodian_key: bytes,
        settings: DeviceSettings | None = None,
        *,
        list_root: bytes = b"",
        registration_token: str = "",
        parts: Parts = HONEST,
    ) -> "Device":
        """A new account, registered, with its keys published.

        secret: a passphrase (str) or a 32-byte key (bytes). custodian_key: Ed25519, 32 bytes.
        list_root: the custodian's 1.root.json, for the option `on_device`; empty: no list is kept.
        One that was cut off before it registered goes on where it stopped.
        Raises HomeInUse, HomeNotEmpty, WrongSecret, BadServiceAddress, ListRootUnusable, or what
        registering raises.
        """
        if list_root:
            check_root(list_root)
        try:
            authority = ca_file.read_text("ascii")
        except (OSError, UnicodeDecodeError):
            raise BadServiceAddress(f"{ca_file} can't be read") from None
        token = base64.urlsafe_b64encode(parts.surroundings.random_bytes(32)).rstrip(b"=").decode()
        profile = Profile(
            account, provider_url, authority, custodian_key, token, list_root=list_root
        )
        lock = keyring.lock_home(home)
        store: SealedStore | None = None
        try:
            store = make_store(home, secret, profile, parts.surroundings)
            profile = read_profile(store)
            device = cls(home, lock, store, profile, settings or DeviceSettings(), parts)
            device._register(registration_token)
            device._lists.start()
            return device
        except BaseException:
            _let_go(lock, store)
            raise

    @classmethod
    def open(
        cls,
        home: Path,
        secret: Secret,
        settings: DeviceSettings | None = None,
        *,
        parts: Parts = HONEST,
    ) -> "Device":
        """The device that was made in `home`.

        Raises HomeMissing, HomeInUse, WrongSecret, StateDamaged, StoreUnusable.
        """
        if not keyring.has_keyring(home):
            raise keyring.HomeMissing(f"there is no device in {home}")
        lock = keyring.lock_home(home)
        store: SealedStore | None = None
        try:
            store = open_store(home, secret, parts.surroundings)
            profile = read_profile(store)
            if not profile.registered:
                raise StateDamaged("this device never finished registering; create it again")
            device = cls(home, lock, store, profile, settings or DeviceSettings(), parts)
            device._lists.start()
            return device
        except BaseException:
            _let_go(lock, store)
            raise

    @property
    def account(self) -> str:
        """This device's account."""
        return self._profile.account

    @property
    def timings(self) -> Mapping[str, Sequence[float]]:
        """Milliseconds of each run of each step (device/timings.py) since this was opened."""
        return self._kit.timings.taken

    def send_text(
        self, to: str | Sequence[str], text: str, *, conversation: str | None = None
    ) -> SendOutcome:
        """Send words to one account, or to a group of them (end to end, by Megolm).

        conversation: its name; the members' own unless given. Give it where members may change.
        Raises what `Outgoing.send` and the transport raise; then nothing is in the outbox.
        """
        with self._turn:
            return self._outgoing.send(_names(to), conversation, text, None)

    def send_photo(
        self,
        to: str | Sequence[str],
        data: bytes,
        *,
        text: str = "",
        conversation: str | None = None,
    ) -> SendOutcome:
        """Send a photograph's file as it is, past the service's option.

        Waits up to `device.media_wait_seconds` for the custodian. Raises as `send_text`, and what
        media/decode.py raises for a file that is no picture.
        """
        with self._turn:
            return self._outgoing.send(_names(to), conversation, text, File(data))

    def send_video(
        self,
        to: str | Sequence[str],
        data: bytes,
        *,
        text: str = "",
        conversation: str | None = None,
        live: bool = False,
    ) -> SendOutcome:
        """Send a video's file as it is, each distinct frame of it past the service's option.

        live: it is the next part of a live stream; once a part is held, so are those after it.
        Raises as `send_photo`, and what device/films.py raises for what is no video, or too long;
        TooManyFrames where it must be cut (media/cutting.py).
        """
        with self._turn:
            return self._outgoing.send(_names(to), conversation, text, File(data, True, live))

    def sync(self, wait_seconds: float = 0.0) -> list[Arrival]:
        """Send what is queued, take in what has come, and tell what became of it.

        wait_seconds: how long to wait for a first message, at most 30.
        Raises an UnavailableError if the provider can't be reached and nothing had come yet.
        """
        with self._turn:
            arrivals: list[Arrival] = []
            try:
                self._flush()
                arrivals += self._outgoing.outbox.take_refusals()
                self._mailroom.take_in(arrivals, min(wait_seconds, MAX_WAIT_SECONDS))
                self._publish_keys()
                self._top_up_tokens()
            except UnavailableError:
                if not arrivals:
                    raise
            return arrivals

    def history(self) -> list[Shown | Quarantined]:
        """Everything shown or quarantined so far, in order of arrival; of no blocked contact."""
        with self._turn, self._store.transaction():
            kept = [self._arrival(kept) for kept in self._incoming.shelf.messages()]
            blocked = set(self._contacts.blocked())
        return [message for message in kept if message.sender not in blocked]

    def evidence(self, account: str) -> list[Shown | Quarantined]:
        """Everything of one account, blocked or not: what it sent can be reported from here."""
        with self._turn, self._store.transaction():
            kept = [self._arrival(kept) for kept in self._incoming.shelf.messages()]
        return [message for message in kept if message.sender == account]

    def outbox(self) -> list[bytes]:
        """The ids of messages that have not reached the provider yet."""
        with self._turn:
            return self._outgoing.outbox.waiting_ids()

    def fingerprint(self, account: str | None = None) -> str | None:
        """This account's fingerprint, or that of another which is pinned (None: never met)."""
        with self._turn, self._store.transaction():
            identity = self._kit.olm.identity if account is None else self._kit.pins.of(account)
            return None if identity is None else identity.fingerprint

    def trust(self, account: str, fingerprint: str) -> None:
        """Accept an account's changed keys, once its person has read this fingerprint out.

        Raises FingerprintMismatch. What waited for it is shown by the next `sync`.
        """
        with self._turn, self._store.transaction():
            self._kit.pins.accept(account, fingerprint)
            self._kit.olm.forget(account)
            self._kit.megolm.forget_sending_to(account)
            self._incoming.look_again = True

    @property
    def list_status(self) -> ListStatus | None:
        """How this device's own list stands; None where it keeps none."""
        return self._lists.status

    def update_list(self, progress: Progress = lambda here, total: None) -> ListStatus | None:
        """Bring this device's own list up to date now; otherwise the background does.

        progress(here, all) counts bytes. Raises as `ListKeeper.update`; the list in use then stays.
        """
        return self._lists.update(progress)

    def close(self) -> None:
        """Let go of the home and the network."""
        self._lists.stop()
        with self._turn:
            self._kit.transport.close()
            _let_go(self._lock, self._store)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _register(self, registration_token: str) -> None:
        with self._store.transaction():
            identity: Identity = self._kit.olm.identity
            published = Published(identity, self._kit.olm.sign_identity())
        self._kit.transport.register(published, self._profile.token, registration_token)
        self._profile = replace(self._profile, registered=1)
        with self._store.transaction():
            write_profile(self._store, self._profile)
        self._publish_keys()

    def _flush(self) -> None:
        for envelope_id, outcome in self._outgoing.outbox.flush().items():
            if isinstance(outcome, SoftfallError):
                self._outgoing.outbox.note_refusal(envelope_id, outcome)

    def _publish_keys(self) -> None:
        """Keep one-time keys published; looked at once when opened, and after each one used."""
        if not self._mailroom.check_keys:
            return
        wanted = self._settings.one_time_keys
        left = self._kit.transport.key_count()
        if left <= wanted // 2:
            with self._store.transaction():
                keys = self._kit.olm.make_one_time_keys(wanted - left)
            self._kit.transport.publish_keys(keys)
        self._mailroom.check_keys = False

    def _top_up_tokens(self) -> None:
        """Before they run out; only where pictures are asked about, and never to anyone's cost."""
        service = self._kit.service
        if service is None:
            return
        with self._store.transaction():
            newest = self._kit.epochs.newest(service.option)
        token_key = read(newest).token_key if newest else b""
        if token_key:
            self._kit.wallet.top_up(token_key)

    def _arrival(self, kept: Mapping[str, Any]) -> Shown | Quarantined:
        receipt = Receipt.from_values(kept["receipt"])
        content: dict[str, Any] = CONTENT.decode(kept["content"])
        picture = self._incoming.shelf.picture(receipt.envelope_id, receipt.sender)
        finding = Finding(kept["reason"], kept["checked"], picture)
        return arrival_of(receipt, content, kept["members"], finding)


def _names(to: str | Sequence[str]) -> Sequence[str]:
    return (to,) if isinstance(to, str) else tuple(to)


def _let_go(lock: IO[bytes], store: SealedStore | None) -> None:
    if store is not None:
        store.close()
    lock.close()
