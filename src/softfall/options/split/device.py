"""The device's half of `split`: it asks for the tags of its own picture, and checks a sender's.

Guarantees: `check` is Honest only if the stamped submission is the one that this very picture
yields, up to what two decoders may disagree on: another picture's tags, junk, old tags and nothing
at all are caught, each with its reason. It asks nobody.
Refuses: a reply that fails the epoch's pinned public key (BadReply); a secret of another epoch.
Limits, printed: two colluding patched clients escape. Inside the decoder tolerance a patched sender
may move bits that lie at the median and trade probes at the end of the order (docs/options.md
has what that gains, measured).
"""

import hmac
from dataclasses import dataclass
from typing import ClassVar

from softfall.crypto import ristretto
from softfall.media.pdq import PdqHash, Unhashable
from softfall.options.contract import Honest, Mismatch, Request, ScanSecret, Submission
from softfall.options.split.opening import NAME, NOT_THIS_SUBMISSION, submission
from softfall.options.tags import opening, tolerance
from softfall.options.tags.device import Asked, TagKey
from softfall.options.tags.parameters import TagParameters


class SplitDevice:
    """One epoch of `split` on a device, its public key pinned from the signed manifest."""

    name: ClassVar[str] = NAME
    decoder_tolerance_bits: ClassVar[int] = tolerance.BITS

    def __init__(self, epoch: int, public_key: bytes, parameters: TagParameters) -> None:
        self.key = TagKey(self.name, epoch, ristretto.decode_point(public_key), parameters)

    def begin(self, media: PdqHash | Unhashable, secret: ScanSecret) -> "SplitPending":
        """The question about one picture. Raises OtherEpoch for a secret of another epoch."""
        return SplitPending(self.key.ask(media, secret))

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
        checked = self.key.check(media, secret, opening_body)
        if isinstance(checked, Mismatch):
            return checked
        made = submission(checked[1], self.key.epoch)
        same = hmac.compare_digest(made.digest, submission_digest)
        return Honest() if same else NOT_THIS_SUBMISSION


@dataclass(frozen=True, slots=True)
class SplitPending:
    """A picture between its request and the custodian's reply."""

    asked: Asked

    @property
    def request(self) -> Request:
        """What to have relayed to the custodian; its size is the same for every picture."""
        return self.asked.request

    def finish(self, reply: bytes | None) -> tuple[Submission, bytes]:
        """The submission and its opening. Raises BadReply."""
        opened, rows = self.asked.finish(reply)
        key = self.asked.key
        return submission(rows, key.epoch), opening.encode(opened, key.parameters)
