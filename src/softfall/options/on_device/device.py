"""The device's half of `on_device`: it looks for its picture's tags in its own map.

Guarantees: of a picture that is no candidate, hashable or not, nothing leaves the device but
blinded questions and the version of the map. `check` is Honest only if the stamped submission is
the one that this very picture and that version of the map yield, and the sender looked into the
very files that lie here; it asks nobody.
Refuses: a reply that fails the epoch's pinned public key (BadReply); a secret of another epoch;
a map of another epoch or parameters (SegmentsDoNotFollow).
Limits, printed: the device learns which entry numbers its picture is a candidate for, so its owner
can test pictures, as often as the custodian's quota allows. Two colluding patched clients escape.
A patched sender may use a map up to `lag_versions` old. Inside the decoder tolerance it may move
bits and trade probes: of 530 copies of listed pictures 0.974 stay candidates, 0.983 without
(docs/experiments/decoder_tolerance.md); under `split`, which asks twice as often, none is lost.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from softfall.crypto import ristretto
from softfall.media.pdq import PdqHash, Unhashable
from softfall.options.confirm import device as confirm
from softfall.options.contract import (
    Honest,
    ListNotHere,
    Mismatch,
    Request,
    ScanSecret,
    Submission,
)
from softfall.options.on_device import opening, wire
from softfall.options.on_device.map_view import MapView, NotThisVersion, SegmentsDoNotFollow
from softfall.options.on_device.opening import NAME, Found
from softfall.options.on_device.parameters import OnDeviceParameters
from softfall.options.tags import opening as tags
from softfall.options.tags import tolerance
from softfall.options.tags.device import Asked, TagKey
from softfall.options.tags.wire import decode

OLD_LIST = Mismatch("old list version")

MapSource = Callable[[], MapView]


class OnDeviceDevice:
    """One epoch of `on_device` on a device, its keys pinned from the signed manifest."""

    name: ClassVar[str] = NAME
    decoder_tolerance_bits: ClassVar[int] = tolerance.BITS

    def __init__(
        self,
        epoch: int,
        public_key: bytes,
        parameters: OnDeviceParameters,
        confirm_key: bytes,
        current_map: MapSource,
    ) -> None:
        """current_map: the newest map of this epoch, each time it is asked."""
        point = ristretto.decode_point(public_key)
        self.key = TagKey(self.name, epoch, point, parameters.tags)
        self.parameters = parameters
        self.confirm_key = confirm_key
        self._current_map = current_map

    def begin(self, media: PdqHash | Unhashable, secret: ScanSecret) -> "OnDevicePending":
        """The question about one picture, and the map that its answer will be looked for in.

        Raises OtherEpoch for a secret of another epoch, SegmentsDoNotFollow for another map.
        """
        return OnDevicePending(self.key.ask(media, secret), secret, self.map(), self.confirm_key)

    def asks_first(self, submission: Submission) -> bool:
        """Only a candidate. Raises MalformedMessage for what is no submission."""
        return bool(opening.entries_of(decode(wire.SUBMISSION, submission.body)))

    def check(
        self,
        media: PdqHash | Unhashable,
        secret: ScanSecret,
        opening_body: bytes,
        submission_digest: bytes,
    ) -> Honest | Mismatch:
        """As the contract says; the reasons are in docs/options.md.

        Raises OtherEpoch; ListNotHere where the sender's map is newer than the one here.
        """
        self.key.require_own(secret)
        decoded = opening.decode(opening_body)
        if isinstance(decoded, Mismatch):
            return decoded
        found, tags_opening = decoded
        checked = self.key.check(media, secret, tags_opening)
        if isinstance(checked, Mismatch):
            return checked
        opened, rows = checked
        view = self._map_at(found.list_version)
        if isinstance(view, Mismatch):
            return view
        mismatch = found.refuted(opened.hash_bits, secret, submission_digest)
        return mismatch or found.beside(view, rows) or Honest()

    def map(self) -> MapView:
        """The map in force. Raises SegmentsDoNotFollow where it is not this epoch's."""
        view = self._current_map()
        if (view.epoch, view.parameters) != (self.key.epoch, self.parameters):
            raise SegmentsDoNotFollow("the map at hand is not that of the manifest")
        return view

    def _map_at(self, list_version: int) -> MapView | Mismatch:
        newest = self.map()
        if list_version + self.parameters.lag_versions < newest.list_version:
            return OLD_LIST
        try:
            return newest.at(list_version)
        except NotThisVersion as error:
            if list_version > newest.list_version:
                raise ListNotHere(f"the sender's list is newer: {error.what}") from None
            return OLD_LIST


@dataclass(frozen=True, slots=True)
class OnDevicePending:
    """A picture between its request and the custodian's reply."""

    asked: Asked
    secret: ScanSecret
    view: MapView
    confirm_key: bytes

    @property
    def request(self) -> Request:
        """What to have relayed to the custodian; its size is the same for every picture."""
        return self.asked.request

    def finish(self, reply: bytes | None) -> tuple[Submission, bytes]:
        """The submission and its opening. Raises BadReply, BadConfirmKey."""
        opened, rows = self.asked.finish(reply)
        entries, shares, sealed = self.view.candidates(rows), b"", b""
        if entries:
            asked, scan_key = tags.asked_hash(opened.hash_bits, self.secret)
            made = confirm.make_shares(asked, self.secret, scan_key, self.confirm_key)
            shares, sealed = made.body, made.sealed
        version, epoch = self.view.list_version, self.secret.epoch
        tags_opening = tags.encode(opened, self.asked.key.parameters)
        body = opening.encode(Found(version, entries, sealed, self.view.digest), tags_opening)
        return opening.submission(epoch, version, entries, shares), body
