"""The device's half of `split`: it asks for the tags of its own picture, and checks a sender's.

Guarantees: `check` is Honest only if the stamped submission is the one that this very picture
yields, up to what two decoders may disagree on: another picture's tags, junk, old tags and nothing
at all are caught, each with its reason. It asks nobody.
Refuses: a reply that fails the epoch's pinned public key (BadReply); a secret of another epoch.
Limits, printed: two colluding patched clients escape. Inside the decoder tolerance a patched sender
may move bits that lie at the median and trade probes at the end of the order (docs/options.md
has what that gains, measured).
"""

from dataclasses import dataclass
from typing import ClassVar

from softfall.crypto import oprf, ristretto
from softfall.errors import PeerError
from softfall.media.pdq import PdqHash, Unhashable
from softfall.options.contract import Honest, Mismatch, Request, ScanSecret, Submission
from softfall.options.split import opening, pieces, tolerance, wire
from softfall.options.split.opening import Opened, Questions
from softfall.options.split.parameters import SplitParameters
from softfall.wire import MalformedMessage, Party

OMITTED = Mismatch("omitted")


class BadReply(PeerError):
    """The custodian's reply is malformed, of another epoch, or under another key."""

    remedy = "Nothing was sent; keep the reply, do not retry, and report the custodian."


class SplitDevice:
    """One epoch of `split` on a device, its public key pinned from the signed manifest."""

    name: ClassVar[str] = "split"
    decoder_tolerance_bits: ClassVar[int] = tolerance.BITS

    def __init__(self, epoch: int, public_key: bytes, parameters: SplitParameters) -> None:
        self.epoch = epoch
        self.public_key = ristretto.decode_point(public_key)
        self.parameters = parameters

    def begin(self, media: PdqHash | Unhashable, secret: ScanSecret) -> "SplitPending":
        """The question about one picture. Raises OtherEpoch for a secret of another epoch."""
        self._require_own_epoch(secret)
        if isinstance(media, PdqHash):
            hash_bits: bytes | None = media.bits
            masks = pieces.probe_masks(media.margins, self.parameters)
        else:
            hash_bits, masks = None, pieces.stand_in_masks(self.parameters)
        asked = opening.questions(hash_bits, masks, secret, self.parameters)
        return SplitPending(self, hash_bits, masks, asked)

    def asks_first(self, submission: Submission) -> bool:
        """Never: the provider judges once the message is under way, and holds its delivery."""
        del submission
        return False

    def check(
        self,
        media: PdqHash | Unhashable,
        secret: ScanSecret,
        opening_body: bytes,
        submission_digest: bytes,
    ) -> Honest | Mismatch:
        """As the contract says; the reasons are in docs/options.md. Raises OtherEpoch."""
        self._require_own_epoch(secret)
        if not opening_body:
            return OMITTED
        opened = opening.decode(opening_body, self.parameters)
        if isinstance(opened, Mismatch):
            return opened
        mismatch = tolerance.disagreement(media, opened, self.parameters) or opening.verify(
            opened, secret, self.public_key, self.parameters, submission_digest
        )
        return mismatch or Honest()

    def _require_own_epoch(self, secret: ScanSecret) -> None:
        if (secret.option, secret.epoch) != (self.name, self.epoch):
            raise wire.OtherEpoch(f"the scan secret is not for split's epoch {self.epoch}")


@dataclass(frozen=True, slots=True)
class SplitPending:
    """A picture between its request and the custodian's reply."""

    device: SplitDevice
    hash_bits: bytes | None
    masks: list[list[int]]
    asked: Questions

    @property
    def request(self) -> Request:
        """What to have relayed to the custodian; its size is the same for every picture."""
        body = wire.REQUEST.encode(
            {"version": wire.VERSION, "epoch": self.device.epoch, "points": self.asked.points}
        )
        return Request(Party.CUSTODIAN, body)

    def finish(self, reply: bytes | None) -> tuple[Submission, bytes]:
        """The submission and its opening. Raises BadReply."""
        device = self.device
        try:
            values = wire.decode(wire.REPLY, reply or b"")
            wire.require_epoch(values, device.epoch)
            size = ristretto.POINT_BYTES * device.parameters.questions
            points = ristretto.decode_points(wire.octets(values, "points", size))
            proof = wire.octets(values, "proof")
            made = opening.submission(
                self.asked, points, proof, device.epoch, device.public_key, device.parameters
            )
        except (MalformedMessage, ristretto.MalformedPoint, wire.OtherEpoch) as error:
            raise BadReply(f"the custodian's reply was refused: {error.what}") from None
        except oprf.BadProof as error:
            raise BadReply(f"the custodian's reply was refused: {error.what}") from None
        opened = Opened(self.hash_bits, self.masks, points, proof)
        return made, opening.encode(opened, device.parameters)
