import re

import pytest

from softfall.casework.model import Role
from softfall.console.staff import LastAdministrator, OwnAccount, StaffNameTaken, StaffUnknown
from softfall.console.staff_names import RESERVED, StaffNameUnfit

from .house import PASSWORD, House


def test_an_administrator_adds_somebody_who_then_chooses_a_password(either_house: House) -> None:
    house = either_house
    ada = house.person(Role.ADMINISTRATOR, "ada")
    page = ada.post("/staff", {"name": "lee", "role": "lead"})
    drawn = re.search(r"<code>([0-9a-f-]{29})</code>", page.text)
    assert drawn, page.text
    assert drawn[1] not in ada.get("/staff").text
    lee = house.browser()
    assert lee.log_in("lee", drawn[1]).status_code == 303
    assert lee.get("/").headers["location"] == "/password"
    assert lee.get("/settings").headers["location"] == "/password"
    lee.post("/password", {"present": drawn[1], "new": PASSWORD})
    assert lee.get("/").status_code == 200
    assert [(line.who, line.subject) for line in house.lines("staff.added")][-1] == ("ada", "lee")


def test_a_new_role_counts_at_once_and_the_person_logs_in_anew(house: House) -> None:
    ada = house.person(Role.ADMINISTRATOR, "ada")
    mo = house.person(Role.MODERATOR, "mo")
    assert ada.post("/staff/mo/role", {"role": "auditor"}).status_code == 303
    assert mo.get("/").headers["location"] == "/login?next=/"
    mo.log_in("mo")
    assert "mo, auditor" in mo.get("/").text
    line = house.lines("staff.role_changed")[0]
    assert (line.who, line.subject) == ("ada", "mo")
    assert line.details == '{"after":"auditor","before":"moderator"}'


def test_a_disabled_account_is_out_at_once_and_may_come_back(house: House) -> None:
    ada = house.person(Role.ADMINISTRATOR, "ada")
    mo = house.person(Role.MODERATOR, "mo")
    ada.post("/staff/mo/disable")
    assert mo.get("/").status_code == 303
    assert mo.log_in("mo").status_code == 403
    ada.post("/staff/mo/enable")
    assert mo.log_in("mo").status_code == 303


def test_a_reset_password_is_told_once_and_ends_sessions_and_locks(house: House) -> None:
    ada = house.person(Role.ADMINISTRATOR, "ada")
    mo = house.person(Role.MODERATOR, "mo")
    for _ in range(5):
        house.browser().log_in("mo", "wrong")
    drawn = re.search(r"<code>([0-9a-f-]{29})</code>", ada.post("/staff/mo/reset").text)
    assert drawn
    assert mo.get("/").status_code == 303
    assert house.browser().log_in("mo").status_code == 403
    assert house.browser().log_in("mo", drawn[1]).status_code == 303


def test_an_administrator_ends_a_lock(house: House) -> None:
    ada = house.person(Role.ADMINISTRATOR, "ada")
    house.add("mo", Role.MODERATOR)
    for _ in range(5):
        house.browser().log_in("mo", "wrong")
    assert "locked until" in ada.get("/staff").text
    ada.post("/staff/mo/unlock")
    assert "locked until" not in ada.get("/staff").text
    assert house.browser().log_in("mo").status_code == 303


@pytest.mark.parametrize("deed", ["role", "disable", "enable", "reset", "subject"])
def test_nobody_administers_their_own_account(house: House, deed: str) -> None:
    ada = house.person(Role.ADMINISTRATOR, "ada")
    house.add("eve", Role.ADMINISTRATOR)
    answer = ada.post(f"/staff/ada/{deed}", {"role": "moderator", "subject": "x"})
    assert answer.status_code == 403
    assert "OwnAccount" in answer.text
    assert [(one.role, one.disabled) for one in house.service.office.members()] == [
        (Role.ADMINISTRATOR, False)
    ] * 2


def test_the_last_administrator_stays_one(house: House) -> None:
    office = house.service.office
    house.add("ada", Role.ADMINISTRATOR)
    house.add("eve", Role.ADMINISTRATOR)
    office.disable("operator", "eve")
    with pytest.raises(LastAdministrator):
        office.disable("operator", "ada")
    with pytest.raises(LastAdministrator):
        office.set_role("operator", "ada", Role.LEAD)
    office.enable("operator", "eve")
    office.set_role("operator", "ada", Role.LEAD)
    with pytest.raises(LastAdministrator):
        office.disable("ada", "eve")


@pytest.mark.parametrize("name", ["", "Ada", "a b", "-a", "a" * 64, "a/b", "å", *sorted(RESERVED)])
def test_unfit_names_are_refused(house: House, name: str) -> None:
    with pytest.raises(StaffNameUnfit):
        house.add(name, Role.MODERATOR)


def test_a_name_is_one_person_s_for_ever(house: House) -> None:
    house.add("mo", Role.MODERATOR)
    house.service.office.disable("operator", "mo")
    with pytest.raises(StaffNameTaken):
        house.add("mo", Role.MODERATOR)
    with pytest.raises(StaffUnknown):
        house.service.office.disable("operator", "nobody")


def test_a_sign_in_subject_is_one_person_s(house: House) -> None:
    office = house.service.office
    house.add("mo", Role.MODERATOR)
    house.add("lee", Role.LEAD)
    office.link_oidc("operator", "mo", "subject-1")
    office.link_oidc("operator", "mo", "subject-1")
    with pytest.raises(StaffNameTaken):
        office.link_oidc("operator", "lee", "subject-1")
    office.link_oidc("operator", "mo", None)
    office.link_oidc("operator", "lee", "subject-1")
    with pytest.raises(OwnAccount):
        office.link_oidc("lee", "lee", None)


def test_a_deed_that_is_refused_leaves_no_line(house: House) -> None:
    house.add("ada", Role.ADMINISTRATOR)
    before = len(house.lines())
    with pytest.raises(LastAdministrator):
        house.service.office.disable("operator", "ada")
    assert len(house.lines()) == before


def test_colours_are_kept_with_the_account(house: House) -> None:
    mo = house.person(Role.MODERATOR, "mo")
    assert 'data-theme="auto"' in mo.get("/").text
    chosen = mo.post("/theme", {"theme": "dark", "onward": "/settings"})
    assert chosen.headers["location"] == "/settings"
    assert 'data-theme="dark"' in mo.get("/").text
    elsewhere = house.browser()
    elsewhere.log_in("mo")
    assert 'data-theme="dark"' in elsewhere.get("/").text
    mo.post("/theme", {"theme": "</html>"})
    assert 'data-theme="auto"' in mo.get("/").text
