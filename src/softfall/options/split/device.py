"""The device's half of `split`: it asks for the tags of its own picture, and checks a sender's.

Guarantees: `check` is Honest only if the stamped submission is the one that this very picture
yields, up to what two decoders may disagree on: another picture's tags, junk, old tags and nothing
at all are caught, each with its reason. So are other shares for `confirm`. It asks nobody.
Refuses: a reply that fails the epoch's pinned public key (BadReply); a secret of another epoch.
Limits, printed: two colluding patched clients escape. A recipient can't look into the seal: one
that holds junk is found by the custodian, should the picture become a candidate, and then held.
Inside the decoder tolerance a patched sender may move bits that lie at the median and trade probes
at the end of the order (docs/options.md has what that gains, measured).
"""

from dataclasses import dataclass, field
from typing import ClassVar

from softfall.crypto import ristretto
from softfall.media.pdq import PdqHash, Unhashable
from softfall.options.confirm.device import make_shares
from softfall.options.contract import Honest, Mismatch, Request, ScanSecret, Submission
from softfall.options.split.opening import NAME, Parts, decode, encode, submission, unlike
from softfall.options.tags import opening, tolerance
from softfall.options.tags.device import Asked, TagKey
from softfall.options.tags.parameters import TagParameters


class SplitDevice:
    """One epoch of `split` on a device, its public keys pinned from the signed manifest.

    confirm_key: the HPKE key that shares for `confirm` are sealed to.
    """

    name: ClassVar[str] = NAME
    decoder_tolerance_bits: ClassVar[int] = tolerance.BITS

    def __init__(
        self, epoch: int, public_key: bytes, parameters: TagParameters, confirm_key: bytes
    ) -> None:
        self.confirm_key = confirm_key
        self.key = TagKey(self.name, epoch, ristretto.decode_point(public_key), parameters)

    def begin(self, media: PdqHash | Unhashable, secret: ScanSecret) -> "SplitPending":
        """The question about one picture. Raises OtherEpoch for a secret of another epoch."""
        return SplitPending(self.key.ask(media, secret), secret, self.confirm_key)

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
        self.key.require_own(secret)
        parts = decode(opening_body)
        if isinstance(parts, Mismatch):
            return parts
        checked = self.key.check(media, secret, parts.tags)
        if isinstance(checked, Mismatch):
            return checked
        opened, rows = checked
        return unlike(opened, rows, parts.sealed, secret, submission_digest) or Honest()


@dataclass(frozen=True, slots=True)
class SplitPending:
    """A picture between its request and the custodian's reply."""

    asked: Asked
    secret: ScanSecret
    confirm_key: bytes = field(repr=False)

    @property
    def request(self) -> Request:
        """What to have relayed to the custodian; its size is the same for every picture."""
        return self.asked.request

    def finish(self, reply: bytes | None) -> tuple[Submission, bytes]:
        """The submission and its opening. Raises BadReply, BadConfirmKey."""
        opened, rows = self.asked.finish(reply)
        key = self.asked.key
        bits, scan_key = opening.asked_hash(self.asked.hash_bits, self.secret)
        shares = make_shares(bits, self.secret, scan_key, self.confirm_key)
        parts = Parts(opening.encode(opened, key.parameters), shares.sealed)
        return submission(rows, key.epoch, shares.body), encode(parts)
