"""What a referral needs of its case: a port, so that its rules can be tried without the rest.

`evidence_casefile.EvidenceCaseFile` is the real one, on casework's tables and vault.
"""

from typing import Protocol

from sqlalchemy import Connection

from softfall.casework.referral.facts import ReferralFacts


class CaseFile(Protocol):
    """One case's facts and evidence, read inside the caller's transaction."""

    def facts(self, tx: Connection, case_id: str) -> ReferralFacts:
        """The case as it is now. Raises what its rooms raise: CaseUnknown, EvidenceGone ..."""

    def picture(self, tx: Connection, evidence_id: int) -> bytes:
        """A picture's bytes. Raises EvidenceGone, EvidenceDamaged."""

    def viewed(self, tx: Connection, evidence_id: int) -> bool:
        """Whether a person saw the whole of a picture, as the audit log has it."""

    def is_decided(self, tx: Connection, case_id: str) -> bool:
        """Whether people have decided, with a second reader where one is due, to refer it."""

    def seal(self, tx: Connection, case_id: str, what: str, body: bytes) -> bytes:
        """Words under the case's own key. what: what they are; opened as nothing else."""

    def unseal(self, tx: Connection, case_id: str, what: str, sealed: bytes) -> bytes:
        """The words. Raises EvidenceGone once the key is gone, EvidenceDamaged."""
