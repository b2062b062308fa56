"""Cheating apps, each one change to an honest one: what an honest recipient must catch.

Senders: another picture's tags, junk, old tags, a stand-in, a picture passed off as text, an outage
that was none. And the one that nobody honest can catch: a recipient who looks away.
Each is put together through `device.Parts`; the device's own code is not touched.
Nothing here helps to hide from an honest recipient: none of it works against one.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar

from softfall.device.device import Parts
from softfall.device.incoming import Finding, Incoming, Opened
from softfall.device.options import OUTAGE, HalfFactory, HalfPorts
from softfall.device.outgoing import Outgoing
from softfall.lists.manifest import Manifest
from softfall.media.pdq import PdqHash, Unhashable
from softfall.messaging.session.attachments import AttachmentTampered, unseal
from softfall.options.contract import (
    PDQ_BYTES,
    DeviceHalf,
    Honest,
    Mismatch,
    Pending,
    Request,
    ScanSecret,
    Submission,
)
from softfall.options.split.wire import TAGS
from softfall.options.tags import wire
from softfall.wire import Value

Media = PdqHash | Unhashable
Cheat = Callable[[DeviceHalf], DeviceHalf]


@dataclass
class HonestHalf:
    """Passes everything on; the cheats below change one step each."""

    name: ClassVar[str] = "split"
    half: DeviceHalf

    def begin(self, media: Media, secret: ScanSecret) -> Pending:
        """As the honest half."""
        return self.half.begin(media, secret)

    def asks_first(self, submission: Submission) -> bool:
        """As the honest half."""
        return self.half.asks_first(submission)

    def check(
        self, media: Media, secret: ScanSecret, opening: bytes, submission_digest: bytes
    ) -> Honest | Mismatch:
        """As the honest half."""
        return self.half.check(media, secret, opening, submission_digest)


@dataclass
class AnotherPicture(HonestHalf):
    """Submits and opens another picture than the one it sends."""

    decoy: Media

    def begin(self, media: Media, secret: ScanSecret) -> Pending:
        """For the decoy, whatever is sent."""
        del media
        return self.half.begin(self.decoy, secret)


@dataclass
class AnotherPicturesTags(HonestHalf):
    """Submits a decoy's tags, and opens them under the hash of the picture that it sends."""

    decoy: Media

    def begin(self, media: Media, secret: ScanSecret) -> Pending:
        """For the decoy; the opening is then given the picture's own hash."""

        def rename(opening: bytes) -> bytes:
            bits = media.bits if isinstance(media, PdqHash) else bytes(PDQ_BYTES)
            return wire.OPENING.encode({**wire.OPENING.decode(opening), "hash": bits})

        return _Rewritten(self.half.begin(self.decoy, secret), change_opening=rename)


@dataclass
class Junk(HonestHalf):
    """Submits random tags of the right form."""

    def begin(self, media: Media, secret: ScanSecret) -> Pending:
        """The question is honest; the submission is not."""
        return _Rewritten(self.half.begin(media, secret), change=_junk)


@dataclass
class OldTags(HonestHalf):
    """Submits the tags of the first picture it ever sent, for ever."""

    first: bytes = b""

    def begin(self, media: Media, secret: ScanSecret) -> Pending:
        """The first time honest, and kept."""
        return _Rewritten(self.half.begin(media, secret), change=self._again)

    def _again(self, submission: Submission) -> Submission:
        self.first = self.first or submission.body
        return replace(submission, body=self.first)


@dataclass
class _Rewritten:
    """A pending question whose outcome is changed on its way."""

    pending: Pending
    change: Callable[[Submission], Submission] = lambda submission: submission
    change_opening: Callable[[bytes], bytes] = lambda opening: opening

    @property
    def request(self) -> Request | None:
        return self.pending.request

    def finish(self, reply: bytes | None) -> tuple[Submission, bytes]:
        submission, opening = self.pending.finish(reply)
        return self.change(submission), self.change_opening(opening)


class PassedOffAsText(Outgoing):
    """Sends a picture inside a message which tells the provider of no picture."""

    def dress(self, values: dict[str, Value]) -> dict[str, Value]:
        """No submission, no attachment."""
        return {**values, "submission": None, "attachment": None}


class NothingSubmitted(Outgoing):
    """Names its file, and submits nothing for it."""

    def dress(self, values: dict[str, Value]) -> dict[str, Value]:
        """No submission."""
        return {**values, "submission": None}


class FalseOutage(Outgoing):
    """Claims that the custodian was away, with a voucher of its own making."""

    def dress(self, values: dict[str, Value]) -> dict[str, Value]:
        """A voucher that the provider never gave."""
        if values["submission"] is None:
            return values
        return {**values, "submission": {"option": OUTAGE, "epoch": 0, "body": bytes(16)}}


class LooksAway(Incoming):
    """A recipient who shows whatever opens: one half of a colluding pair."""

    def examine(self, opened: Opened, file: bytes | None) -> Finding:
        """Nothing is checked but that the file opens."""
        attachment = opened.content["attachment"]
        if attachment is None or file is None:
            return Finding("", "not looked at")
        try:
            return Finding("", "not looked at", unseal(attachment, file))
        except AttachmentTampered as error:
            return Finding(error.what, "not looked at")


def cheating(cheat: Cheat, honest: Parts) -> Parts:
    """The parts of a device whose option's half cheats in one way, each epoch.

    cheat: as `Junk`, or `lambda half: AnotherPicture(half, decoy)`.
    """
    make: HalfFactory = honest.make_half

    def make_half(manifest: Manifest, ports: HalfPorts) -> DeviceHalf:
        return cheat(make(manifest, ports))

    return replace(honest, make_half=make_half)


def _junk(submission: Submission) -> Submission:
    """Tags drawn by SHAKE-256 of the true ones: sorted, so that the form is right."""
    values = TAGS.decode(submission.body)
    tags = values["tags"]
    assert isinstance(tags, bytes)
    drawn = hashlib.shake_256(tags).digest(len(tags))
    size = wire.TAG_BYTES
    ordered = sorted(drawn[i : i + size] for i in range(0, len(drawn), size))
    return replace(submission, body=TAGS.encode({**values, "tags": b"".join(ordered)}))
