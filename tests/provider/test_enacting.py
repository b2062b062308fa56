import secrets
from typing import Any

import pytest

from softfall.messaging.notices import NOTICES
from softfall.provider.enacting import EnactmentReused

from .cast import LISTED, App
from .conftest import House

DAY_MS = 86_400_000


class Street:
    """Ada's message to Ben is held; a decision is enacted."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.ada, self.ben = house.join("ada"), house.join("ben")

    def held(self, *to: str) -> dict[str, str]:
        envelope_id = secrets.token_bytes(16)
        recipients = to or ("ben",)
        self.house.send(self.ada, self.ada.media(*recipients, word=LISTED, envelope_id=envelope_id))
        return {"sender": "ada", "envelope_id": envelope_id.hex()}

    def enact(self, *holds: dict[str, str], decision: str = "block", **changes: Any) -> Any:
        values = {
            "enactment_id": secrets.token_hex(16),
            "case_id": "c1",
            "decided_by": "mo",
            "round": "decision",
            "outcome": decision,
            "reason": "words for staff only",
            "holds": [{"held": held, "decision": decision} for held in holds],
            "subject": "ada",
            "appeal_until_ms": self.house.clock() + DAY_MS,
        }
        return self.house.staff("POST", "/v1/staff/enactments", json=values | changes)


@pytest.fixture
def street(house: House) -> Street:
    return Street(house)


def notices(app: App) -> list[dict[str, Any]]:
    answer = app.call("GET", "/v1/notices")
    assert answer.status_code == 200, answer.text
    told: Any = NOTICES.decode(answer.content)["notices"]
    return list(told)


def told(app: App) -> list[tuple[str, str]]:
    return [(notice["kind"], notice["outcome"]) for notice in notices(app)]


def test_a_release_delivers_and_says_who_decided(street: Street, house: House) -> None:
    held = street.held()
    assert street.ben.mailbox() == []
    answer = street.enact(held, decision="release")
    assert (answer.status_code, answer.json()["late"]) == (200, [])
    assert len(street.ben.mailbox()) == 1
    last = house.life(bytes.fromhex(held["envelope_id"]))[-1]
    assert (last["end"], last["who"], last["decided_by"]) == ("released", "moderator", "mo")
    assert told(street.ada) == [("decided", "delivered")]
    assert told(street.ben) == []


def test_a_block_tells_the_sender_how_to_appeal_and_the_recipient_that_nothing_came(
    street: Street, house: House
) -> None:
    held = street.held()
    street.enact(held)
    assert street.ben.mailbox() == []
    (notice,) = notices(street.ada)
    assert (notice["kind"], notice["outcome"]) == ("decided", "blocked")
    assert notice["envelopes"] == [bytes.fromhex(held["envelope_id"])]
    assert notice["appeal_until_ms"] == house.clock() + DAY_MS
    (notice,) = notices(street.ben)
    assert (notice["kind"], notice["account"]) == ("not delivered", "ada")
    assert notice["appeal_until_ms"] is None


def test_the_same_enactment_again_is_the_same_answer_and_tells_nobody_twice(
    street: Street,
) -> None:
    held, name = street.held(), secrets.token_hex(16)
    answers = [street.enact(held, enactment_id=name) for _ in range(3)]
    assert [(a.status_code, a.json()) for a in answers] == [(200, answers[0].json())] * 3
    assert len(notices(street.ada)) == len(notices(street.ben)) == 1


def test_another_decision_under_the_same_id_is_refused(street: Street) -> None:
    held, name = street.held(), secrets.token_hex(16)
    street.enact(held, enactment_id=name)
    answer = street.enact(held, enactment_id=name, decided_by="nobody")
    assert (answer.status_code, answer.json()["error"]) == (409, EnactmentReused.__name__)


def test_a_hold_that_the_clock_released_is_answered_with_its_state(
    street: Street, house: House
) -> None:
    first = street.held()
    house.clock.pass_hours(80)
    house.service.upkeep.round()
    second = street.held()
    answer = street.enact(first, second)
    assert answer.json()["late"] == [[first, "released"]]
    (notice,) = notices(street.ada)
    assert notice["envelopes"] == [bytes.fromhex(second["envelope_id"])]


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"subject": "nobody", "account_action": "warn"}, "UnknownAccount"),
        ({"reports": [f"report:{'0' * 32}:0"]}, "ReportUnknown"),
        ({"reports": ["something else"]}, "ReportUnknown"),
    ],
)
def test_what_is_not_here_is_named_and_nothing_is_done(
    street: Street, changes: dict[str, Any], error: str
) -> None:
    held = street.held()
    answer = street.enact(held, decision="release", **changes)
    assert (answer.status_code, answer.json()["error"]) == (404, error)
    assert street.ben.mailbox() == []
    assert notices(street.ada) == []


def test_a_hold_that_is_not_here_is_named_and_nothing_is_done(street: Street) -> None:
    held = street.held()
    unknown = {"sender": "ada", "envelope_id": "0" * 32}
    answer = street.enact(held, unknown, decision="release")
    assert (answer.status_code, answer.json()["error"]) == (404, "EnvelopeUnknown")
    assert street.ben.mailbox() == []


def test_under_a_legal_hold_the_sender_is_told_nothing(street: Street) -> None:
    street.enact(street.held(), tell_subject=False)
    assert notices(street.ada) == []
    assert street.ada.mailbox() == []


def test_nobody_is_told_of_a_referral(street: Street) -> None:
    held = street.held()
    street.enact(held, outcome="refer")
    everything = repr(notices(street.ada)) + repr(notices(street.ben))
    assert "refer" not in everything
    assert "words for staff" not in everything
    assert "mo'" not in everything
    assert told(street.ada) == [("decided", "blocked")]


def test_an_appeal_that_is_upheld_delivers_what_was_blocked(street: Street, house: House) -> None:
    held = street.held()
    street.enact(held)
    answer = street.enact(held, decision="release", round="appeal", appeal_until_ms=None)
    assert answer.json()["late"] == []
    assert len(street.ben.mailbox()) == 1
    moves = [
        (m["start"], m["end"], m["who"]) for m in house.life(bytes.fromhex(held["envelope_id"]))
    ]
    assert moves[-1] == ("blocked", "released", "appeal")
    assert told(street.ada)[-1] == ("appeal decided", "delivered")


def test_what_was_blocked_is_released_by_an_appeal_alone(street: Street) -> None:
    held = street.held()
    street.enact(held)
    answer = street.enact(held, decision="release")
    assert answer.json()["late"] == [[held, "blocked"]]
    assert street.ben.mailbox() == []


def test_what_retention_has_emptied_comes_back_by_no_appeal(street: Street, house: House) -> None:
    held = street.held()
    street.enact(held)
    house.clock.pass_hours(24 * 91)
    house.service.upkeep.round()
    answer = street.enact(held, decision="release", round="appeal")
    assert answer.json()["late"] == [[held, "blocked"]]
