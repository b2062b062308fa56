"""A case of the database as the parts of an evidence bundle, with its lines of the audit log.

Guarantees: an export's own line, with its reason, is in the audit log before anything of it exists,
and is in the bundle; lines that were written later are not, so that the same export can be made
again byte for byte. Pictures are opened one at a time.
Refuses, as `ExportReasonMissing`: an export without a reason.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

from sqlalchemy import Connection

from softfall.audit import trail
from softfall.audit.files import line_json
from softfall.audit.keeping import kept_checkpoints
from softfall.casework import rights
from softfall.casework.bundle import About, Signer, write_bundle
from softfall.casework.bundle_check import AUDIT
from softfall.casework.cases import find
from softfall.casework.hotline.document import CaseDocument, case_document, to_json
from softfall.casework.referral.casefile import CaseFile
from softfall.casework.referral.facts import ReferralFacts
from softfall.casework.rights import Deed, StaffRef
from softfall.errors import InputError, OperatorError
from softfall.store.transactions import Database

EXPORTED: Final = "evidence.exported"
CASE: Final = "case.json"
REFERRAL: Final = "referral"
"""Why a referral's bundle was made, as its manifest says."""

MIN_REASON: Final = 3
MAX_REASON: Final = 400
_LINES_AT_ONCE = 1_000


class ExportReasonMissing(InputError):
    """An export of evidence without a reason, or with one that is too long; nothing was written."""

    remedy = f"Say why, in {MIN_REASON} to {MAX_REASON} characters."


class EvidenceChanged(OperatorError):
    """A case's pictures are no longer the ones that its document names."""

    remedy = "Make the export, or the referral, again: evidence was added or deleted since."


@dataclass(frozen=True, slots=True)
class Export:
    """An export that is asked for: of which case, by whom, why, and when (Unix ms)."""

    case_id: str
    staff: StaffRef
    reason: str
    now_ms: int


def export_case(
    db: Database, casefile: CaseFile, signer: Signer, asked: Export, file: BinaryIO
) -> int:
    """Write a case's bundle; its size in bytes. The audit log has its line before.

    Raises NotYourRole, CaseUnknown, ExportReasonMissing, EvidenceGone, EvidenceDamaged,
    BundleUnfit.
    """
    with db.write() as tx:
        until = record_export(tx, asked, EXPORTED)
    about = About(asked.case_id, asked.now_ms, asked.staff.name, asked.reason)
    with db.read() as tx:
        facts = casefile.facts(tx, asked.case_id)
        parts = case_parts(tx, casefile, facts, case_document(facts), until)
        return write_bundle(file, about, parts, signer)


def record_export(tx: Connection, asked: Export, action: str) -> int:
    """Write the export's line of the audit log; its number.

    Raises NotYourRole, CaseUnknown, ExportReasonMissing.
    """
    rights.check(asked.staff, Deed.EXPORT)
    find(tx, asked.case_id)
    said = " ".join(asked.reason.split())
    if not MIN_REASON <= len(said) <= MAX_REASON:
        raise ExportReasonMissing("an export needs a reason")
    return trail.append(tx, asked.now_ms, asked.staff.name, action, asked.case_id, {"reason": said})


def case_parts(
    tx: Connection,
    casefile: CaseFile,
    facts: ReferralFacts,
    document: CaseDocument,
    until: int | None = None,
) -> Iterator[tuple[str, bytes]]:
    """The parts, in order. until: the last line of the audit log that belongs to it, with names and
    reasons of staff; None: none of it, for whoever has no business with them.

    document: of the same case; only the pictures that it names are in. Raises EvidenceGone,
    EvidenceDamaged, EvidenceChanged.
    """
    yield (CASE, to_json(document))
    if until is not None:
        yield (AUDIT, b"".join(_lines(tx, facts.case_id, until)))
    numbers = {picture.file_name: picture.evidence_id for picture in facts.pictures}
    for picture in document.pictures:
        number = numbers.get(picture.file)
        body = b"" if number is None else casefile.picture(tx, number)
        if hashlib.sha256(body).hexdigest() != picture.sha256:
            raise EvidenceChanged(f"{picture.file} is not what the document names")
        yield (f"evidence/{picture.file}", body)


def _lines(tx: Connection, case_id: str, until: int) -> Iterator[bytes]:
    """The newest checkpoint of then, and the case's lines up to then."""
    signed = [each for each in kept_checkpoints(tx) if each.number < until]
    if signed:
        yield b'{"checkpoint":' + signed[-1].to_json().encode() + b"}\n"
    since = 0
    while lines := trail.read(tx, since, _LINES_AT_ONCE, subject=case_id):
        yield from (line_json(line).encode() + b"\n" for line in lines if line.number <= until)
        since = lines[-1].number
