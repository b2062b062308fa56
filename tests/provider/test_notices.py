import threading
import time
from typing import Any

import pytest
from sqlalchemy import select

from softfall.messaging.envelope import MAILBOX
from softfall.provider.casework_tables import handovers, notices

from .cast import UNLISTED, App
from .conftest import House
from .test_enacting import DAY_MS, Street, told
from .test_enacting import notices as notices_of


@pytest.fixture
def street(house: House) -> Street:
    return Street(house)


def appeal(app: App, notice_id: bytes, text: str = "Look again, please.") -> tuple[int, str]:
    answer = app.call("POST", f"/v1/notices/{notice_id.hex()}/appeal", json={"text": text})
    return answer.status_code, answer.json().get("error", "")


def appeals(house: House) -> list[str]:
    with house.service.db.read() as tx:
        asked = select(handovers.c.body).where(handovers.c.kind == "appeal")
        return list(tx.execute(asked).scalars())


def waiting(app: App) -> int:
    answer = app.call("GET", "/v1/mailbox")
    values: Any = MAILBOX.decode(answer.content)
    return int(values["notices"])


def test_a_mailbox_says_that_notices_wait_until_they_are_acknowledged(street: Street) -> None:
    assert waiting(street.ada) == 0
    street.enact(street.held())
    assert waiting(street.ada) == 1
    (notice,) = notices_of(street.ada)
    answer = street.ada.call("POST", "/v1/notices/ack", json={"through": notice["sequence"]})
    assert answer.status_code == 200
    assert waiting(street.ada) == 0
    assert notices_of(street.ada) == []


def test_a_notice_wakes_whoever_waits_for_mail(street: Street, house: House) -> None:
    held = street.held()
    seen: list[int] = []

    def wait() -> None:
        answer = street.ada.call("GET", "/v1/mailbox", params={"wait_seconds": 30})
        values: Any = MAILBOX.decode(answer.content)
        seen.append(int(values["notices"]))

    waiter = threading.Thread(target=wait)
    waiter.start()
    while street.ada.name and not house.service.bell._waiting:  # until it listens
        time.sleep(0.01)
    start = time.monotonic()
    street.enact(held)
    waiter.join()
    assert seen == [1]
    assert time.monotonic() - start < 25, "woken, not timed out"


def test_an_appeal_goes_to_casework_once_with_its_case(street: Street, house: House) -> None:
    street.enact(street.held())
    (notice,) = notices_of(street.ada)
    assert appeal(street.ada, notice["notice_id"]) == (201, "")
    assert appeal(street.ada, notice["notice_id"]) == (201, ""), "its answer may have been lost"
    assert appeal(street.ada, notice["notice_id"], "another") == (409, "AppealedAlready")
    (body,) = appeals(house)
    assert '"case_id":"c1"' in body
    assert '"account":"ada"' in body
    assert "Look again, please." in body


def test_one_decision_is_appealed_once_by_whichever_notice(street: Street) -> None:
    street.enact(street.held(), account_action="warn")
    first, second = notices_of(street.ada)
    assert (first["kind"], second["kind"]) == ("decided", "warned")
    assert appeal(street.ada, first["notice_id"]) == (201, "")
    assert appeal(street.ada, second["notice_id"], "again") == (409, "AppealedAlready")


def test_an_appeal_comes_in_time_or_not_at_all(street: Street, house: House) -> None:
    street.enact(street.held())
    (notice,) = notices_of(street.ada)
    house.clock.pass_hours(25)
    assert appeal(street.ada, notice["notice_id"]) == (410, "AppealTimeOver")
    assert appeals(house) == []


def test_nobody_appeals_for_another_or_what_has_no_appeal(street: Street, house: House) -> None:
    street.enact(street.held())
    (to_ada,), (to_ben,) = notices_of(street.ada), notices_of(street.ben)
    assert appeal(street.ben, to_ada["notice_id"]) == (404, "NoticeUnknown")
    assert appeal(street.ben, to_ben["notice_id"]) == (403, "NotAppealable")
    assert appeal(street.ben, bytes(16)) == (404, "NoticeUnknown")
    assert appeals(house) == []


@pytest.mark.parametrize("text", ["", "x" * 4001])
def test_an_appeal_says_something_and_not_too_much(street: Street, text: str) -> None:
    street.enact(street.held())
    (notice,) = notices_of(street.ada)
    assert appeal(street.ada, notice["notice_id"], text)[0] == 422


def test_an_account_has_numbers_of_its_own_that_tell_nothing_of_others(street: Street) -> None:
    for _ in range(3):
        street.enact(street.held())
    assert [notice["sequence"] for notice in notices_of(street.ada)] == [1, 2, 3]
    assert [notice["sequence"] for notice in notices_of(street.ben)] == [1, 2, 3]


def test_old_notices_are_forgotten_once_read_and_past_appealing(
    street: Street, house: House
) -> None:
    late = house.clock() + 200 * DAY_MS
    street.enact(street.held())
    street.enact(street.held(), appeal_until_ms=late)
    for app in (street.ada, street.ben):
        app.call("POST", "/v1/notices/ack", json={"through": 2})
    house.clock.pass_hours(24 * 100)
    house.service.upkeep.round()
    with house.service.db.read() as tx:
        left = tx.execute(select(notices.c.appeal_until_ms)).scalars().all()
    assert left == [late]


def send(street: Street, media: bool) -> tuple[int, str]:
    app = street.ada
    body = app.media("ben", word=UNLISTED) if media else app.text("ben")
    answer = app.post(body)
    street.house.settle()
    return answer.status_code, answer.json().get("error", "")


def test_a_restricted_account_is_told_until_when_and_that_it_may_appeal(
    street: Street, house: House
) -> None:
    street.enact(street.held(), account_action="restrict", restrict_days=2)
    answer = street.ada.post(street.ada.text("ben"))
    refused = answer.json()
    assert (answer.status_code, refused["error"]) == (403, "AccountRestricted")
    assert "2023-11-16" in refused["what"]
    assert "appeal" in refused["remedy"]
    kinds = {notice["kind"]: notice for notice in notices_of(street.ada)}
    assert kinds["restricted"]["until_ms"] == house.clock() + 2 * DAY_MS
    assert kinds["restricted"]["appeal_until_ms"] is not None
    assert street.ada.mailbox() == [], "reading goes on"
    house.clock.pass_hours(49)
    assert send(street, media=False) == (202, "")


def test_what_is_restricted_is_a_setting(open_house: Any) -> None:
    from .cast import Custodian

    custodian = Custodian()
    custodian.publish(1)
    with open_house(custodian, restricted_may_not_send="media") as house:
        street = Street(house)
        street.enact(street.held(), account_action="restrict", restrict_days=2)
        assert send(street, media=True) == (403, "AccountRestricted")
        assert send(street, media=False) == (202, "")


def test_a_restriction_is_lifted_by_a_person(street: Street) -> None:
    street.enact(street.held(), account_action="restrict", restrict_days=20)
    assert send(street, media=False)[0] == 403
    street.enact(outcome="no action", round="appeal", account_action="lift")
    assert send(street, media=False) == (202, "")
    assert told(street.ada)[-2:] == [("appeal decided", "no action"), ("lifted", "no action")]


def test_a_later_restriction_takes_the_place_of_an_earlier(street: Street, house: House) -> None:
    street.enact(account_action="restrict", outcome="restrict", restrict_days=20)
    street.enact(account_action="restrict", outcome="restrict", restrict_days=1)
    house.clock.pass_hours(25)
    assert send(street, media=False) == (202, "")


def test_a_repeat_of_what_was_accepted_is_no_sending(street: Street) -> None:
    body = street.ada.text("ben")
    street.house.send(street.ada, body)
    street.enact(account_action="restrict", outcome="restrict", restrict_days=2)
    assert street.ada.post(body).status_code == 202


def test_reporters_are_told_whether_something_was_done_and_about_whom(house: House) -> None:
    from .test_reports import Talk, encoded, file

    talk = Talk(house)
    report_id = file(talk.ben, encoded(talk.message(), anonymous=1)).json()["report_id"]
    street = Street.__new__(Street)
    street.house = house
    reports = [f"report:{report_id}:0"]
    street.enact(outcome="warn", account_action="warn", reports=reports)
    (notice,) = notices_of(talk.ben)
    assert (notice["kind"], notice["outcome"]) == ("report decided", "acted")
    assert (notice["account"], notice["report_id"]) == ("ada", report_id)
    (warning,) = notices_of(talk.ada)
    assert (warning["kind"], warning["report_id"]) == ("warned", None)
    assert b"ben" not in talk.ada.call("GET", "/v1/notices").content
    street.enact(outcome="no action", reports=reports, tell_subject=False)
    assert told(talk.ben)[-1] == ("report decided", "no action")
    assert len(notices_of(talk.ada)) == 1


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        ("refer", ("decided", "against the rules")),
        ("warn", ("warned", "warned")),
        ("no action", ("decided", "no action")),
    ],
)
def test_what_was_withheld_can_be_told_later(
    street: Street, outcome: str, expected: tuple[str, str]
) -> None:
    """Once a legal hold is lifted, casework has those told who were not."""
    street.enact(outcome=outcome, tell_subject=True)
    assert told(street.ada) == [expected]


def test_a_restriction_that_is_told_later_says_until_when(street: Street, house: House) -> None:
    street.enact(outcome="restrict", account_action="restrict", restrict_days=9, tell_subject=False)
    assert told(street.ada) == []
    street.enact(outcome="restrict", tell_subject=True)
    (notice,) = notices_of(street.ada)
    assert notice["kind"] == "restricted"
    assert notice["until_ms"] == house.clock() + 9 * DAY_MS
