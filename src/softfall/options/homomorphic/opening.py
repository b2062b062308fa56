"""What a `homomorphic` opening proves: to the recipient, and to a provider shown a report.

Guarantees: `disprove` answers from bytes alone (the query is encrypted again from the hash that the
sender committed to, under the attachment key that it committed to, and compared by the stamped
digest); `differs` compares that hash with one of the very picture, within what two decoders may
disagree on. Together they are what the device's `check` tests.
Leaves to others: that the opening is the sender's (messaging/franking.py); that the capsule opens,
which the keyholder alone can tell.
"""

import hmac
from dataclasses import dataclass, field
from typing import Final

from softfall.crypto.lattice.public import public_elements
from softfall.media.pdq import PdqHash, Unhashable
from softfall.options.contract import Claim, Mismatch, ScanSecret
from softfall.options.decoders import hash_disagreement
from softfall.options.homomorphic import wire
from softfall.options.homomorphic.encrypting import make_query, submission
from softfall.options.homomorphic.parameters import NAME, HomomorphicParameters
from softfall.options.homomorphic.segments import U32Array
from softfall.wire import MalformedMessage

OMITTED: Final = Mismatch("omitted")
MALFORMED: Final = Mismatch("malformed opening")
NOT_THIS_SUBMISSION: Final = Mismatch("not this submission")


@dataclass(frozen=True, slots=True)
class Opened:
    """A decoded opening. hash_bits: what was encrypted; None for a picture without a hash."""

    hash_bits: bytes | None = field(repr=False)
    capsule: bytes = field(repr=False)


def encode(hash_bits: bytes | None, capsule: bytes) -> bytes:
    """The opening of one submission."""
    return wire.OPENING.encode(
        {
            "version": wire.VERSION,
            "unhashable": int(hash_bits is None),
            "hash": bytes(wire.HASH_BYTES) if hash_bits is None else hash_bits,
            "capsule": capsule,
        }
    )


def decode(body: bytes) -> Opened | Mismatch:
    """The opening, or why it is not one that an unpatched client makes."""
    if not body:
        return OMITTED
    try:
        values = wire.decode(wire.OPENING, body)
        hash_bits, capsule = wire.octets(values, "hash"), wire.octets(values, "capsule")
    except MalformedMessage:
        return MALFORMED
    if values["unhashable"] == 0:
        return Opened(hash_bits, capsule)
    return MALFORMED if any(hash_bits) else Opened(None, capsule)


def unlike(
    opened: Opened, secret: ScanSecret, public: U32Array, submission_digest: bytes
) -> Mismatch | None:
    """Why the stamped submission is not the one that this opening yields; None if it is.

    public: the epoch's public elements.
    """
    made = make_query(opened.hash_bits, secret, public)
    rebuilt = submission(made, opened.capsule, secret.epoch)
    same = hmac.compare_digest(rebuilt.digest, submission_digest)
    return None if same else NOT_THIS_SUBMISSION


def disprove(claim: Claim) -> Mismatch | None:
    """Why the stamped submission is not the one that the opening yields; None if it is.

    Raises MalformedMessage for a manifest that no custodian publishes.
    """
    parameters = HomomorphicParameters.decode(claim.manifest.parameters)
    opened = decode(claim.opening)
    if isinstance(opened, Mismatch):
        return opened
    secret = ScanSecret(claim.attachment_key, NAME, claim.manifest.epoch)
    public = public_elements(parameters.public_seed)
    return unlike(opened, secret, public, claim.submission_digest)


def differs(media: PdqHash | Unhashable, claim: Claim) -> Mismatch | None:
    """Why the opening is not that of `media`, another decoder's hash; None if it may be."""
    opened = decode(claim.opening)
    if isinstance(opened, Mismatch):
        return opened
    return hash_disagreement(media, opened.hash_bits)
