"""The device's half of `homomorphic`: it encrypts a hash, and checks a sender's submission.

Guarantees: nobody is asked, and no answer comes back; every submission has one size, with or
without a hash. `check` is Honest only if the stamped submission is what this very picture yields,
up to what two decoders may disagree on.
Refuses: a secret of another epoch (OtherEpochsSecret).
Limits, printed: two colluding patched clients escape. A recipient can't open the capsule: the
keyholder can, and tells one that does not fit, so that the message is held as malformed. Provider
and keyholder together can decrypt every submission. A patched sender that joins with the keyholder
reads two to three bits of every list row with each query that it sends. Our own lattice code, not
audited.
"""

from dataclasses import dataclass
from typing import ClassVar

from softfall.crypto import hpke
from softfall.crypto.lattice.public import public_elements
from softfall.errors import InputError, PeerError
from softfall.media.pdq import PdqHash, Unhashable
from softfall.options.contract import Honest, Mismatch, ScanSecret, Submission
from softfall.options.decoders import BITS, hash_disagreement
from softfall.options.homomorphic import opening as openings
from softfall.options.homomorphic.encrypting import make_query, submission
from softfall.options.homomorphic.parameters import NAME, HomomorphicParameters
from softfall.options.homomorphic.sealing import make_capsule


class OtherEpochsSecret(InputError):
    """A scan secret of another option or epoch than this half's."""

    remedy = "Fetch the current epoch's manifest, and begin again."


class BadKeyholderKey(PeerError):
    """The manifest's keyholder key is not one that a seed can be sealed to."""

    remedy = "Nothing was sent; keep the manifest and report the custodian that signed it."


class HomomorphicDevice:
    """One epoch of `homomorphic` on a device. parameters: from the signed manifest."""

    name: ClassVar[str] = NAME
    decoder_tolerance_bits: ClassVar[int] = BITS

    def __init__(self, epoch: int, parameters: HomomorphicParameters) -> None:
        self.epoch = epoch
        self.parameters = parameters
        self._public = public_elements(parameters.public_seed)

    def begin(self, media: PdqHash | Unhashable, secret: ScanSecret) -> "HomomorphicPending":
        """Encrypt one picture's hash. Raises OtherEpochsSecret, BadKeyholderKey."""
        self._require_own_epoch(secret)
        hash_bits = None if isinstance(media, Unhashable) else media.bits
        made = make_query(hash_bits, secret, self._public)
        try:
            capsule = make_capsule(made.secret_seed, self.parameters.keyholder_key, self.epoch)
        except hpke.BadSealKey as error:
            raise BadKeyholderKey(f"nothing can be sealed: {error.what}") from None
        return HomomorphicPending(
            submission(made, capsule, self.epoch), openings.encode(hash_bits, capsule)
        )

    def asks_first(self, submission: Submission) -> bool:
        """Never: the provider judges once the message is under way, and holds its delivery."""
        del submission
        return False

    def check(
        self,
        media: PdqHash | Unhashable,
        secret: ScanSecret,
        opening: bytes,
        submission_digest: bytes,
    ) -> Honest | Mismatch:
        """Is the stamped submission the one that `media` yields? Raises OtherEpochsSecret."""
        self._require_own_epoch(secret)
        opened = openings.decode(opening)
        if isinstance(opened, Mismatch):
            return opened
        wrong = hash_disagreement(media, opened.hash_bits) or openings.unlike(
            opened, secret, self._public, submission_digest
        )
        return wrong or Honest()

    def _require_own_epoch(self, secret: ScanSecret) -> None:
        if (secret.option, secret.epoch) != (self.name, self.epoch):
            raise OtherEpochsSecret(f"this half is for {self.name}, epoch {self.epoch}")


@dataclass(frozen=True, slots=True)
class HomomorphicPending:
    """A submission ready to go; nobody has to be asked."""

    submission: Submission
    opening: bytes

    @property
    def request(self) -> None:
        """Nothing is asked."""
        return

    def finish(self, reply: bytes | None) -> tuple[Submission, bytes]:
        """The submission and its opening."""
        del reply
        return self.submission, self.opening
