"""From a verified opening to the submission it yields, and what that proves of a sender.

Guarantees: `disprove` answers from bytes alone, with no picture and no secret but the attachment
key that the sender committed to; `differs` compares an opening with a hash of the very picture,
within what two decoders may disagree on. Together they are what a recipient's `check` tests, so
whoever is shown an opening that is committed to finds what the recipient found.
Leaves to others: that the opening is the sender's (messaging/franking.py), and that the manifest is
the epoch's own.
"""

import hmac
from dataclasses import dataclass, field
from typing import Final

from softfall.crypto import ristretto
from softfall.media.pdq import PdqHash, Unhashable
from softfall.options.confirm.rebuilding import rebuild
from softfall.options.confirm.wire import CONFIRM_SHARES
from softfall.options.contract import Claim, Mismatch, ScanSecret, Submission
from softfall.options.split import wire
from softfall.options.tags import opening, tolerance
from softfall.options.tags import wire as tags_wire
from softfall.options.tags.opening import Opened, TagRows
from softfall.options.tags.parameters import TagParameters
from softfall.options.tags.wire import VERSION
from softfall.wire import MalformedMessage

NAME: Final = "split"
NOT_THIS_SUBMISSION: Final = Mismatch("not this submission")


@dataclass(frozen=True, slots=True)
class Parts:
    """An opening taken apart: the `tags_opening`, and the seal that was submitted."""

    tags: bytes = field(repr=False)
    sealed: bytes = field(repr=False)


def encode(parts: Parts) -> bytes:
    """The opening's bytes; their number depends on the parameters alone."""
    return wire.OPENING.encode({"version": VERSION, "tags": parts.tags, "sealed": parts.sealed})


def decode(body: bytes) -> Parts | Mismatch:
    """The opening's parts, the tags' still unread; or why there are none."""
    if not body:
        return opening.OMITTED
    try:
        values = tags_wire.decode(wire.OPENING, body)
    except MalformedMessage:
        return opening.MALFORMED
    return Parts(tags_wire.octets(values, "tags"), tags_wire.octets(values, "sealed"))


def submission(rows: TagRows, epoch: int, shares: bytes) -> Submission:
    """What the provider gets: in each table the tags by value, and the `confirm_shares`.

    So the provider can't tell which probe was the unflipped one.
    """
    tags = b"".join(tag for row in rows for tag in sorted(row))
    body = wire.SUBMISSION.encode(
        {"version": VERSION, "tags": tags, "shares": CONFIRM_SHARES.decode(shares)}
    )
    return Submission(NAME, epoch, body)


def unlike(
    opened: Opened, rows: TagRows, sealed: bytes, secret: ScanSecret, submission_digest: bytes
) -> Mismatch | None:
    """Why the stamped submission is not the one of these verified tags and this seal; None if so.

    The provider's share is rebuilt from the hash, so another picture's share shows as well.
    """
    asked, scan_key = opening.asked_hash(opened.hash_bits, secret)
    shares = rebuild(asked, scan_key, secret.option, secret.epoch, sealed)
    made = submission(rows, secret.epoch, shares)
    same = hmac.compare_digest(made.digest, submission_digest)
    return None if same else NOT_THIS_SUBMISSION


def disprove(claim: Claim) -> Mismatch | None:
    """Why the stamped submission is not the one that the opening yields; None if it is.

    Raises BadParameters, MalformedPoint for a manifest that no custodian publishes.
    """
    manifest = claim.manifest
    parameters = TagParameters.decode(manifest.parameters)
    public_key = ristretto.decode_point(manifest.public_key)
    parts = decode(claim.opening)
    if isinstance(parts, Mismatch):
        return parts
    opened = opening.decode(parts.tags, parameters)
    if isinstance(opened, Mismatch):
        return opened
    secret = ScanSecret(claim.attachment_key, NAME, manifest.epoch)
    rows = opening.verified_tags(opened, secret, public_key, parameters)
    if isinstance(rows, Mismatch):
        return rows
    return unlike(opened, rows, parts.sealed, secret, claim.submission_digest)


def differs(media: PdqHash | Unhashable, claim: Claim) -> Mismatch | None:
    """Why the opening is not that of `media`, another decoder's hash; None if it may be."""
    parts = decode(claim.opening)
    if isinstance(parts, Mismatch):
        return parts
    parameters = TagParameters.decode(claim.manifest.parameters)
    opened = opening.decode(parts.tags, parameters)
    if isinstance(opened, Mismatch):
        return opened
    return tolerance.disagreement(media, opened, parameters)
