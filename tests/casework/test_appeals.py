import threading

import pytest

from softfall.casework.appeals import (
    AppealedBefore,
    AppealTooLate,
    AppealUnknown,
    NothingToAppeal,
)
from softfall.casework.cases import CaseUnknown
from softfall.casework.decisions import SameReader
from softfall.casework.incoming import AppealMade
from softfall.casework.intake import NotYoursToTell, ReferenceTaken
from softfall.casework.model import CaseState, Outcome
from softfall.casework.reasons import ReasonMissing
from softfall.casework.rights import NotYourRole, StaffRef

from .office import DAY_MS, LEA, LOU, MO, Office, hold, report

MAX = StaffRef("max", LEA.role)


def blocked(office: Office) -> str:
    case_id = office.take_in(hold())
    office.decide(case_id, Outcome.BLOCK)
    office.enact()
    return case_id


def test_an_appeal_goes_to_somebody_who_has_not_decided(office: Office) -> None:
    case_id = office.take_in(hold())
    office.refer(case_id, by=LEA, reader=LOU)
    appeal_id = office.appeal(case_id)
    assert office.see(case_id).row.state is CaseState.APPEALED
    assert [each.appeal_id for each in office.desk.appeals(LEA)] == [appeal_id]
    for staff in (LEA, LOU):
        with pytest.raises(SameReader):
            office.desk.decide_appeal(appeal_id, staff, True, "as before")
    with pytest.raises(NotYourRole):
        office.desk.decide_appeal(appeal_id, MO, True, "as before")
    with pytest.raises(ReasonMissing):
        office.desk.decide_appeal(appeal_id, MAX, True, " ")
    office.desk.decide_appeal(appeal_id, MAX, True, "it stands")
    assert office.desk.appeals(LEA) == ()
    with pytest.raises(AppealUnknown):
        office.desk.decide_appeal(appeal_id, MAX, True, "again")


def test_an_upheld_decision_stays_done_and_the_account_is_told(office: Office) -> None:
    case_id = blocked(office)
    office.desk.decide_appeal(office.appeal(case_id), LEA, True, "it stands")
    order = office.orders(case_id)[1]
    assert (order.round, order.outcome, order.holds) == ("appeal", Outcome.BLOCK, ())
    assert (order.tell_subject, order.decided_by, order.appeal_until_ms) == (True, "lea", None)
    view = office.see(case_id)
    assert (view.row.state, view.decisions[0].state) == (CaseState.CLOSED, "final")
    assert view.appeals[0].upheld is True


def test_a_reversed_decision_is_undone(office: Office) -> None:
    incoming = hold()
    case_id = office.take_in(incoming)
    office.decide(case_id, Outcome.RESTRICT)
    office.enact()
    office.desk.decide_appeal(office.appeal(case_id), LEA, False, "a mistake")
    order = office.orders(case_id)[1]
    assert [(each.held, each.decision) for each in order.holds] == [(incoming.held, "release")]
    assert (order.account_action, order.outcome, order.round) == (
        "lift",
        Outcome.RELEASE,
        "appeal",
    )
    view = office.see(case_id)
    assert (view.row.state, view.decisions[0].state) == (CaseState.CLOSED, "reversed")
    assert view.sources[0].hold_state == "blocked"
    office.enact()
    assert office.see(case_id).sources[0].hold_state == "released"
    assert office.audited(case_id)[-4:] == [
        "case.appealed",
        "case.closed",
        "case.appeal_decided",
        "decision.enacted",
    ]


def test_a_reversed_warning_lifts_nothing_and_is_told(office: Office) -> None:
    case_id = office.take_in(report())
    office.decide(case_id, Outcome.WARN)
    office.desk.decide_appeal(office.appeal(case_id), LEA, False, "a mistake")
    order = office.orders(case_id)[1]
    assert (order.account_action, order.outcome) == ("none", Outcome.NO_ACTION)
    assert order.tell_subject


def test_an_appeal_is_made_in_time_once_and_by_the_account_that_was_told(
    office: Office,
) -> None:
    case_id = blocked(office)
    until_ms = office.see(case_id).decisions[0].appeal_until_ms
    assert until_ms == office.now_ms + 30 * DAY_MS
    with pytest.raises(NothingToAppeal):
        office.appeal(case_id, "bob")
    with pytest.raises(AppealTooLate):
        office.appeal(case_id, at_ms=until_ms + 1)
    with pytest.raises(CaseUnknown):
        office.appeal("0" * 32)
    office.appeal(case_id, at_ms=until_ms)
    with pytest.raises(AppealedBefore):
        office.appeal(case_id)


def test_there_is_nothing_to_appeal_before_a_decision_or_without_one_against_the_account(
    office: Office,
) -> None:
    waiting = office.take_in(hold("ada"))
    with pytest.raises(NothingToAppeal):
        office.appeal(waiting)
    office.decide(waiting, Outcome.REFER)
    with pytest.raises(NothingToAppeal):
        office.appeal(waiting)
    released = office.take_in(hold("bob", hold().facts, reason="another"), "provider")
    assert released == waiting
    quiet = office.take_in(report("cy"))
    office.decide(quiet, Outcome.NO_ACTION)
    with pytest.raises(NothingToAppeal):
        office.appeal(quiet, "cy")


def test_only_the_provider_hands_appeals_in_and_twice_is_once(office: Office) -> None:
    case_id = blocked(office)
    told = AppealMade(
        reference="a", case_id=case_id, account="ada", text="please", at_ms=office.now_ms
    )
    with pytest.raises(NotYoursToTell):
        office.desk.appeal_made("a tool", told)
    first = office.desk.appeal_made("provider", told)
    assert office.desk.appeal_made("provider", told) == first
    with pytest.raises(ReferenceTaken):
        office.desk.appeal_made("provider", told.model_copy(update={"account": "bob"}))
    assert len(office.see(case_id).appeals) == 1


def test_an_appeals_words_lie_in_the_vault(office: Office) -> None:
    case_id = blocked(office)
    office.appeal(case_id, text="that was my own cat")
    (appeal,) = office.desk.appeals(LEA)
    assert appeal.evidence_id is not None
    with office.db.read() as tx:
        assert office.vault.open(tx, appeal.evidence_id) == b"that was my own cat"
    view = office.see(case_id)
    assert "my own cat" not in str(view)
    assert view.hash_alone  # an appeal's words are no evidence of anything


def test_an_appeal_made_in_time_is_looked_at_though_it_was_handed_in_late(
    office: Office,
) -> None:
    case_id = blocked(office)
    made_ms = office.now_ms + 29 * DAY_MS
    office.later(31 * DAY_MS)
    assert office.desk.tick().closed == 1
    office.appeal(case_id, at_ms=made_ms)
    assert office.see(case_id).row.state is CaseState.APPEALED
    assert office.see(case_id).closed_why is None
    office.desk.decide_appeal(office.desk.appeals(LEA)[0].appeal_id, LEA, True, "it stands")
    assert office.see(case_id).row.state is CaseState.CLOSED


def test_each_account_of_a_case_has_an_appeal_of_its_own(office: Office) -> None:
    case_id = office.take_in(hold("ada"))
    office.take_in(hold("bob"))
    office.decide(case_id, Outcome.BLOCK)
    office.enact()
    office.desk.decide_appeal(office.appeal(case_id, "ada"), LEA, False, "a mistake")
    view = office.see(case_id)
    assert (view.row.state, view.decisions[0].state) == (CaseState.DECIDED, "final")
    order = office.orders(case_id)[-1]
    assert (order.subject, {each.held.sender for each in order.holds}) == ("ada", {"ada"})
    office.enact()
    office.desk.decide_appeal(office.appeal(case_id, "bob"), LOU, False, "a mistake too")
    view = office.see(case_id)
    assert (view.row.state, view.decisions[0].state) == (CaseState.CLOSED, "reversed")


def test_two_appeals_that_wait_at_once_are_both_decided(office: Office) -> None:
    case_id = office.take_in(hold("ada"))
    office.take_in(hold("bob"))
    office.decide(case_id, Outcome.BLOCK)
    first, second = office.appeal(case_id, "ada"), office.appeal(case_id, "bob")
    office.desk.decide_appeal(first, LEA, True, "it stands")
    assert office.see(case_id).row.state is CaseState.APPEALED
    office.desk.decide_appeal(second, LEA, True, "it stands")
    assert office.see(case_id).row.state is CaseState.CLOSED


def test_two_who_decide_an_appeal_at_once_decide_it_once(office: Office) -> None:
    case_id = blocked(office)
    appeal_id = office.appeal(case_id)
    ends: list[str] = []

    def decide(staff: StaffRef, upholds: bool) -> None:
        try:
            office.desk.decide_appeal(appeal_id, staff, upholds, "my view")
        except AppealUnknown:
            ends.append("too late")
        else:
            ends.append("decided")

    threads = [threading.Thread(target=decide, args=one) for one in ((LEA, True), (LOU, False))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(ends) == ["decided", "too late"]
    assert len(office.orders(case_id)) == 2
