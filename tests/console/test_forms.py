"""Forms of the work that are refused: nothing that was typed is lost, and the page leads on."""

import html
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from httpx import Response

from softfall.casework import shifts
from softfall.casework.incoming import AppealMade
from softfall.casework.model import Outcome, Role
from softfall.casework.referral.facts import Edits
from softfall.casework.referral.life import State
from softfall.casework.rights import StaffRef
from tests.casework.office import report, ruling
from tests.casework.referral.town import SETTINGS

from .house import Browser, House, console

WORDS = "see you at the park"
PICTURE = "ab" * 32
MO, LEA = StaffRef("mo", Role.MODERATOR), StaffRef("lea", Role.LEAD)


@pytest.fixture
def house(tmp_path: Path, tls_dir: Path) -> Iterator[House]:
    with console(tmp_path / "console", tls_dir, referral=SETTINGS) as house:
        yield house


@pytest.fixture
def mo(house: House) -> Browser:
    return at_work(house, MO)


@pytest.fixture
def lea(house: House) -> Browser:
    return at_work(house, LEA)


def at_work(house: House, staff: StaffRef) -> Browser:
    browser = house.person(staff.role, staff.name)
    with house.service.db.write() as tx:
        shifts.start(tx, staff, house.service.settings.casework, house.clock())
    return browser


def taken(house: House, staff: StaffRef = MO, **changes: Any) -> str:
    """A report that this person has."""
    told = {"subject": "mallory", "words": WORDS, **changes}
    case_id = house.service.desk.take_in("provider", report(**told)).case_id
    house.service.desk.take(case_id, staff)
    return case_id


def evidence_of(house: House, case_id: str) -> int:
    return house.service.desk.case(case_id, LEA).evidence[0].evidence_id


def save(browser: Browser, case_id: str, **values: str) -> Response:
    return browser.post(f"/cases/{case_id}/referral", {"revision": "0", **values})


def has_value(page: str, name: str, value: str) -> bool:
    return re.search(rf'name="{name}"[^>]*value="{re.escape(value)}"', page) is not None


def test_a_refused_draft_comes_back_as_it_was_typed(house: House, mo: Browser) -> None:
    case_id = taken(house)
    typed = {
        "summary": "typed with care", "subject_words": "new since May", "group": "the choir",
        "victim_age": "eleven", "reporter_is": "victim", "incident_at": "2026-03-01T10:30",
        "left_out": "0" * 32,
    }  # fmt: skip
    refused = save(mo, case_id, **typed)
    assert refused.status_code == 409
    assert "victim_age is too long, or not of its form" in refused.text
    assert ">typed with care</textarea>" in refused.text
    assert ">new since May</textarea>" in refused.text
    for name in ("group", "victim_age", "incident_at"):
        assert has_value(refused.text, name, typed[name]), name
    assert '<option value="victim" selected>' in refused.text
    assert house.service.referrals.draft(case_id).revision == 0
    assert save(mo, case_id, **{**typed, "victim_age": "11"}).status_code == 303
    edits = house.service.referrals.draft(case_id).edits
    assert (edits.summary, edits.victim_age, edits.group) == ("typed with care", 11, "the choir")
    kept = mo.get(f"/cases/{case_id}/referral").text
    assert has_value(kept, "incident_at", "2026-03-01T10:30")


def test_a_draft_that_somebody_else_saved_since_is_shown_beside_what_was_typed(
    house: House, mo: Browser
) -> None:
    case_id = taken(house)
    house.service.referrals.save_draft(case_id, "lea", Edits(summary="words of Lea"), 0)
    late = save(mo, case_id, summary="words of Mo")
    assert late.status_code == 409
    assert ">words of Mo</textarea>" in late.text
    assert "<dd>words of Lea</dd>" in late.text
    assert "Saved by lea since" in late.text
    assert house.service.referrals.draft(case_id).edits.summary == "words of Lea"
    assert has_value(late.text, "revision", "1")
    assert save(mo, case_id, summary="words of both", revision="1").status_code == 303
    assert house.service.referrals.draft(case_id).edits.summary == "words of both"


@pytest.mark.parametrize("number", ["9" * 5_000, str(2**70), "-1", "one"])
def test_a_file_that_no_case_can_have_is_refused_by_name(
    house: House, mo: Browser, number: str
) -> None:
    case_id = taken(house)
    refused = save(mo, case_id, summary="typed with care", file=number)
    assert refused.status_code == 409
    assert "The field files is too long, or not of its form" in refused.text
    assert ">typed with care</textarea>" in refused.text
    assert house.service.referrals.draft(case_id).revision == 0


@pytest.mark.parametrize("revision", ["", "9" * 5_000, "-1", "one"])
def test_a_revision_that_is_none_is_refused_by_name(
    house: House, mo: Browser, revision: str
) -> None:
    case_id = taken(house)
    refused = save(mo, case_id, summary="typed with care", revision=revision)
    assert refused.status_code == 409
    assert ">typed with care</textarea>" in refused.text


def test_a_refused_decision_keeps_days_accounts_and_why(house: House, lea: Browser) -> None:
    desk = house.service.desk
    case_id = taken(house, LEA, picture=PICTURE)
    assert desk.take_in("provider", report("eve", WORDS, PICTURE)).case_id == case_id
    desk.mark_own_picture(case_id, LEA, True, "both say so")
    version = str(desk.case(case_id, LEA).version)
    refused = lea.post(
        f"/cases/{case_id}/decide",
        {
            "outcome": "restrict", "policy": "child-safety", "reason": "x", "version": version,
            "restrict_days": "17", "override_reason": "an adult pretends",
            "account": "eve",
        },
    )  # fmt: skip
    assert refused.status_code == 409
    assert has_value(refused.text, "restrict_days", "17")
    assert 'name="account" value="eve" checked' in refused.text
    assert 'name="account" value="mallory">' in refused.text
    assert ">an adult pretends</textarea>" in refused.text
    assert re.search(r'value="restrict" required checked', refused.text)


def test_a_reporter_who_asked_not_to_be_named_is_no_choice_of_the_draft(
    house: House, mo: Browser
) -> None:
    unnamed = mo.get(f"/cases/{taken(house, reporter=None)}/referral").text
    assert "The reporting account asked not to be named, and is not." in unnamed
    assert 'name="reporter_is"' not in unnamed
    case_id = house.service.desk.take_in("provider", report("eve", WORDS)).case_id
    named = mo.get(f"/cases/{case_id}/referral").text
    assert '<option value="recipient" selected>' in named
    assert "asked not to be named" not in named


def test_too_short_a_reason_shows_the_closed_page_again(house: House, mo: Browser) -> None:
    case_id = taken(house)
    path = f"/cases/{case_id}/evidence/{evidence_of(house, case_id)}"
    for asked in (f"{path}/read", f"/cases/{case_id}/referral/read"):
        refused = mo.post(asked, {"reason": "x"})
        assert refused.status_code == 409
        assert "A view needs a reason." in refused.text
        assert 'name="reason"' in refused.text
        assert WORDS not in refused.text
    assert has_value(mo.post(f"{path}/read", {"reason": "x"}).text, "reason", "x")
    assert not house.lines("evidence.viewed")


def test_too_short_a_reason_shows_the_second_reader_the_closed_page_again(
    house: House, lea: Browser
) -> None:
    case_id = taken(house)
    house.service.desk.decide(case_id, MO, ruling(Outcome.REFER))
    refused = lea.post(f"/cases/{case_id}/second-read/open", {"reason": "x"})
    assert refused.status_code == 409
    assert "A view needs a reason." in refused.text
    assert WORDS not in refused.text


def test_an_appeals_words_lead_back_to_the_appeal(house: House, lea: Browser) -> None:
    desk = house.service.desk
    case_id = taken(house)
    desk.decide(case_id, MO, ruling(Outcome.WARN))
    appeal_id = desk.appeal_made(
        "provider",
        AppealMade(
            reference="appeal", case_id=case_id, account="mallory", text="It was a joke.",
            at_ms=house.clock(),
        ),
    )  # fmt: skip
    (words,) = [
        one.evidence_id for one in desk.case(case_id, LEA).appeals if one.appeal_id == appeal_id
    ]
    page = f"/appeals/{appeal_id}"
    path = f"/cases/{case_id}/evidence/{words}"
    assert path in lea.get(page).text
    assert f'href="{page}" data-key="c">Back, without reading' in lea.get(path).text
    opened = lea.post(f"{path}/read", {"reason": "what the account says"})
    assert "It was a joke." in opened.text
    assert has_value(opened.text, "onward", page)
    view = re.search(r'name="view" value="(\d+)"', opened.text)
    assert view is not None
    closed = lea.post(f"{path}/close", {"view": view[1], "onward": page})
    assert closed.headers["location"] == f"{page}?done=view-closed"
    # What was reported leads back to the case, as ever.
    reported = f"/cases/{case_id}/evidence/{evidence_of(house, case_id)}"
    assert f'href="/cases/{case_id}" data-key="c">Back' in lea.get(reported).text


def why_closed(browser: Browser, case_id: str) -> str:
    page = html.unescape(browser.get(f"/cases/{case_id}").text)
    told = re.search(r'<div class="tile">.*?</div>', page, re.DOTALL)
    assert told is not None
    return " ".join(re.sub("<[^>]*>", " ", told[0]).split())


def test_closed_evidence_says_what_really_stands_before_it(
    house: House, mo: Browser, lea: Browser
) -> None:
    desk = house.service.desk
    case_id = desk.take_in("provider", report("mallory", WORDS)).case_id
    assert "Take the case to open it." in why_closed(mo, case_id)
    desk.take(case_id, MO)
    assert "Go to it, still closed" in why_closed(mo, case_id)
    assert "mo has this case." in why_closed(lea, case_id)
    desk.decide(case_id, MO, ruling(Outcome.REFER))
    assert "waits for its second reader" in why_closed(mo, case_id)
    desk.second_read(case_id, LEA, True, "agreed")
    assert "This case is decided." in why_closed(mo, case_id)
    assert house.service.referrals.draft(case_id).state is State.DRAFT
    other = taken(house, reporter=None, subject="eve")
    mo.post("/shift/stop")
    desk.take(other, MO)
    assert "Start a shift to open it." in why_closed(mo, other)


def test_more_views_than_a_database_numbers_are_refused(house: House, mo: Browser) -> None:
    case_id = taken(house)
    path = f"/cases/{case_id}/evidence/{evidence_of(house, case_id)}/close"
    for number in (str(2**63), str(2**70), "9" * 5_000, "-1"):
        assert mo.post(path, {"view": number}).status_code == 422
    assert mo.post(path, {"view": str(2**63 - 1)}).status_code == 303
