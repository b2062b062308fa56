import threading
from typing import Any

import pytest

from softfall.casework.cases import NotYourCase
from softfall.casework.decisions import (
    ReferralNotAllowed,
    SameReader,
    SecondReaderNeeded,
)
from softfall.casework.life import CaseMoved
from softfall.casework.model import CaseState, Outcome
from softfall.casework.policies import OWN_PICTURE_WORDS
from softfall.casework.reasons import ReasonMissing
from softfall.casework.rights import NotYourRole

from .office import (
    LEA,
    LOU,
    MIA,
    MO,
    Office,
    hold,
    new_office,
    report,
    ruling,
)


def test_a_referral_waits_for_a_second_reader_who_is_somebody_else(office: Office) -> None:
    case_id = office.take_in(hold())
    assert not office.decide(case_id, Outcome.REFER, LEA).final
    assert office.orders(case_id) == []
    with pytest.raises(SameReader):
        office.desk.second_read(case_id, LEA, True, "mine")
    with pytest.raises(NotYourRole):
        office.desk.second_read(case_id, MO, True, "agreed")
    with pytest.raises(ReasonMissing):
        office.desk.second_read(case_id, LOU, True, "")
    assert office.desk.second_read(case_id, LOU, True, "agreed").final
    view = office.see(case_id)
    assert view.row.state is CaseState.DECIDED
    assert view.decisions[0].second_reader == "lou"
    (order,) = office.orders(case_id)
    assert [each.decision for each in order.holds] == ["block"]
    assert order.decided_by == "lea"
    with pytest.raises(SecondReaderNeeded):
        office.desk.second_read(case_id, LOU, True, "again")


def test_a_second_reader_who_disagrees_opens_the_case_again_on_record(office: Office) -> None:
    case_id = office.take_in(hold())
    office.decide(case_id, Outcome.REFER)
    assert not office.desk.second_read(case_id, LEA, False, "not what it seems").final
    view = office.see(case_id)
    assert (view.row.state, view.row.proposed_by) == (CaseState.OPEN, None)
    assert view.decisions[0].state == "refused"
    assert view.decisions[0].second_reason == "not what it seems"
    assert office.orders(case_id) == []
    office.decide(case_id, Outcome.REFER, MIA)
    with pytest.raises(SameReader):
        office.desk.second_read(case_id, LEA, True, "read it before")
    assert office.desk.second_read(case_id, LOU, True, "agreed").final


def test_two_second_readers_at_once_make_one_decision(office: Office) -> None:
    case_id = office.take_in(hold())
    office.decide(case_id, Outcome.REFER)
    ends: list[str] = []

    def read(staff: Any) -> None:
        try:
            office.desk.second_read(case_id, staff, True, "agreed")
        except SecondReaderNeeded:
            ends.append("too late")
        else:
            ends.append("final")

    threads = [threading.Thread(target=read, args=(staff,)) for staff in (LEA, LOU)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(ends) == ["final", "too late"]
    assert len(office.orders(case_id)) == 1


def test_a_proposal_may_be_withdrawn_by_whoever_made_it(office: Office) -> None:
    case_id = office.take_in(hold())
    with pytest.raises(SecondReaderNeeded):
        office.desk.withdraw_proposal(case_id, MO, "a mistake")
    office.decide(case_id, Outcome.REFER)
    with pytest.raises(NotYourCase):
        office.desk.withdraw_proposal(case_id, MIA, "a mistake")
    office.desk.withdraw_proposal(case_id, MO, "a mistake")
    assert office.see(case_id).row.state is CaseState.OPEN
    assert office.see(case_id).decisions[0].state == "withdrawn"


def test_while_a_referral_waits_nothing_else_is_decided(office: Office) -> None:
    case_id = office.take_in(hold())
    office.decide(case_id, Outcome.REFER)
    for staff in (MO, MIA, LEA):
        with pytest.raises((NotYourCase, SecondReaderNeeded)):
            office.desk.decide(case_id, staff, ruling())
        with pytest.raises((NotYourCase, SecondReaderNeeded)):
            office.desk.give_back(case_id, staff)


def test_what_changes_while_a_referral_waits_is_looked_at_again(office: Office) -> None:
    incoming = hold()
    case_id = office.take_in(incoming)
    office.decide(case_id, Outcome.REFER)
    seen = office.see(case_id)
    office.take_in(report())
    with pytest.raises(CaseMoved):
        office.desk.second_read(case_id, LEA, True, "agreed", version=seen.version)
    now = office.see(case_id)
    office.desk.second_read(case_id, LEA, True, "agreed", version=now.version)


def test_with_the_second_reader_switched_off_a_hash_alone_needs_one_all_the_same(
    databases: Any,
) -> None:
    office = new_office(databases, second_reader=False)
    alone = office.take_in(hold("bob"))
    assert not office.decide(alone, Outcome.REFER).final
    office.db.close()


def test_a_young_persons_own_picture_is_referred_by_a_lead_with_a_reason_alone(
    office: Office,
) -> None:
    case_id = office.take_in(report())
    office.desk.take(case_id, MO)
    office.desk.mark_own_picture(case_id, MO, True, "shared among peers")
    view = office.see(case_id)
    assert view.policy_words == OWN_PICTURE_WORDS
    assert view.proposed.outcome is Outcome.WARN
    with pytest.raises(ReferralNotAllowed, match="lead"):
        office.desk.decide(case_id, MO, ruling(Outcome.REFER, override_reason="because"))
    office.desk.give_back(case_id, MO)
    with pytest.raises(ReferralNotAllowed, match="say why"):
        office.decide(case_id, Outcome.REFER, LEA)
    made = office.desk.decide(case_id, LEA, ruling(Outcome.REFER, override_reason="extortion"))
    assert not made.final
    assert office.desk.second_read(case_id, LOU, True, "agreed").final
    assert office.see(case_id).decisions[0].override_reason == "extortion"


def test_a_mark_that_was_set_meanwhile_stops_a_proposal_without_override(
    office: Office,
) -> None:
    case_id = office.take_in(report())
    office.decide(case_id, Outcome.REFER)
    with office.db.write() as tx:
        from sqlalchemy import update

        from softfall.casework.tables import cases

        tx.execute(update(cases).values(own_picture=True))
    with pytest.raises(ReferralNotAllowed):
        office.desk.second_read(case_id, LEA, True, "agreed")
    assert office.orders(case_id) == []
