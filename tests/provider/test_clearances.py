from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import select

from softfall.errors import UnavailableError
from softfall.messaging.envelope import SUBMISSION
from softfall.options.contract import (
    Candidate,
    Clear,
    Held,
    Malformed,
    ProviderPorts,
    Submission,
    Verdict,
)
from softfall.provider.clearances import ClearanceDesk
from softfall.provider.tables import verdicts
from softfall.provider.verdicts import KEPT_MS, RememberedVerdicts

from .cast import LISTED, UNLISTED, App
from .conftest import House

NEAR_MISS = b"near"


class Away(UnavailableError):
    """Nobody can confirm just now."""

    remedy = "Wait."


@dataclass
class Confirmer:
    """Confirms the listed word, and counts how often it is asked."""

    asked: list[Candidate] = field(default_factory=list)
    away: bool = False
    says: Callable[[Candidate], Verdict] = lambda candidate: (
        Held("confirmed", {"confirmed": True, "entry": 7})
        if candidate.shares == LISTED
        else Clear("no candidate is confirmed")
    )

    def decide(self, option: str, epoch: int, candidate: Candidate) -> Verdict:
        if self.away:
            raise Away("nobody can confirm just now")
        self.asked.append(candidate)
        return self.says(candidate)


def judge(submission: Submission, ports: ProviderPorts) -> Verdict:
    if submission.body == UNLISTED:
        return Clear("no candidate")
    return Candidate("a candidate", {}, (7,), submission.body)


@pytest.fixture
def confirmer(house: House) -> Confirmer:
    """A desk of the running service whose every picture but one is a candidate."""
    return open_desk(house, per_day=100)


def open_desk(house: House, per_day: int) -> Confirmer:
    service, confirmer = house.service, Confirmer()
    assert service.epochs is not None
    half = service.epochs.half(1)
    assert half is not None
    half.judge = judge  # type: ignore[method-assign]
    remembered = RememberedVerdicts(confirmer, service.db, house.clock)
    service.clearances = ClearanceDesk(
        service.db,
        service.epochs,
        remembered,
        None,  # type: ignore[arg-type]  # this judge asks nobody
        house.clock,
        per_day,
        service.outbox,
    )
    return confirmer


def ask(app: App, word: bytes, option: str = "split", epoch: int = 1) -> Any:
    body = SUBMISSION.encode({"option": option, "epoch": epoch, "body": word})
    return app.call("POST", f"/v1/options/{option}/clearance", content=body)


def answer(app: App, word: bytes) -> str:
    told = ask(app, word)
    assert told.status_code == 200, told.text
    return str(told.json()["answer"])


def test_only_a_confirmed_picture_is_blocked(house: House, confirmer: Confirmer) -> None:
    ana = house.join("ana")
    said = [answer(ana, word) for word in (LISTED, NEAR_MISS, UNLISTED)]
    assert said == ["blocked", "cleared", "cleared"]


def test_what_was_blocked_is_on_record_for_staff_and_nothing_else_is(
    house: House, confirmer: Confirmer
) -> None:
    ana = house.join("ana")
    for word in (NEAR_MISS, LISTED, UNLISTED):
        answer(ana, word)
    blocked = house.staff("GET", "/v1/staff/blocked").json()["blocked"]
    told = [(each["account"], each["received"], each["evidence"]) for each in blocked]
    assert told == [("ana", False, {"confirmed": True, "entry": 7})]


def test_who_received_a_picture_is_not_on_record_as_its_sender(
    house: House, confirmer: Confirmer
) -> None:
    ben = house.join("ben")
    body = SUBMISSION.encode({"option": "split", "epoch": 1, "body": LISTED})
    told = ben.call("POST", "/v1/options/split/clearance?received=true", content=body)
    assert told.json() == {"answer": "blocked"}
    (blocked,) = house.staff("GET", "/v1/staff/blocked").json()["blocked"]
    assert (blocked["account"], blocked["received"]) == ("ben", True)


def test_the_same_question_gets_the_same_answer_and_is_confirmed_once(
    house: House, confirmer: Confirmer
) -> None:
    ana = house.join("ana")
    assert [answer(ana, LISTED) for _ in range(3)] == ["blocked"] * 3
    assert len(confirmer.asked) == 1


def test_two_accounts_with_the_same_submission_cost_one_confirmation(
    house: House, confirmer: Confirmer
) -> None:
    said = [answer(house.join(name), LISTED) for name in ("ana", "ben")]
    assert said == ["blocked", "blocked"]
    assert len(confirmer.asked) == 1


def test_while_nobody_can_confirm_the_answer_is_later_and_nothing_is_remembered(
    house: House, confirmer: Confirmer
) -> None:
    ana = house.join("ana")
    confirmer.away = True
    assert answer(ana, LISTED) == "later"
    confirmer.away = False
    assert answer(ana, LISTED) == "blocked"


def test_an_account_that_tests_pictures_gets_no_more_answers_that_day(house: House) -> None:
    open_desk(house, per_day=3)
    ana, ben = house.join("ana"), house.join("ben")
    said = [answer(ana, bytes([i]) * 4) for i in range(5)]
    assert said == ["cleared"] * 3 + ["later"] * 2
    assert answer(ben, LISTED) == "blocked"
    house.clock.pass_hours(25)
    assert answer(ana, LISTED) == "blocked"


def test_a_malformed_candidate_is_refused_by_name(house: House, confirmer: Confirmer) -> None:
    ana = house.join("ana")
    confirmer.says = lambda candidate: Malformed("the shares do not fit")
    refused = ask(ana, LISTED)
    assert (refused.status_code, refused.json()["error"]) == (400, "MalformedSubmission")


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"word": b"too long for a word"}, "MalformedSubmission"),
        ({"epoch": 9}, "WrongEpoch"),
        ({"option": "in_transit"}, "OptionNotOffered"),
    ],
)
def test_what_an_envelope_would_be_refused_for_is_refused_here(
    house: House, confirmer: Confirmer, change: dict[str, Any], error: str
) -> None:
    refused = ask(house.join("ana"), **{"word": LISTED, **change})
    assert refused.json()["error"] == error


def test_a_service_whose_option_does_not_ask_before_sending_says_so(house: House) -> None:
    house.service.clearances = None
    assert ask(house.join("ana"), LISTED).json()["error"] == "OptionNotOffered"


def test_answers_that_count_no_more_are_forgotten_and_blocked_ones_kept(
    house: House, confirmer: Confirmer
) -> None:
    ana = house.join("ana")
    answer(ana, LISTED), answer(ana, NEAR_MISS)
    house.clock.pass_hours(48)
    house.service.upkeep.round()
    assert len(house.staff("GET", "/v1/staff/blocked").json()["blocked"]) == 1
    assert len(confirmer.asked) == 2
    answer(ana, NEAR_MISS)  # its verdict is still known, though the answer is not
    assert len(confirmer.asked) == 2
    house.clock.pass_hours(KEPT_MS / 3_600_000)
    house.service.upkeep.round()
    with house.service.db.read() as tx:
        assert tx.execute(select(verdicts)).all() == []
