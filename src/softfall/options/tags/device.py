"""A picture's question and what the custodian's reply makes of it: the device's part of the tags.

Guarantees: the question has one size whatever the picture; a reply is used only once its proof
holds under the epoch's pinned public key.
Refuses: a reply that fails (BadReply); a scan secret of another option or epoch (OtherEpoch).
"""

from dataclasses import dataclass

from softfall.crypto import oprf, ristretto
from softfall.crypto.ristretto import Point
from softfall.errors import PeerError
from softfall.media.pdq import PdqHash, Unhashable
from softfall.options.contract import Mismatch, Request, ScanSecret
from softfall.options.tags import opening, pieces, tolerance, wire
from softfall.options.tags.opening import Opened, Questions, TagRows
from softfall.options.tags.parameters import TagParameters
from softfall.wire import MalformedMessage, Party


class BadReply(PeerError):
    """The custodian's reply is malformed, of another epoch, or under another key."""

    remedy = "Nothing was sent; keep the reply, do not retry, and report the custodian."


@dataclass(frozen=True, slots=True)
class TagKey:
    """One epoch of one option as a device pinned it from the signed manifest."""

    option: str
    epoch: int
    public_key: Point
    parameters: TagParameters

    def ask(self, media: PdqHash | Unhashable, secret: ScanSecret) -> "Asked":
        """The question about one picture. Raises OtherEpoch for another epoch's secret."""
        self.require_own(secret)
        if isinstance(media, PdqHash):
            hash_bits: bytes | None = media.bits
            masks = pieces.probe_masks(media.margins, self.parameters)
        else:
            hash_bits, masks = None, pieces.stand_in_masks(self.parameters)
        asked = opening.questions(hash_bits, masks, secret, self.parameters)
        return Asked(self, hash_bits, masks, asked)

    def check(
        self, media: PdqHash | Unhashable, secret: ScanSecret, body: bytes
    ) -> tuple[Opened, TagRows] | Mismatch:
        """An opening and its tags if it is that of `media`, as received; else the reason.

        Asks nobody. Raises OtherEpoch.
        """
        self.require_own(secret)
        opened = opening.decode(body, self.parameters)
        if isinstance(opened, Mismatch):
            return opened
        mismatch = tolerance.disagreement(media, opened, self.parameters)
        if mismatch is not None:
            return mismatch
        rows = opening.verified_tags(opened, secret, self.public_key, self.parameters)
        return rows if isinstance(rows, Mismatch) else (opened, rows)

    def require_own(self, secret: ScanSecret) -> None:
        """Raises OtherEpoch unless the secret is for this option and epoch."""
        if (secret.option, secret.epoch) != (self.option, self.epoch):
            raise wire.OtherEpoch(f"the scan secret is not for epoch {self.epoch} of {self.option}")


@dataclass(frozen=True, slots=True)
class Asked:
    """A picture between its question and the custodian's reply."""

    key: TagKey
    hash_bits: bytes | None
    masks: list[list[int]]
    asked: Questions

    @property
    def request(self) -> Request:
        """What to have relayed to the custodian; its size is the same for every picture."""
        body = wire.REQUEST.encode(
            {"version": wire.VERSION, "epoch": self.key.epoch, "points": self.asked.points}
        )
        return Request(Party.CUSTODIAN, body)

    def finish(self, reply: bytes | None) -> tuple[Opened, TagRows]:
        """What the recipient will need, and the tags, verified. Raises BadReply."""
        key = self.key
        try:
            values = wire.decode(wire.REPLY, reply or b"")
            wire.require_epoch(values, key.epoch)
            size = ristretto.POINT_BYTES * key.parameters.questions
            points = ristretto.decode_points(wire.octets(values, "points", size))
            proof = wire.octets(values, "proof")
            rows = opening.tags(self.asked, points, proof, key.public_key, key.parameters)
        except (MalformedMessage, ristretto.MalformedPoint, wire.OtherEpoch) as error:
            raise BadReply(f"the custodian's reply was refused: {error.what}") from None
        except oprf.BadProof as error:
            raise BadReply(f"the custodian's reply was refused: {error.what}") from None
        return Opened(self.hash_bits, self.masks, points, proof), rows
