"""A decided referral whose documents nobody has read: who may read it, and what lets it out."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from softfall.casework import shifts
from softfall.casework.model import Outcome, Role
from softfall.casework.referral.life import State
from softfall.casework.rights import StaffRef
from tests.casework.office import report, ruling
from tests.casework.referral.town import SETTINGS

from .house import Browser, House, console

WORDS = "see you at the park"
MO = StaffRef("mo", Role.MODERATOR)
LEA, LOU = StaffRef("lea", Role.LEAD), StaffRef("lou", Role.LEAD)


@pytest.fixture
def house(tmp_path: Path, tls_dir: Path) -> Iterator[House]:
    with console(tmp_path / "console", tls_dir, referral=SETTINGS) as house:
        yield house


@pytest.fixture
def lou(house: House) -> Browser:
    """A lead, at work, beside a moderator and another lead who decided."""
    for staff in (MO, LEA):
        house.add(staff.name, staff.role)
    browser = house.person(Role.LEAD, LOU.name)
    with house.service.db.write() as tx:
        shifts.start(tx, LOU, house.service.settings.casework, house.clock())
    return browser


@pytest.fixture
def case_id(house: House) -> str:
    """Decided as a referral by two people, the second of whom did not open the documents."""
    desk = house.service.desk
    case_id = desk.take_in("provider", report("mallory", WORDS)).case_id
    desk.take(case_id, MO)
    desk.decide(case_id, MO, ruling(Outcome.REFER))
    desk.second_read(case_id, LEA, True, "agreed")
    return case_id


def test_it_waits_on_the_leads_page_and_goes_once_it_was_read(
    house: House, lou: Browser, case_id: str
) -> None:
    assert f"/cases/{case_id}/referral" in lou.get("/lead").text
    page = lou.get(f"/cases/{case_id}/referral").text
    assert "not sent" in page
    assert WORDS not in page
    read = lou.post(f"/cases/{case_id}/referral/read", {"reason": "to let it go"})
    assert WORDS in read.text
    assert house.lines("evidence.viewed")[-1].who == "lou"
    digest = house.service.referrals.draft(case_id).digest
    assert digest in read.text
    agreed = lou.post(f"/cases/{case_id}/referral/approve", {"documents_digest": digest})
    assert agreed.status_code == 303
    assert house.service.referrals.status(case_id).state is State.QUEUED
    again = lou.post(f"/cases/{case_id}/referral/approve", {"documents_digest": digest})
    assert again.status_code == 403


def test_a_digest_that_was_not_shown_lets_nothing_out(
    house: House, lou: Browser, case_id: str
) -> None:
    for digest, status in (("0" * 64, 409), ("", 422)):
        told = lou.post(f"/cases/{case_id}/referral/approve", {"documents_digest": digest})
        assert told.status_code == status
    assert house.service.referrals.awaits_approval(case_id)


def test_a_moderator_lets_nothing_out(house: House, lou: Browser, case_id: str) -> None:
    digest = house.service.referrals.draft(case_id).digest
    other = house.person(Role.MODERATOR, "mia")
    told = other.post(f"/cases/{case_id}/referral/approve", {"documents_digest": digest})
    assert told.status_code == 403
    assert house.service.referrals.awaits_approval(case_id)


def test_the_words_of_one_that_is_on_its_way_are_shown_to_nobody(
    house: House, lou: Browser, case_id: str
) -> None:
    digest = house.service.referrals.draft(case_id).digest
    lou.post(f"/cases/{case_id}/referral/approve", {"documents_digest": digest})
    before = len(house.lines("evidence.viewed"))
    page = lou.get(f"/cases/{case_id}/referral")
    assert page.status_code == 200
    read = lou.post(f"/cases/{case_id}/referral/read", {"reason": "out of interest"})
    assert read.status_code == 409
    assert WORDS not in page.text + read.text
    assert len(house.lines("evidence.viewed")) == before


def test_a_case_without_a_decision_has_nothing_to_approve(house: House, lou: Browser) -> None:
    case_id = house.service.desk.take_in("provider", report("eve", WORDS)).case_id
    digest = house.service.referrals.draft(case_id).digest
    told = lou.post(f"/cases/{case_id}/referral/approve", {"documents_digest": digest})
    assert told.status_code == 403
