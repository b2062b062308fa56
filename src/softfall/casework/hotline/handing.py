"""A referral as files, for a hotline that takes them by its own web page, or by hand.

Guarantees: the same gate as any sending: decided, with its second reader where one is due, and its
words approved; who took it out and why is in the audit log before a file exists. What becomes of
the files afterwards is on nobody's record here.
Refuses by name: what was not decided, or not approved.
"""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from softfall.casework.bundle import About, Signer, write_bundle
from softfall.casework.bundle_export import REFERRAL, Export, case_parts, record_export
from softfall.casework.hotline.document import referral_document, to_json
from softfall.casework.hotline.outbox import decision_of
from softfall.casework.hotline.page import draw_page
from softfall.casework.referral.casefile import CaseFile
from softfall.casework.referral.referrals import ReferralNotDecided, Referrals
from softfall.config import Settings
from softfall.store.transactions import Database

HANDED_OUT: Final = "referral.handed_out"


@dataclass(frozen=True, slots=True)
class HandedOut:
    """A referral's three files."""

    document: bytes
    page: bytes
    bundle: bytes


def hand_out(
    db: Database,
    casefile: CaseFile,
    referrals: Referrals,
    signer: Signer,
    asked: Export,
    settings: Settings,
) -> HandedOut:
    """The referral of a case, made now.

    Raises NotYourRole, CaseUnknown, ExportReasonMissing, ReferralNotDecided, ReferralNotApproved,
    DraftMoved, EvidenceGone, EvidenceDamaged, BundleUnfit, FontUnusable.
    """
    with db.write() as tx:
        record_export(tx, asked, HANDED_OUT)
        if not casefile.is_decided(tx, asked.case_id):
            raise ReferralNotDecided("this case is not decided as a referral")
        edits = referrals.approved_edits(tx, asked.case_id)
        decided = decision_of(tx, asked.case_id)
    about = About(asked.case_id, asked.now_ms, settings.referral.esp_name, REFERRAL)
    with db.read() as tx:
        facts = casefile.facts(tx, asked.case_id)
        referral = referral_document(facts, edits, decided, settings.referral, asked.now_ms)
        file = io.BytesIO()
        parts = case_parts(tx, casefile, facts, referral.case)
        write_bundle(file, about, parts, signer)
    hotline = settings.hotline
    font = Path(hotline.font_file) if hotline.font_file else None
    return HandedOut(to_json(referral), draw_page(referral, hotline.name, font), file.getvalue())
