"""The device's half of `enclave`: it seals to a verified enclave, and checks a sender's seal.

Guarantees: nothing is sealed before `attested` has returned a verified enclave; a refused
attestation is raised by its own name and nothing leaves. `check` is Honest only if the stamped
submission is what this very picture yields, up to what two decoders may disagree on. It asks
nobody, and needs no attestation.
Refuses: a secret of another epoch; under the luminance policy, media that came without pixels.
Limits, printed: two colluding patched clients escape. That a capsule opens, the recipient can't
tell: the enclave can, and names what does not fit, so that it is held as malformed. Attestation is
no proof against whoever reads the machine's memory bus (docs/options.md).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from softfall.errors import InputError
from softfall.media.pdq import PdqHash, Unhashable
from softfall.options.contract import Honest, Mismatch, ScanSecret, Submission
from softfall.options.decoders import BITS
from softfall.options.enclave import sealing, wire
from softfall.options.enclave.attestation import Attested
from softfall.options.enclave.binding import key_digest
from softfall.options.enclave.opening import decode, disagreement, unlike
from softfall.options.enclave.parameters import EnclaveParameters, Policy


class NotThisEpoch(InputError):
    """A scan secret of another option or epoch than this half's."""

    remedy = "Fetch the current epoch's manifest, and begin again."


class LuminanceMissing(InputError):
    """A hash without the 64x64 luminance that this epoch's policy seals."""

    remedy = "Hash the picture from its pixels (`softfall.media.pdq.pdq`)."


class EnclaveDevice:
    """One epoch of `enclave` on a device.

    parameters: from the signed manifest. attested: gives the enclave, verified now against these
    parameters (`attestation.verify`), or raises that refusal.
    """

    name: ClassVar[str] = sealing.NAME
    decoder_tolerance_bits: ClassVar[int] = BITS

    def __init__(
        self, epoch: int, parameters: EnclaveParameters, attested: Callable[[], Attested]
    ) -> None:
        self.epoch = epoch
        self.parameters = parameters
        self._attested = attested

    def begin(self, media: PdqHash | Unhashable, secret: ScanSecret) -> "EnclavePending":
        """Seal one picture. Raises NotThisEpoch, LuminanceMissing, or what refuses the enclave."""
        self._require_own_epoch(secret)
        policy = self.parameters.policy
        content = _content(media, policy)
        enclave = self._attested()
        digest = key_digest(enclave.public_key)
        made = sealing.make_body(content, secret, policy)
        capsule = sealing.make_capsule(made.key, enclave.public_key, self.epoch, policy)
        opening = wire.OPENING.encode(
            {
                "version": wire.VERSION,
                "unhashable": int(content is None),
                "key_digest": digest,
                "capsule": capsule,
                "content": bytes(policy.content_bytes) if content is None else content,
            }
        )
        return EnclavePending(sealing.submission(made, capsule, digest, self.epoch), opening)

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
        """As the contract says; the reasons are in docs/options.md. Raises NotThisEpoch."""
        self._require_own_epoch(secret)
        policy = self.parameters.policy
        opened = decode(opening, policy)
        if isinstance(opened, Mismatch):
            return opened
        other = disagreement(media, opened.content, policy)
        return other or unlike(opened, secret, policy, submission_digest) or Honest()

    def _require_own_epoch(self, secret: ScanSecret) -> None:
        if (secret.option, secret.epoch) != (self.name, self.epoch):
            raise NotThisEpoch(f"the scan secret is not for enclave's epoch {self.epoch}")


@dataclass(frozen=True, slots=True)
class EnclavePending:
    """A sealed picture. There is nothing to ask: the enclave is asked by the provider, later."""

    submission: Submission
    opening: bytes

    @property
    def request(self) -> None:
        """Nothing."""
        return

    def finish(self, reply: bytes | None) -> tuple[Submission, bytes]:
        """The submission and its opening."""
        del reply
        return self.submission, self.opening


def _content(media: PdqHash | Unhashable, policy: Policy) -> bytes | None:
    if isinstance(media, Unhashable):
        return None
    if policy is Policy.HASH:
        return media.bits
    if len(media.luminance) != policy.content_bytes:
        raise LuminanceMissing("this hash came without its luminance")
    return media.luminance
