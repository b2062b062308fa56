"""Every kind of hold, and what is blocked before it is sent, becomes a case."""

from typing import Any

import pytest

from softfall.messaging.envelope import SUBMISSION
from softfall.options.contract import Held, Malformed
from softfall.provider.judge import CannotJudge

from .cast import LISTED
from .conftest import House
from .fake_console import FakeConsole
from .test_clearances import answer, open_desk
from .test_handover import fake, hold, manned, settled

__all__ = ["fake", "manned"]  # fixtures


@pytest.fixture(autouse=True)
def _no_custodian_to_ask(manned: House) -> None:
    assert manned.service.handover is not None
    manned.service.handover._facts = None


def judging(house: House, verdict: Any) -> None:
    """From now on the judge says this, or raises it."""
    assert house.service.epochs is not None
    half: Any = house.service.epochs.half(1)

    def judge(*_: Any) -> Any:
        if isinstance(verdict, Exception):
            raise verdict
        return verdict

    half.judge = judge


def test_a_confirmed_hold_says_so_and_which_entry(manned: House, fake: FakeConsole) -> None:
    judging(manned, Held("confirmed: within 31 bits", {"confirmed": True, "entry": 12}))
    reference = hold(manned)
    settled(manned)
    case = fake.cases[reference]
    assert (case.kind, case.reason) == ("confirmed", "confirmed: within 31 bits")
    assert case.facts is not None
    assert (case.facts.confirmed, case.facts.entry) == (True, 12)
    assert not case.escalated


def test_one_that_nobody_decides_goes_to_a_lead_and_expires_at_last(
    manned: House, fake: FakeConsole
) -> None:
    judging(manned, Held("confirmed: within 31 bits", {"confirmed": True, "entry": 12}))
    reference = hold(manned)
    for hours in (80, 1, 24 * 90, 1):
        manned.clock.pass_hours(hours)
        manned.service.upkeep.round()
    settled(manned)
    assert fake.order == [reference, f"escalated {reference}", f"expired {reference}"]


def test_a_malformed_hold_has_no_facts_of_a_match(manned: House, fake: FakeConsole) -> None:
    judging(manned, Malformed("shares that no app makes"))
    reference = hold(manned)
    settled(manned)
    case = fake.cases[reference]
    assert (case.kind, case.facts) == ("malformed", None)


def test_an_outage_hold_has_none_either(manned: House, fake: FakeConsole) -> None:
    judging(manned, CannotJudge("no verdict now"))
    reference = hold(manned)
    settled(manned)
    case = fake.cases[reference]
    assert (case.kind, case.facts) == ("outage", None)


def test_what_is_delivered_is_nobodys_to_hear_of(manned: House, fake: FakeConsole) -> None:
    ada, ben = manned.join("ada"), manned.join("ben")
    manned.send(ada, ada.media("ben"))
    manned.send(ada, ada.text("ben"))
    settled(manned)
    assert len(ben.mailbox()) == 2
    assert fake.posts == 0


def test_a_picture_blocked_before_it_was_sent_is_a_case_of_whose_app_asked(
    manned: House, fake: FakeConsole
) -> None:
    open_desk(manned, per_day=100)
    ana = manned.join("ana")
    for _ in range(3):
        assert answer(ana, LISTED) == "blocked"
    settled(manned)
    (case,) = fake.cases.values()
    assert (case.source, case.subject, case.kind, case.held) == (
        "blocked",
        "ana",
        "confirmed",
        None,
    )
    assert case.facts is not None
    assert (case.facts.epoch, case.facts.confirmed, case.facts.entry) == (1, True, 7)
    assert "nothing was sent" in case.reason


def test_who_received_one_is_not_told_of_as_who_sent_it(manned: House, fake: FakeConsole) -> None:
    open_desk(manned, per_day=100)
    zoe = manned.join("zoe")
    path = "/v1/options/split/clearance?received=true"
    body = SUBMISSION.encode({"option": "split", "epoch": 1, "body": LISTED})
    assert zoe.call("POST", path, content=body).json()["answer"] == "blocked"
    settled(manned)
    (case,) = fake.cases.values()
    assert case.kind == "received"
    assert "from somebody else" in case.reason
