from softfall.casework.clock import Ticked
from softfall.casework.evidence.tables import views
from softfall.casework.model import CaseState, Outcome

from .office import DAY_MS, MINUTE_MS, MO, Office, hold, report

NOTHING = Ticked(0, 0, 0)


def test_a_case_that_nobody_touches_goes_back_to_all(office: Office) -> None:
    case_id = office.take_in(report())
    office.desk.take(case_id, MO)
    office.later(59 * MINUTE_MS)
    assert office.desk.tick() == NOTHING
    office.desk.take(case_id, MO)  # touched
    office.later(59 * MINUTE_MS)
    assert office.desk.tick() == NOTHING
    office.later(MINUTE_MS)
    assert office.desk.tick() == Ticked(1, 0, 0)
    view = office.see(case_id)
    assert (view.row.state, view.row.assigned_to) == (CaseState.OPEN, None)
    assert view.timeline[-1].who == "clock"
    assert office.audited(case_id)[-1] == "case.given_back"
    assert office.desk.tick() == NOTHING


def test_who_looks_at_a_cases_evidence_keeps_it(office: Office) -> None:
    case_id = office.take_in(report())
    office.desk.take(case_id, MO)
    (piece,) = office.see(case_id).evidence
    office.later(59 * MINUTE_MS)
    with office.db.write() as tx:
        for name in ("mo", "mia"):
            tx.execute(
                views.insert().values(
                    staff=name, evidence=piece.evidence_id, region=0, severity="ordinary",
                    opened_at_ms=office.now_ms if name == "mo" else office.now_ms + DAY_MS,
                    until_ms=office.now_ms, closed_at_ms=office.now_ms,
                )
            )  # fmt: skip
    office.later(59 * MINUTE_MS)
    assert office.desk.tick() == NOTHING
    office.later(MINUTE_MS)
    assert office.desk.tick() == Ticked(1, 0, 0)


def test_a_referral_that_waits_for_its_second_reader_is_not_given_back(office: Office) -> None:
    case_id = office.take_in(hold())
    office.decide(case_id, Outcome.REFER)
    office.later(90 * DAY_MS)
    assert office.desk.tick() == NOTHING
    assert office.see(case_id).row.state is CaseState.IN_REVIEW


def test_a_decided_case_closes_once_nobody_may_appeal_and_all_is_enacted(
    office: Office,
) -> None:
    case_id = office.take_in(hold())
    office.decide(case_id, Outcome.BLOCK)
    office.later(30 * DAY_MS)
    office.enact()
    assert office.desk.tick() == NOTHING
    office.later(1)
    assert office.desk.tick() == Ticked(0, 0, 1)
    assert office.see(case_id).row.state is CaseState.CLOSED
    assert office.audited(case_id)[-1] == "case.closed"


def test_a_case_is_not_closed_while_something_is_still_to_be_enacted(office: Office) -> None:
    case_id = office.take_in(report())
    office.decide(case_id, Outcome.NO_ACTION)
    office.later(365 * DAY_MS)
    assert office.desk.tick() == NOTHING
    office.enact()
    assert office.desk.tick() == Ticked(0, 0, 1)


def test_a_decision_that_nobody_can_appeal_closes_its_case_at_once(office: Office) -> None:
    case_id = office.take_in(hold())
    office.decide(case_id, Outcome.RELEASE)
    office.enact()
    assert office.desk.tick() == Ticked(0, 0, 1)


def test_time_alone_decides_nothing(office: Office) -> None:
    case_id = office.take_in(hold())
    for _ in range(5):
        office.later(400 * DAY_MS)
        assert office.desk.tick() == NOTHING
    assert office.see(case_id).row.state is CaseState.OPEN
    assert office.orders(case_id) == []
