"""What an `enclave` opening proves: to the recipient, and to a provider that is shown a report.

Guarantees: `disprove` answers from bytes alone (the body is rebuilt from the content that the
sender committed to, under the attachment key that it committed to); `differs` compares that content
with a hash of the very picture, within what two decoders may disagree on. Together they are what
the device's `check` tests.
Leaves to others: that the opening is the sender's (messaging/franking.py); that the capsule opens,
which the enclave alone can tell.
"""

import hmac
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from softfall.media.pdq import PdqHash, Unhashable
from softfall.options.contract import Claim, Mismatch, ScanSecret
from softfall.options.decoders import ANOTHER_PICTURE, hash_disagreement
from softfall.options.enclave import sealing, wire
from softfall.options.enclave.parameters import EnclaveParameters, Policy
from softfall.options.enclave.planes import hash_of
from softfall.wire import MalformedMessage

OMITTED: Final = Mismatch("omitted")
MALFORMED: Final = Mismatch("malformed opening")
NOT_THIS_SUBMISSION: Final = Mismatch("not this submission")

# Where decoders differ a little, some pixels of the plane are rounded the other way.
PLANE_LEVELS: Final = 2
PLANE_MARGIN: Final = 0.5


@dataclass(frozen=True, slots=True)
class Opened:
    """A decoded opening. content: what was sealed; None for a picture without a hash."""

    content: bytes | None = field(repr=False)
    capsule: bytes = field(repr=False)
    key_digest: bytes


def decode(body: bytes, policy: Policy) -> Opened | Mismatch:
    """The opening, or why it is not one that an unpatched client makes."""
    if not body:
        return OMITTED
    try:
        values = wire.decode(wire.OPENING, body)
        content: bytes | None = wire.octets(values, "content", policy.content_bytes)
        capsule, digest = wire.octets(values, "capsule"), wire.octets(values, "key_digest")
    except MalformedMessage:
        return MALFORMED
    if values["unhashable"] == 1:
        if any(content or b""):
            return MALFORMED
        content = None
    return Opened(content, capsule, digest)


def unlike(
    opened: Opened, secret: ScanSecret, policy: Policy, submission_digest: bytes
) -> Mismatch | None:
    """Why the stamped submission is not the one that this opening yields; None if it is."""
    made = sealing.make_body(opened.content, secret, policy)
    rebuilt = sealing.submission(made, opened.capsule, opened.key_digest, secret.epoch)
    same = hmac.compare_digest(rebuilt.digest, submission_digest)
    return None if same else NOT_THIS_SUBMISSION


def disagreement(
    media: PdqHash | Unhashable, content: bytes | None, policy: Policy
) -> Mismatch | None:
    """Why what was sealed is not of the picture that came; None if it may be.

    Of a plane, what counts is the hash that the enclave takes from it: a patched sender may move
    each pixel a little, and hence no bit that lies off the median.
    """
    if policy is Policy.HASH or content is None or isinstance(media, Unhashable):
        return hash_disagreement(media, content)
    own, theirs = (np.frombuffer(p, np.uint8).astype(np.int16) for p in (media.luminance, content))
    if own.shape != theirs.shape or np.abs(own - theirs).max() > PLANE_LEVELS:
        return ANOTHER_PICTURE
    seen = hash_of(content)
    bits = seen.bits if isinstance(seen, PdqHash) else None
    return hash_disagreement(hash_of(media.luminance), bits, PLANE_MARGIN)


def disprove(claim: Claim) -> Mismatch | None:
    """Why the stamped submission is not the one that the opening yields; None if it is.

    Raises BadEnclaveParameters for a manifest that no custodian publishes.
    """
    policy = EnclaveParameters.decode(claim.manifest.parameters).policy
    opened = decode(claim.opening, policy)
    if isinstance(opened, Mismatch):
        return opened
    secret = ScanSecret(claim.attachment_key, sealing.NAME, claim.manifest.epoch)
    return unlike(opened, secret, policy, claim.submission_digest)


def differs(media: PdqHash | Unhashable, claim: Claim) -> Mismatch | None:
    """Why the opening is not that of `media`, another decoder's hash; None if it may be."""
    policy = EnclaveParameters.decode(claim.manifest.parameters).policy
    opened = decode(claim.opening, policy)
    if isinstance(opened, Mismatch):
        return opened
    return disagreement(media, opened.content, policy)
