"""From a report that comes in to a referral that is sent: the real desk, vault and audit log."""

import hashlib
from collections.abc import Iterator

import pytest

from softfall.audit import trail
from softfall.casework import shifts
from softfall.casework.decisions import SameReader
from softfall.casework.desk import CaseDesk
from softfall.casework.effects import RECEIVED
from softfall.casework.evidence.vault import EvidenceGone, forget_case
from softfall.casework.evidence.views import Asked, View, Views
from softfall.casework.model import Outcome, Source
from softfall.casework.referral.client import Client
from softfall.casework.referral.compose import NOT_VIEWED
from softfall.casework.referral.documents import date_time
from softfall.casework.referral.evidence_casefile import EvidenceCaseFile
from softfall.casework.referral.facts import Edits
from softfall.casework.referral.life import State
from softfall.casework.referral.referrals import DraftMoved, OwnWords, Referrals
from softfall.casework.referral.report import Moment
from softfall.casework.referral.sending import Sender
from softfall.casework.referral.standing import awaits_approval
from softfall.casework.rights import StaffRef
from softfall.media.rendered import CLEAREST, REGIONS, WHOLE
from softfall.testing.cybertipline import Authority, Fate
from tests.casework.office import (
    CERTIFIED,
    LEA,
    LOU,
    MO,
    START_MS,
    Office,
    hold,
    new_office,
    report,
)
from tests.casework.referral.town import SETTINGS, transport
from tests.databases import Databases

PICTURE = b"\x89PNG\r\n\x1a\n and a harmless photograph"
SHA256 = hashlib.sha256(PICTURE).hexdigest()


class Referring:
    """An office whose desk lets referrals out."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.casefile = EvidenceCaseFile(office.vault)
        self.referrals = Referrals(office.db, office.clock, SETTINGS, self.casefile)
        self.desk = office.desk = CaseDesk(
            office.db, office.clock, office.rules, office.vault, self.referrals
        )
        self.views = Views(office.vault, office.rules)
        self.authority = Authority(office.clock)

    def send(self) -> None:
        with Client(SETTINGS, transport(self.authority)) as client:
            sender = Sender(self.office.db, self.office.clock, client, self.casefile)
            while sender.run_once():
                pass

    def look(self, case_id: str, evidence: int, region: int, staff: StaffRef = MO) -> None:
        blur = 0 if region == WHOLE else CLEAREST
        asked = Asked(case_id, evidence, region, "to decide", blur)
        with self.office.db.write() as tx:
            view = self.views.open_view(tx, staff, asked, self.office.now_ms)
        assert isinstance(view, View)

    def agree(self, case_id: str, reader: StaffRef = LEA) -> None:
        digest = self.referrals.draft(case_id).digest
        self.desk.second_read(case_id, reader, True, "agreed", documents_digest=digest)


@pytest.fixture
def here(databases: Databases) -> Iterator[Referring]:
    """With everybody on shift."""
    office = new_office(databases)
    with office.db.write() as tx:
        for person in (MO, LEA, LOU):
            shifts.start(tx, person, office.rules, office.now_ms)
    yield Referring(office)
    office.db.close()


def a_report_with_a_picture(here: Referring) -> tuple[str, int]:
    """A case in the hands of MO, and the picture's number as evidence."""
    incoming = report("mallory", "see you at the park", SHA256)
    case_id = here.office.take_in(incoming)
    here.desk.put_picture("provider", incoming.reference, SHA256, PICTURE)
    here.desk.take(case_id, MO)
    (picture,) = here.referrals.draft(case_id).facts.pictures  # type: ignore[union-attr]
    return case_id, picture.evidence_id


def test_from_a_report_to_one_finished_referral(here: Referring) -> None:
    case_id, picture = a_report_with_a_picture(here)
    for region in range(REGIONS):
        here.look(case_id, picture, region)
    here.referrals.save_draft(case_id, "mo", Edits(summary="In words."), 0)
    here.office.decide(case_id, Outcome.REFER)
    here.send()
    assert not here.authority.reports(), "one person alone sends nothing"
    here.agree(case_id)
    here.send()
    (sent,) = here.authority.reports()
    assert sent.fate is Fate.FINISHED
    assert b"see you at the park" in sent.document
    assert b"In words." in sent.document
    assert b"<espIdentifier>mallory<" in sent.document
    (file,) = sent.files
    assert file.md5 == hashlib.md5(PICTURE).hexdigest()
    assert file.name == "evidence-1.png"
    assert b"<fileViewedByEsp>true<" in (file.details or b"")
    assert SHA256.encode() in (file.details or b"")
    received = date_time(Moment(START_MS)).encode()
    assert b"<uploadedToEspTimestamp>" + received in (file.details or b"")
    assert here.office.audited(case_id)[-1] == "referral.sent"
    with here.office.db.read() as tx:
        assert not any(SHA256 in line.details for line in trail.read(tx))


def test_one_picture_from_two_accounts_is_one_referral_of_both(here: Referring) -> None:
    first, second = (report(name, "hello", SHA256) for name in ("mallory", "eve"))
    case_id = here.office.take_in(first)
    assert here.office.take_in(second) == case_id
    report_xml = here.referrals.draft(case_id).package.report
    for name in (b"mallory", b"eve"):
        assert b"<espIdentifier>" + name + b"<" in report_xml


def test_who_received_a_listed_picture_is_never_reported_for_it(here: Referring) -> None:
    """Whichever came first: the recipient's word opens the case, or joins it."""
    for first, second in ((0, 1), (1, 0)):
        facts = CERTIFIED.model_copy(update={"entry": 70 + first})
        both = (
            hold("kim", facts, source=Source.BLOCKED, kind=RECEIVED, held=None),
            hold("mallory", facts),
        )
        case_id = here.office.take_in(both[first])
        assert here.office.take_in(both[second]) == case_id
        package = here.referrals.draft(case_id).package
        assert b"<espIdentifier>mallory<" in package.report
        assert b"kim" not in package.report
        assert b"The app of an account that had received a picture found it" in package.report


def test_a_picture_of_which_one_region_is_missing_was_not_viewed(here: Referring) -> None:
    case_id, picture = a_report_with_a_picture(here)
    for region in range(REGIONS - 1):
        here.look(case_id, picture, region)
    (file,) = here.referrals.draft(case_id).package.files
    assert not file.viewed
    assert b"<fileViewedByEsp>false<" in file.details


def test_a_confirmed_hold_is_referred_unviewed_and_without_a_file(here: Referring) -> None:
    case_id = here.office.take_in(hold("mallory"))
    here.office.decide(case_id, Outcome.REFER)
    here.agree(case_id)
    here.send()
    (sent,) = here.authority.reports()
    assert sent.fate is Fate.FINISHED
    assert not sent.files
    assert NOT_VIEWED.encode() in sent.document
    assert b"2 organisations certify (north, south)" in sent.document


def test_a_reader_who_did_not_see_the_newest_draft_agrees_to_nothing(here: Referring) -> None:
    case_id = here.office.take_in(hold("mallory"))
    here.office.decide(case_id, Outcome.REFER)
    shown = here.referrals.draft(case_id)
    here.referrals.save_draft(case_id, "mo", Edits(summary="changed meanwhile"), 0)
    with pytest.raises(DraftMoved):
        here.desk.second_read(case_id, LEA, True, "agreed", documents_digest=shown.digest)
    assert "case.decided" not in here.office.audited(case_id)
    here.agree(case_id)
    here.send()
    assert len(here.authority.reports()) == 1


def test_who_wrote_or_decided_is_no_second_reader(here: Referring) -> None:
    case_id = here.office.take_in(hold("mallory"))
    here.office.decide(case_id, Outcome.REFER, LEA)
    here.referrals.save_draft(case_id, "lou", Edits(summary="in words"), 0)
    with pytest.raises(SameReader):
        here.agree(case_id, LEA)
    with pytest.raises(OwnWords):
        here.agree(case_id, LOU)
    here.send()
    assert not here.authority.reports()


def test_a_referral_that_was_agreed_to_unread_waits_until_somebody_reads_it(
    here: Referring,
) -> None:
    case_id, _ = a_report_with_a_picture(here)
    here.office.decide(case_id, Outcome.REFER)
    here.desk.second_read(case_id, LEA, True, "agreed")
    here.send()
    assert not here.authority.reports()
    assert here.referrals.awaiting_approval() == [case_id]
    words = here.referrals.draft(case_id).facts.sources[0].words[0]  # type: ignore[union-attr]
    here.look(case_id, words.evidence_id, WHOLE, LOU)
    draft = here.referrals.draft(case_id)
    assert here.referrals.approve(case_id, "lou", draft.digest) is State.QUEUED
    with here.office.db.read() as tx:
        assert not awaits_approval(tx, case_id)
    here.send()
    assert [each.fate for each in here.authority.reports()] == [Fate.FINISHED]


def test_an_appeal_that_is_won_takes_an_unfinished_referral_back(here: Referring) -> None:
    case_id = here.office.take_in(hold("mallory"))
    here.office.decide(case_id, Outcome.REFER)
    here.agree(case_id)
    appeal = here.office.appeal(case_id, "mallory")
    here.desk.decide_appeal(appeal, LOU, False, "it was a mistake")
    here.send()
    assert not [each for each in here.authority.reports() if each.fate is Fate.FINISHED]
    assert here.referrals.status(case_id).state is State.WITHDRAWN


def test_with_the_cases_key_its_draft_and_documents_are_gone(here: Referring) -> None:
    case_id = here.office.take_in(hold("mallory"))
    here.referrals.save_draft(case_id, "mo", Edits(summary="in words"), 0)
    with here.office.db.write() as tx:
        from softfall.casework.cases import find

        forget_case(tx, find(tx, case_id).row, here.office.now_ms)
    with pytest.raises(EvidenceGone):
        here.referrals.draft(case_id)
