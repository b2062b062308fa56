"""Cheating apps, each one change to an honest one: what an honest recipient must catch.

Senders: another picture's tags, junk, old tags, a stand-in, other shares for `confirm`, a candidate
denied, a picture passed off as text, an outage that was none. Two that no honest recipient can
catch: a seal that holds junk (the custodian finds out once the picture is a candidate), and one who
looks away.
Each is put together through `device.Parts`; the device's own code is not touched.
Nothing here helps to hide from an honest recipient: none of it works against one.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

from softfall.device.device import Parts
from softfall.device.incoming import Finding, Incoming, Opened
from softfall.device.options import OUTAGE, HalfFactory, HalfPorts
from softfall.device.outgoing import Outgoing
from softfall.lists.manifest import Manifest
from softfall.media.pdq import PdqHash, Unhashable
from softfall.messaging.session.attachments import AttachmentTampered, unseal
from softfall.options.confirm.device import make_shares
from softfall.options.confirm.wire import CONFIRM_SHARES, SEALED_BYTES
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
from softfall.options.on_device import opening as found
from softfall.options.on_device.wire import SUBMISSION as ON_DEVICE_SUBMISSION
from softfall.options.split.device import SplitPending
from softfall.options.split.wire import OPENING, SUBMISSION
from softfall.testing.patched_forms import FORMS
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
            return FORMS[secret.option].renamed(opening, bits)

        return _Rewritten(self.half.begin(self.decoy, secret), change_opening=rename)


@dataclass
class Junk(HonestHalf):
    """Submits junk of the right form."""

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
class AnotherPicturesShare(HonestHalf):
    """Submits the true tags, and for `confirm` a share of another hash: no bit would be 1."""

    def begin(self, media: Media, secret: ScanSecret) -> Pending:
        """The question is honest; the provider's share is not."""

        def turn_round(submission: Submission) -> Submission:
            shares = _shares(submission)
            share = bytes(255 - byte for byte in _octets(shares["x_p"]))
            return _with_shares(submission, {**shares, "x_p": share})

        return _Rewritten(self.half.begin(media, secret), change=turn_round)


@dataclass
class AnotherKeysShare(HonestHalf):
    """Commits to, and seals, the share key of a decoy: no bit would be 1."""

    decoy: PdqHash

    def begin(self, media: Media, secret: ScanSecret) -> Pending:
        """The tags are honest; commitment and seal are the decoy's, in the opening too."""
        pending = self.half.begin(media, secret)
        assert isinstance(pending, SplitPending)
        key = secret.key(self.decoy.bits)
        made = make_shares(self.decoy.bits, secret, key, pending.confirm_key)
        strange = {**CONFIRM_SHARES.decode(made.body)}
        del strange["x_p"]

        def swap(submission: Submission) -> Submission:
            return _with_shares(submission, {**_shares(submission), **strange})

        def agree(opening: bytes) -> bytes:
            return OPENING.encode({**OPENING.decode(opening), "sealed": made.sealed})

        return _Rewritten(pending, swap, agree)


@dataclass
class DeniesCandidates(HonestHalf):
    """`on_device`: finds nothing on its map, whatever is there, and says so in the opening too."""

    def begin(self, media: Media, secret: ScanSecret) -> Pending:
        """The question is honest; what is said to have been found is not."""

        def deny(submission: Submission) -> Submission:
            version = ON_DEVICE_SUBMISSION.decode(submission.body)["list_version"]
            assert isinstance(version, int)
            return found.submission(submission.epoch, version, (), b"")

        def agree(opening: bytes) -> bytes:
            told = found.decode(opening)
            assert not isinstance(told, Mismatch)
            return found.encode(replace(told[0], entries=(), sealed=b""), told[1])

        return _Rewritten(self.half.begin(media, secret), deny, agree)


@dataclass
class JunkSeal(HonestHalf):
    """Seals junk, and says so in the opening: no recipient can see into the seal."""

    def begin(self, media: Media, secret: ScanSecret) -> Pending:
        """Submission and opening agree; only the custodian finds out."""

        def spoil(submission: Submission) -> Submission:
            shares = _shares(submission)
            return _with_shares(submission, {**shares, "sealed": _spoilt(shares["sealed"])})

        def agree(opening: bytes) -> bytes:
            values = OPENING.decode(opening)
            return OPENING.encode({**values, "sealed": _spoilt(values["sealed"])})

        return _Rewritten(self.half.begin(media, secret), spoil, agree)


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
    return replace(submission, body=FORMS[submission.option].junk(submission.body))


def _with_shares(submission: Submission, shares: Mapping[str, Value]) -> Submission:
    values = SUBMISSION.decode(submission.body)
    return replace(submission, body=SUBMISSION.encode({**values, "shares": shares}))


def _shares(submission: Submission) -> Mapping[str, Value]:
    shares = SUBMISSION.decode(submission.body)["shares"]
    assert isinstance(shares, Mapping)
    return shares


def _spoilt(sealed: Value) -> bytes:
    """As long as a seal, and none."""
    return hashlib.shake_256(_octets(sealed)).digest(SEALED_BYTES)


def _octets(value: Value) -> bytes:
    """A decoded field that holds bytes."""
    assert isinstance(value, bytes)
    return value
