from pathlib import Path

from sqlalchemy import text

from softfall.casework.model import Role
from softfall.console.routes.audit import LINES_A_PAGE

from .house import House


def test_the_log_is_shown_newest_first_a_hundred_at_a_time(either_house: House) -> None:
    house = either_house
    ann = house.person(Role.AUDITOR, "ann")
    house.add("mo", Role.MODERATOR)
    for _ in range(LINES_A_PAGE):
        house.service.office.unlock("operator", "mo")
    page = ann.get("/audit").text
    assert page.count("<tr>") == LINES_A_PAGE + 1
    assert "Older lines" in page
    older = ann.get("/audit", params={"before": 4}).text
    assert older.count("<tr>") == 4
    assert older.index(">3<") < older.index(">1<")
    assert "Older lines" not in older


def test_the_log_is_filtered_by_action_subject_and_person(house: House) -> None:
    ann = house.person(Role.AUDITOR, "ann")
    house.add("mo", Role.MODERATOR)
    house.service.office.unlock("operator", "mo")

    def count(**wanted: str) -> int:
        return ann.get("/audit", params=wanted).text.count('<th scope="row"')

    assert count(action="staff.") == count()
    assert count(action="staff.unlocked") == 1
    assert count(action="staff.u") == 0
    assert count(subject="mo") == 2
    assert count(subject="mo", action="staff.added") == 1
    assert count(who="ann") == 1
    assert "No line is like that" in ann.get("/audit", params={"who": "%"}).text


def test_the_page_says_that_a_whole_log_is_whole(either_house: House) -> None:
    house = either_house
    ann = house.person(Role.AUDITOR)
    with house.service.db.write() as tx:
        house.service.keeper.take(tx, house.clock())
    verdict = ann.post("/audit/verify").text
    assert "The log is whole" in verdict
    assert "vouch for lines 1 to 2" in verdict


def test_the_page_says_which_line_was_changed(house: House) -> None:
    ann = house.person(Role.AUDITOR)
    with house.service.db.engine.begin() as tx:
        for (name,) in tx.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")):
            tx.execute(text(f'DROP TRIGGER "{name}"'))
        tx.execute(text("UPDATE audit_lines SET subject = 'lee' WHERE number = 1"))
    verdict = ann.post("/audit/verify").text
    assert "The log is not whole" in verdict
    assert "line 1" in verdict


def test_a_log_cut_off_after_a_checkpoint_is_found_by_the_file(house: House) -> None:
    ann = house.person(Role.AUDITOR)
    with house.service.db.write() as tx:
        house.service.keeper.take(tx, house.clock())
    assert Path(house.service.keeper.file).exists()
    with house.service.db.engine.begin() as tx:
        for (name,) in tx.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")):
            tx.execute(text(f'DROP TRIGGER "{name}"'))
        tx.execute(text("DELETE FROM audit_checkpoints"))
        tx.execute(text("DELETE FROM audit_lines WHERE number = 2"))
    assert "cut off" in ann.post("/audit/verify").text
