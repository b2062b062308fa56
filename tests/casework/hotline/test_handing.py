"""A referral taken out by hand, and a case's evidence: the gate, the record, what is in them."""

import hashlib
import io

import pytest

from softfall.audit import trail
from softfall.casework.bundle_check import check_bundle
from softfall.casework.bundle_export import EXPORTED, Export, ExportReasonMissing, export_case
from softfall.casework.cases import CaseUnknown
from softfall.casework.hotline.document import Referral
from softfall.casework.hotline.handing import HANDED_OUT, HandedOut, hand_out
from softfall.casework.referral.referrals import ReferralNotDecided
from softfall.casework.rights import NotYourRole, StaffRef
from softfall.config import Settings
from tests.casework.hotline.street import EDITS, SERVICE, Street
from tests.casework.office import AUDITOR, LEA, MO, report

PICTURE = b"\xff\xd8\xff" + bytes(100)
DIGEST = hashlib.sha256(PICTURE).hexdigest()
KEYS = Settings(referral=SERVICE)


def handed_out(street: Street, case_id: str, staff: StaffRef = LEA) -> HandedOut:
    asked = Export(case_id, staff, "for the hotline's page", street.office.now_ms)
    return hand_out(street.office.db, street.casefile, street.referrals, street.signer, asked, KEYS)


def exported(street: Street, case_id: str, staff: StaffRef = LEA, reason: str = "asked") -> bytes:
    file = io.BytesIO()
    asked = Export(case_id, staff, reason, street.office.now_ms)
    export_case(street.office.db, street.casefile, street.signer, asked, file)
    return file.getvalue()


def test_an_approved_referral_is_handed_out_and_on_record(street: Street) -> None:
    case_id = street.referred(report(picture=DIGEST), PICTURE)
    made = handed_out(street, case_id)
    referral = Referral.model_validate_json(made.document)
    assert (referral.summary, referral.service.name) == (EDITS.summary, SERVICE.esp_name)
    assert made.page.startswith(b"%PDF-")
    assert check_bundle(io.BytesIO(made.bundle), frozenset({street.signer.public_key})).whole
    assert HANDED_OUT in street.office.audited(case_id)


def test_what_is_not_decided_is_not_handed_out_and_leaves_no_line(street: Street) -> None:
    case_id = street.drafted(report())
    with pytest.raises(ReferralNotDecided):
        handed_out(street, case_id)
    assert HANDED_OUT not in street.office.audited(case_id)


def test_an_export_has_its_line_with_the_reason_before_and_inside(street: Street) -> None:
    case_id = street.office.take_in(report(words="a reported word"))
    body = exported(street, case_id, reason="the police asked for it")
    verdict = check_bundle(io.BytesIO(body), frozenset({street.signer.public_key}))
    assert (verdict.whole, verdict.made_by, verdict.case_id) == (True, "lea", case_id)
    assert b"a reported word" in body
    with street.office.db.read() as tx:
        (line,) = trail.read(tx, action=EXPORTED)
    assert (line.who, line.subject) == ("lea", case_id)
    assert "the police asked for it" in line.details
    assert line.hash.hex().encode() in body


@pytest.mark.parametrize("staff", [MO, AUDITOR])
def test_only_a_lead_takes_evidence_out(street: Street, staff: StaffRef) -> None:
    case_id = street.referred(report())
    with pytest.raises(NotYourRole):
        exported(street, case_id, staff)
    with pytest.raises(NotYourRole):
        handed_out(street, case_id, staff)


def test_an_export_without_a_reason_or_a_case_is_refused(street: Street) -> None:
    case_id = street.office.take_in(report())
    with pytest.raises(ExportReasonMissing):
        exported(street, case_id, reason="  ")
    with pytest.raises(CaseUnknown):
        exported(street, "0" * 32)
    with street.office.db.read() as tx:
        assert trail.read(tx, action=EXPORTED) == []
