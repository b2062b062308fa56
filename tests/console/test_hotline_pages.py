"""A referral that goes by e-mail alone: read, let out, and mended by a lead, on the same pages."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from softfall.casework import shifts
from softfall.casework.hotline.life import MailState
from softfall.casework.hotline.sending import HotlineSender
from softfall.casework.model import Outcome, Role
from softfall.casework.rights import StaffRef
from softfall.config import HotlineSettings
from tests.casework.office import report, ruling

from .house import Browser, House, console

MO = StaffRef("mo", Role.MODERATOR)
LEA, LOU = StaffRef("lea", Role.LEAD), StaffRef("lou", Role.LEAD)
NOBODY = HotlineSettings(
    name="A hotline",
    email_to="reports@hotline.example",
    email_from="safety@chat.example",
    smtp_host="127.0.0.1",
    smtp_port=9,  # nobody listens
    certificate_file="/nowhere/hotline.pem",
)


@pytest.fixture
def house(tmp_path: Path, tls_dir: Path) -> Iterator[House]:
    with console(tmp_path / "console", tls_dir, hotline=NOBODY) as house:
        yield house


@pytest.fixture
def lou(house: House) -> Browser:
    for staff in (MO, LEA):
        house.add(staff.name, staff.role)
    browser = house.person(Role.LEAD, LOU.name)
    with house.service.db.write() as tx:
        shifts.start(tx, LOU, house.service.settings.casework, house.clock())
    return browser


@pytest.fixture
def case_id(house: House) -> str:
    """Decided as a referral by two people; its documents were not read."""
    desk = house.service.desk
    case_id = desk.take_in("provider", report("mallory", "see you at the park")).case_id
    desk.take(case_id, MO)
    desk.decide(case_id, MO, ruling(Outcome.REFER))
    desk.second_read(case_id, LEA, True, "agreed")
    return case_id


def state(house: House, case_id: str) -> MailState | None:
    letter = house.service.hotline.status(case_id)
    return letter.state if letter else None


def let_out(house: House, lou: Browser, case_id: str) -> None:
    lou.post(f"/cases/{case_id}/referral/read", {"reason": "to let it go"})
    digest = house.service.referrals.draft(case_id).digest
    done = lou.post(f"/cases/{case_id}/referral/approve", {"documents_digest": digest})
    assert done.status_code == 303


def stop(house: House) -> None:
    """A try to send it, which a missing certificate stops."""
    service = house.service
    HotlineSender(
        service.db, service.clock, service.settings.hotline, service._casefile, service._signer
    ).run_once()


def test_it_is_queued_once_a_lead_has_read_it(house: House, lou: Browser, case_id: str) -> None:
    assert state(house, case_id) is None
    let_out(house, lou, case_id)
    assert state(house, case_id) is MailState.QUEUED
    assert "By e-mail to A hotline: queued" in lou.get(f"/cases/{case_id}/referral").text


def test_one_that_stopped_waits_on_the_leads_page_and_is_begun_again(
    house: House, lou: Browser, case_id: str
) -> None:
    let_out(house, lou, case_id)
    stop(house)
    assert state(house, case_id) is MailState.STOPPED
    assert "hotline.certificate_file holds no certificate" in lou.get("/lead").text
    done = lou.post(f"/cases/{case_id}/hotline/begin again", {"reason": "it is there now"})
    assert done.status_code == 303
    assert state(house, case_id) is MailState.QUEUED
    done = lou.post(f"/cases/{case_id}/hotline/withdraw", {"reason": "a mistake"})
    assert (done.status_code, state(house, case_id)) == (303, MailState.WITHDRAWN)
    again = lou.post(f"/cases/{case_id}/hotline/begin again", {"reason": "after all"})
    assert again.status_code == 409


def test_nobody_says_that_it_was_sent(house: House, lou: Browser, case_id: str) -> None:
    let_out(house, lou, case_id)
    assert lou.post(f"/cases/{case_id}/hotline/accepted", {"reason": "no"}).status_code == 400
    assert state(house, case_id) is MailState.QUEUED


def test_a_moderator_does_nothing_about_it(house: House, lou: Browser, case_id: str) -> None:
    let_out(house, lou, case_id)
    other = house.person(Role.MODERATOR, "mia")
    told = other.post(f"/cases/{case_id}/hotline/withdraw", {"reason": "a mistake"})
    assert (told.status_code, state(house, case_id)) == (403, MailState.QUEUED)
