"""From a verified opening to the submission it yields, and what that proves of a sender.

Guarantees: `disprove` answers from bytes alone, with no picture and no secret but the attachment
key that the sender committed to; `differs` compares an opening with a hash of the very picture,
within what two decoders may disagree on. Together they are what a recipient's `check` tests, so
whoever is shown an opening that is committed to finds what the recipient found.
Leaves to others: that the opening is the sender's (messaging/franking.py), and that the manifest is
the epoch's own.
"""

import hmac
from typing import Final

from softfall.crypto import ristretto
from softfall.media.pdq import PdqHash, Unhashable
from softfall.options.contract import Claim, Mismatch, ScanSecret, Submission
from softfall.options.split import wire
from softfall.options.tags import opening, tolerance
from softfall.options.tags.opening import TagRows
from softfall.options.tags.parameters import TagParameters
from softfall.options.tags.wire import VERSION

NAME: Final = "split"
NOT_THIS_SUBMISSION: Final = Mismatch("not this submission")


def submission(rows: TagRows, epoch: int) -> Submission:
    """What the provider gets: in each table the tags by value.

    So the provider can't tell which probe was the unflipped one.
    """
    tags = b"".join(tag for row in rows for tag in sorted(row))
    body = wire.TAGS.encode({"version": VERSION, "tags": tags})
    return Submission(NAME, epoch, body)


def disprove(claim: Claim) -> Mismatch | None:
    """Why the stamped submission is not the one that the opening yields; None if it is.

    Raises BadParameters, MalformedPoint for a manifest that no custodian publishes.
    """
    manifest = claim.manifest
    parameters = TagParameters.decode(manifest.parameters)
    public_key = ristretto.decode_point(manifest.public_key)
    opened = opening.decode(claim.opening, parameters)
    if isinstance(opened, Mismatch):
        return opened
    secret = ScanSecret(claim.attachment_key, NAME, manifest.epoch)
    rows = opening.verified_tags(opened, secret, public_key, parameters)
    if isinstance(rows, Mismatch):
        return rows
    made = submission(rows, manifest.epoch)
    same = hmac.compare_digest(made.digest, claim.submission_digest)
    return None if same else NOT_THIS_SUBMISSION


def differs(media: PdqHash | Unhashable, claim: Claim) -> Mismatch | None:
    """Why the opening is not that of `media`, another decoder's hash; None if it may be."""
    parameters = TagParameters.decode(claim.manifest.parameters)
    opened = opening.decode(claim.opening, parameters)
    if isinstance(opened, Mismatch):
        return opened
    return tolerance.disagreement(media, opened, parameters)
