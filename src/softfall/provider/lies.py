"""What a reported message proves about its sender's app, from what the sender committed to.

Guarantees: a lie is proved by bytes that the sender committed to, beside the provider's own receipt
and the epoch's own manifest, so no reporter can make one up; each comes with its reason. Where the
picture itself must be looked at, the hasher's process does it (edge/hashing.py), never this one.
Refuses to guess: what could not be compared is no lie, and its finding says why.
Limits: a colluding recipient never reports. What a sender gains inside the decoder tolerance is no
lie (docs/options.md). A file that opens as something else, or not at all, is the recipient's word
alone: the provider does not decrypt.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from softfall.edge.hashing import Hasher
from softfall.errors import SoftfallError
from softfall.lists.manifest import read
from softfall.media.hashed import Refused
from softfall.messaging.franking import Opened, key_commitment
from softfall.options.contract import Claim, Evidence
from softfall.provider.options import NONE, OUTAGE


class Lie(StrEnum):
    """What is proved of a sender's app."""

    PICTURE_HIDDEN = "a picture was sent without telling the provider"
    NOTHING_SUBMITTED_FOR = "a submission was made for a message without a picture"
    ANOTHER_FILE = "another file was named inside than outside"
    ANOTHER_KEY = "the file's key is not the one committed to"
    ANOTHER_MANIFEST = "the manifest is not the epoch's own"
    ANOTHER_SUBMISSION = "the submission is not the one that its opening yields"
    ANOTHER_PICTURE = "the opening is not the reported picture's"


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of one reported message. reason: why; empty for words alone."""

    lie: Lie | None
    reason: str


WORDS_ALONE: Final = Finding(None, "")
AGREES: Final = Finding(None, "the submission is this picture's")
AGREES_UNSEEN: Final = Finding(None, "not compared: the picture was not handed over")

KeptManifest = Callable[[str, int], bytes | None]
"""The manifest that this provider served for (option, epoch); None if it keeps it no longer."""


@dataclass(frozen=True, slots=True)
class Examiner:
    """Looks into reported messages. evidence: by option; an option without is never disproved."""

    evidence: Mapping[str, Evidence]
    hasher: Hasher
    seconds_a_report: float

    def deadline(self) -> float:
        """Until when (by the monotonic clock) the pictures of a report that begins now may take."""
        return time.monotonic() + self.seconds_a_report

    def examine(self, opened: Opened, manifest: KeptManifest, deadline: float) -> Finding:
        """One reported message, proved by franking."""
        lie = plain_lie(opened)
        if lie is not None:
            return Finding(lie, "by the receipt and the content committed to")
        receipt, attachment = opened.receipt, opened.attachment
        if attachment is None:
            return WORDS_ALONE
        if receipt.option in (OUTAGE, NONE) or receipt.submission_digest is None:
            return _not_compared("it was sent unmatched")
        evidence = self.evidence.get(receipt.option)
        if evidence is None:
            return _not_compared("the option is not in use here")
        kept = manifest(receipt.option, receipt.epoch)
        if kept is None:
            return _not_compared("the epoch's manifest is no longer kept")
        if kept != opened.manifest:
            return Finding(Lie.ANOTHER_MANIFEST, f"for epoch {receipt.epoch}")
        digest = receipt.submission_digest
        claim = Claim(opened.opening, attachment["key"], read(kept), digest)
        try:
            return self._compare(evidence, claim, opened.picture, deadline)
        except SoftfallError as error:  # a manifest that no halves could use either
            return _not_compared(f"the epoch can't be used: {error.name}")

    def _compare(
        self, evidence: Evidence, claim: Claim, picture: bytes | None, deadline: float
    ) -> Finding:
        mismatch = evidence.disprove(claim)
        if mismatch is not None:
            return Finding(Lie.ANOTHER_SUBMISSION, mismatch.reason)
        if picture is None:
            return AGREES_UNSEEN
        hashed = self.hasher.hash(picture, deadline - time.monotonic())
        if isinstance(hashed, Refused):
            return _not_compared(hashed.reason)
        mismatch = evidence.differs(hashed, claim)
        return AGREES if mismatch is None else Finding(Lie.ANOTHER_PICTURE, mismatch.reason)


def plain_lie(opened: Opened) -> Lie | None:
    """What the receipt and the committed content alone prove of the sender."""
    told, attachment = opened.receipt.attachment, opened.attachment
    if attachment is None:
        return None if told is None else Lie.NOTHING_SUBMITTED_FOR
    if told is None:
        return Lie.PICTURE_HIDDEN
    if told != attachment["ciphertext_sha256"]:
        return Lie.ANOTHER_FILE
    if attachment["key_commitment"] != key_commitment(attachment["key"]):
        return Lie.ANOTHER_KEY
    return None


def _not_compared(why: str) -> Finding:
    return Finding(None, f"not compared: {why}")
