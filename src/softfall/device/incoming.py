"""The one pipeline after receive: decrypt, check the commitment, check the submission, show.

Guarantees: nothing is shown before its commitment is checked, and no picture before it proved to be
the one that was submitted, or its message says how it went unchecked (then own_look.py may look).
Each delivery is handled once: ratchet, message and cursor change in one transaction. Whatever a
delivery holds, what comes of it is `Shown`, `Quarantined`, `Refused` or `Waiting`, each with its
reason.
Each step is a method, so that `softfall.testing.patched` can play a colluding app by changing one.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from softfall.device.epochs import was_current
from softfall.device.films import VIDEO, Film, watch
from softfall.device.kit import Kit
from softfall.device.options import NONE, OUTAGE
from softfall.device.outcomes import (
    CHECKED,
    CHECKED_HERE,
    TEXT,
    UNCHECKED_NONE,
    UNCHECKED_OUTAGE,
    Arrival,
    Quarantined,
    Refused,
    Shown,
    Waiting,
)
from softfall.device.own_look import LookFirst, OwnLook, Sight, Unseen
from softfall.device.shelf import Key, Shelf
from softfall.device.transport import SaidByService
from softfall.errors import PeerError, SoftfallError, UnavailableError
from softfall.media.pdq import PdqHash, Unhashable
from softfall.messaging.envelope import CONTENT, INNER
from softfall.messaging.franking import CommitmentBroken, Committed, Receipt, verify_commitment
from softfall.messaging.identity import Identity
from softfall.messaging.session.attachments import AttachmentTampered, unseal
from softfall.messaging.session.cells import StateDamaged
from softfall.messaging.session.megolm import GroupKeyMissing
from softfall.messaging.session.olm import NORMAL, PREKEY, Undecryptable
from softfall.messaging.session.pins import IdentityChanged
from softfall.options.contract import ListNotHere, Mismatch, ScanSecret
from softfall.options.frames import device as frames
from softfall.options.frames.choosing import first_distinct as to_look_at

LOOK_UP_MS = 60_000
FOUND_HERE = "on the list: found by this device"

Delivery = Mapping[str, Any]

_UNCHECKED = {OUTAGE: UNCHECKED_OUTAGE, NONE: UNCHECKED_NONE}


class NotAddressedHere(PeerError):
    """A delivery for somebody else, or one that claims to come from this very account."""

    remedy = "Nothing of it was used; the provider mixed something up."


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of a picture: quarantined if there is a reason, with the bytes for a report."""

    reason: str
    checked: str
    picture: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Opened:
    """A message that its sender provably wrote."""

    receipt: Receipt
    content: Mapping[str, Any]
    inner: Mapping[str, Any] = field(repr=False)


class Incoming:
    """The pipeline of one device."""

    def __init__(self, kit: Kit) -> None:
        self.kit = kit
        self.shelf = Shelf(kit.store)
        self.own_look = OwnLook(kit)
        self.look_again = True  # whether something that waits may open by now
        self._looked_up_ms: dict[str, float] = {}

    def receive(self, delivery: Delivery) -> Arrival | None:
        """Handle one delivery of the mailbox for good; None where there is nothing to tell.

        Raises an UnavailableError where the network is needed and away: nothing was changed.
        """
        receipt = Receipt.from_values(delivery["receipt"])
        with self.kit.store.transaction():
            if self.shelf.is_handled(receipt):
                self.shelf.advance(delivery["sequence"])
                return None
        sender = self._sender(receipt)
        file = self._fetch(receipt) if isinstance(sender, Identity) else None
        try:
            return self._looking(lambda: self._settle(delivery, receipt, sender, file))
        except ListNotHere:  # nothing was changed: the ratchet is where it was
            self.kit.refresh_list()
        try:
            return self._looking(lambda: self._settle(delivery, receipt, sender, file))
        except ListNotHere as error:
            waiting = Waiting(receipt.envelope_id, receipt.sender, error.name)
            return self._settle(delivery, receipt, sender, file, waiting)

    def _settle(
        self,
        delivery: Delivery,
        receipt: Receipt,
        sender: Identity | SoftfallError,
        file: bytes | None,
        arrival: Arrival | None = None,
    ) -> Arrival | None:
        """One delivery's outcome (`arrival`, where that is known already), kept for good."""
        with self.kit.store.transaction():
            if arrival is None and isinstance(sender, Identity):
                arrival = self.handle(delivery, receipt, sender, file)
            elif not isinstance(sender, Identity):
                arrival = _refused(receipt, sender)
            if isinstance(arrival, Waiting) and not self.shelf.keep_waiting(
                delivery, file, arrival.reason
            ):
                arrival = Refused(receipt.envelope_id, receipt.sender, "too many wait already")
            self.shelf.mark_handled(receipt)
            self.shelf.advance(delivery["sequence"])
        return arrival

    def retry_waiting(self) -> list[Arrival]:
        """What opens now of the messages that were kept sealed."""
        arrivals: list[Arrival] = []
        while self.look_again:  # what opens may be the key of another
            self.look_again = False
            with self.kit.store.transaction():
                keys = self.shelf.waiting_keys()
            for key in keys:
                arrival = self._retry_unless_behind(key)
                if arrival is not None and not isinstance(arrival, Waiting):
                    arrivals.append(arrival)
        return arrivals

    def handle(
        self, delivery: Delivery, receipt: Receipt, sender: Identity, file: bytes | None
    ) -> Arrival | None:
        """From ciphertext to outcome, within the caller's transaction."""
        try:
            opened = self.open(delivery, receipt, sender)
        except GroupKeyMissing as error:
            return Waiting(receipt.envelope_id, receipt.sender, error.name)
        except IdentityChanged as error:
            return Waiting(receipt.envelope_id, receipt.sender, error.name)
        except UnavailableError:
            raise
        except SoftfallError as error:
            return _refused(receipt, error)
        finding = self.examine(opened, file)
        content = opened.content
        if not finding.reason and content["attachment"] is None and not content["text"]:
            return None  # a group's key, sent ahead
        self.shelf.keep(
            receipt,
            opened.inner,
            delivery["members"],
            finding.reason,
            finding.checked,
            finding.picture,
        )
        return arrival_of(receipt, content, delivery["members"], finding)

    def open(self, delivery: Delivery, receipt: Receipt, sender: Identity) -> Opened:
        """Decrypt, and check that the sender committed to exactly this.

        Raises GroupKeyMissing, IdentityChanged, or what says why nothing of it is to be believed.
        """
        with self.kit.timings.step("decrypt_ms"):
            inner: dict[str, Any] = INNER.decode(self._decrypt(delivery, receipt, sender))
            verify_commitment(
                receipt.commitment,
                inner["franking_key"],
                Committed(
                    receipt.sender,
                    receipt.conversation,
                    inner["content"],
                    inner["opening"],
                    inner["manifest"],
                ),
            )
            content: dict[str, Any] = CONTENT.decode(inner["content"])
            if content["envelope_id"] != receipt.envelope_id:
                raise CommitmentBroken("the content names another envelope")
        return Opened(receipt, content, inner)

    def examine(self, opened: Opened, file: bytes | None) -> Finding:
        """What is wrong with a message's picture, if anything."""
        receipt, attachment = opened.receipt, opened.content["attachment"]
        told = receipt.attachment is not None or receipt.submission_digest is not None
        if attachment is None:
            return Finding("a submission without a picture" if told else "", TEXT)
        if receipt.submission_digest is None or receipt.attachment is None:
            return Finding("a picture without a submission", TEXT)
        if receipt.attachment != attachment["ciphertext_sha256"]:
            return Finding("another file than the one submitted", TEXT)
        if file is None:
            return Finding("the file is missing", TEXT)
        try:
            with self.kit.timings.step("unseal_ms"):
                picture = unseal(attachment, file)
        except AttachmentTampered as error:
            return Finding(error.what, TEXT)
        return self.check_submission(opened, picture)

    def check_submission(self, opened: Opened, picture: bytes) -> Finding:
        """Whether the stamped submission is the one that this very picture, or video, yields."""
        receipt, inner, kit = opened.receipt, opened.inner, self.kit
        is_film = is_video(opened.content)
        try:
            with kit.timings.step("rehash_ms"):
                media = watch(picture, kit.limits) if is_film else kit.hash_picture(picture)[0]
        except SoftfallError as error:
            what = "video" if is_film else "picture"
            return Finding(f"the {what} does not open: {error.name}", TEXT, picture)
        if receipt.option in _UNCHECKED:
            return self._came_unchecked(opened, media, picture)
        try:
            manifest = kit.epochs.compare(inner["manifest"])
            half = kit.epochs.half(inner["manifest"], manifest)
        except ListNotHere:
            raise
        except SoftfallError as error:
            return Finding(f"the epoch can't be checked: {error.name}", TEXT, picture)
        if (manifest.option, manifest.epoch) != (receipt.option, receipt.epoch):
            return Finding("the manifest of another epoch", TEXT, picture)
        if not was_current(manifest, receipt.received_at_ms):
            return Finding("submitted for an epoch that was not in use", TEXT, picture)
        secret = ScanSecret(opened.content["attachment"]["key"], receipt.option, receipt.epoch)
        assert receipt.submission_digest is not None, "examine saw to it"
        told = (secret, inner["opening"], receipt.submission_digest)
        with kit.timings.step("check_ms"):
            if isinstance(media, Film):
                verdict = frames.check(half, media.seen, *told)
            else:
                verdict = half.check(media, *told)
        if isinstance(verdict, Mismatch):
            what = "video" if is_film else "picture"
            return Finding(f"the submission is not this {what}'s: {verdict.reason}", TEXT, picture)
        return Finding("", CHECKED, picture)

    def _came_unchecked(
        self, opened: Opened, media: PdqHash | Unhashable | Film, picture: bytes
    ) -> Finding:
        """What this device's own look showed, where it takes one. Raises LookFirst."""
        option = opened.receipt.option
        assert option in _UNCHECKED, "the caller saw to it"
        sight = Sight.NOT_SEEN
        if self.own_look.wanted(option):
            seen = to_look_at(media.seen) if isinstance(media, Film) else media
            sight = self.own_look.found(Unseen(seen, opened.content["attachment"]["key"]))
        if sight is Sight.LISTED:
            return Finding(FOUND_HERE, _UNCHECKED[option], picture)
        return Finding(
            "", CHECKED_HERE if sight is Sight.NOT_LISTED else _UNCHECKED[option], picture
        )

    def _looking(self, attempt: Callable[[], Arrival | None]) -> Arrival | None:
        """One whole transaction; anew, if this device must first look at its picture itself."""
        try:
            return attempt()
        except LookFirst as first:  # nothing was changed: the ratchet is where it was
            self.own_look.look(first.unseen)
        try:
            return attempt()
        finally:
            self.own_look.forget()

    def _retry_unless_behind(self, key: Key) -> Arrival | None:
        try:
            return self._looking(lambda: self._retry(key))
        except ListNotHere:
            return None

    def _retry(self, key: Key) -> Arrival | None:
        with self.kit.store.transaction():
            delivery, file = self.shelf.waiting(key)
            receipt = Receipt.from_values(delivery["receipt"])
            sender = self.kit.pins.of(receipt.sender)
            if sender is None:
                raise StateDamaged("a message waits whose sender was never met")
            arrival = self.handle(delivery, receipt, sender, file)
            if not isinstance(arrival, Waiting):
                self.shelf.stop_waiting(key)
        return arrival

    def _decrypt(self, delivery: Delivery, receipt: Receipt, sender: Identity) -> bytes:
        kit, payload = self.kit, delivery["payload"]
        if payload["recipient"] != kit.account:
            raise NotAddressedHere("the delivery is for another account")
        if not delivery["group_body"]:
            return self._by_olm(sender, payload)
        if payload["kind"] in (PREKEY, NORMAL):
            key = self._by_olm(sender, payload)
            kit.megolm.accept_key(receipt.sender, receipt.conversation, key)
            self.look_again = True
        return kit.megolm.decrypt(
            receipt.sender, receipt.conversation, delivery["group_body"], receipt.envelope_id
        )

    def _by_olm(self, sender: Identity, payload: Mapping[str, Any]) -> bytes:
        try:
            return self.kit.olm.decrypt(sender, payload["kind"], payload["body"])
        except Undecryptable:
            if payload["kind"] == PREKEY:
                self._look_up_again(sender.account)
            raise

    def _look_up_again(self, account: str) -> None:
        """Perhaps the sender has other keys now: IdentityChanged. Junk asks once a minute only."""
        now_ms = self.kit.surroundings.monotonic_ms()
        if now_ms - self._looked_up_ms.get(account, -LOOK_UP_MS) >= LOOK_UP_MS:
            self.kit.look_up(account)
            self._looked_up_ms[account] = now_ms

    def _sender(self, receipt: Receipt) -> Identity | SoftfallError:
        if receipt.sender == self.kit.account:
            return NotAddressedHere("the delivery claims to come from this very account")
        try:
            return self.kit.meet(receipt.sender)
        except UnavailableError:
            raise
        except SoftfallError as error:
            return error

    def _fetch(self, receipt: Receipt) -> bytes | None:
        if receipt.attachment is None:
            return None
        try:
            with self.kit.timings.step("fetch_ms"):
                return self.kit.transport.get_attachment(receipt.attachment)
        except SaidByService:
            return None


def arrival_of(
    receipt: Receipt, content: Mapping[str, Any], members: list[str], finding: Finding
) -> Shown | Quarantined:
    """The outcome to tell, from what was kept."""
    if finding.reason:
        return Quarantined(
            receipt.envelope_id,
            receipt.sender,
            receipt.conversation,
            finding.reason,
            receipt.received_at_ms,
        )
    return Shown(
        envelope_id=receipt.envelope_id,
        sender=receipt.sender,
        conversation=receipt.conversation,
        members=tuple(members),
        text=content["text"],
        picture=None if is_video(content) else finding.picture,
        checked=finding.checked,
        sent_at_ms=content["sent_at_ms"],
        received_at_ms=receipt.received_at_ms,
        video=finding.picture if is_video(content) else None,
    )


def is_video(content: Mapping[str, Any]) -> bool:
    """Whether a message's file is a video, as its sender's app named it and committed to it."""
    attachment = content["attachment"]
    return attachment is not None and attachment["mime"].startswith(VIDEO)


def _refused(receipt: Receipt, error: SoftfallError) -> Refused:
    return Refused(receipt.envelope_id, receipt.sender, f"{error.name}: {error.what}")
