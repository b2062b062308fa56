import threading

import pytest

from softfall.casework.cases import CaseUnknown, NotYourCase
from softfall.casework.decisions import SecondReaderNeeded
from softfall.casework.described import QueueFilter, Shelf
from softfall.casework.life import CaseMoved
from softfall.casework.model import CaseState, Outcome, Severity
from softfall.casework.priority import Category
from softfall.casework.reasons import ReasonMissing
from softfall.casework.rights import NotYourRole, StaffRef

from .office import (
    ADMINISTRATOR,
    AUDITOR,
    LEA,
    MIA,
    MO,
    UNCONFIRMED,
    Office,
    hold,
    report,
)


def test_what_is_due_first_is_on_top_and_a_child_at_risk_before_all(office: Office) -> None:
    ordinary = office.take_in(report("ada", reason="spam"))
    unsure = office.take_in(hold("bob", UNCONFIRMED))
    known = office.take_in(hold("cy"))
    severe = office.take_in(report("dee", reason="child-safety"))
    office.later(1000)
    at_risk = office.take_in(report("eve", reason="spam", child_at_risk_now=True))
    order = [row.case_id for row in office.desk.queue(MO)]
    assert order == [at_risk, severe, known, unsure, ordinary]
    assert all(row.reasons for row in office.desk.queue(MO))


def test_shelves_and_filters(office: Office) -> None:
    mine = office.take_in(report("ada"))
    office.desk.take(mine, MO)
    proposed = office.take_in(report("bob"))
    office.decide(proposed, Outcome.REFER)
    decided = office.take_in(report("cy", reason="threat"))
    office.decide(decided, Outcome.WARN)
    waiting = office.take_in(hold("dee"))
    passed = office.take_in(report("eve"))
    office.desk.take(passed, MO)
    office.desk.escalate(passed, MO, "I know this person")

    def on(shelf: Shelf, staff: StaffRef = MO, **more: object) -> set[str]:
        wanted = QueueFilter(shelf=shelf, **more)  # type: ignore[arg-type]
        found = {row.case_id for row in office.desk.queue(staff, wanted)}
        assert office.desk.count(staff, wanted) == len(found)
        return found

    assert on(Shelf.OPEN) == {waiting}
    assert on(Shelf.OPEN, LEA) == {waiting, passed}
    assert on(Shelf.MINE) == {mine}
    assert on(Shelf.IN_REVIEW) == {mine, proposed}
    assert on(Shelf.ESCALATED) == {passed}
    assert on(Shelf.SECOND_READ) == {proposed}
    assert on(Shelf.DECIDED) == {decided}
    assert on(Shelf.ALL) == {mine, proposed, decided, waiting, passed}
    assert on(Shelf.ALL, subject="cy") == {decided}
    assert on(Shelf.ALL, severity=Severity.SEVERE) == {decided, waiting}
    assert on(Shelf.ALL, category=Category.KNOWN_PICTURE) == {waiting}
    assert len(office.desk.queue(MO, QueueFilter(shelf=Shelf.ALL, limit=2, offset=4))) == 1
    (row,) = office.desk.queue(MO, QueueFilter(shelf=Shelf.SECOND_READ))
    assert row.proposed_by == MO.name


def test_a_case_is_one_persons_at_a_time(office: Office) -> None:
    case_id = office.take_in(report())
    office.desk.take(case_id, MO)
    office.desk.take(case_id, MO)
    with pytest.raises(NotYourCase):
        office.desk.take(case_id, MIA)
    with pytest.raises(NotYourCase):
        office.desk.give_back(case_id, MIA)
    office.desk.give_back(case_id, MO)
    assert office.desk.take(case_id, MIA).row.assigned_to == MIA.name
    assert office.audited(case_id) == [
        "case.opened",
        "case.assigned",
        "case.given_back",
        "case.assigned",
    ]


def test_many_who_ask_at_once_get_a_case_each_and_none_twice(office: Office) -> None:
    for number in range(12):
        office.take_in(report(f"account {number}"))
    people = [StaffRef(f"staff {number}", MO.role) for number in range(6)]
    taken: list[tuple[str, str]] = []

    def work(staff: StaffRef) -> None:
        for _ in range(3):
            view = office.desk.take_next(staff)
            if view is not None:
                taken.append((view.row.case_id, staff.name))

    threads = [threading.Thread(target=work, args=(staff,)) for staff in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == 12
    assert len({case_id for case_id, _ in taken}) == 12
    assert all(office.see(case_id).row.assigned_to == name for case_id, name in taken)


def test_many_who_want_the_same_case_find_one_has_it(office: Office) -> None:
    case_id = office.take_in(report())
    got: list[str] = []

    def work(name: str) -> None:
        try:
            office.desk.take(case_id, StaffRef(name, MO.role))
        except NotYourCase:
            return
        got.append(name)

    threads = [threading.Thread(target=work, args=(f"staff {i}",)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 1
    assert office.see(case_id).row.assigned_to == got[0]


def test_what_somebody_skips_today_is_not_given_to_them_unless_a_child_is_at_risk(
    office: Office,
) -> None:
    office.take_in(report("ada", reason="threat"))
    skip = frozenset({Category.THREAT})
    assert office.desk.take_next(MO, skip) is None
    at_risk = office.take_in(report("bob", reason="threat", child_at_risk_now=True))
    view = office.desk.take_next(MO, skip)
    assert view is not None
    assert view.row.case_id == at_risk


def test_an_escalated_case_is_for_leads_alone(office: Office) -> None:
    case_id = office.take_in(hold(escalated=True))
    assert office.desk.take_next(MO) is None
    with pytest.raises(NotYourRole):
        office.desk.take(case_id, MO)
    view = office.desk.take_next(LEA)
    assert view is not None
    assert view.row.case_id == case_id


def test_passing_a_case_to_leads_takes_it_from_a_moderator_but_not_from_a_lead(
    office: Office,
) -> None:
    case_id = office.take_in(report())
    office.desk.take(case_id, MO)
    with pytest.raises(ReasonMissing):
        office.desk.escalate(case_id, MO, "  ")
    office.desk.escalate(case_id, MO, "I know this person")
    assert office.see(case_id).row.state is CaseState.OPEN
    other = office.take_in(report("bob"))
    office.desk.take(other, LEA)
    office.desk.escalate(other, LEA, "mine to keep")
    assert office.see(other).row.assigned_to == LEA.name


def test_a_shift_that_stops_gives_everything_back(office: Office) -> None:
    for name in ("ada", "bob"):
        office.desk.take(office.take_in(report(name)), MO)
    theirs = office.take_in(report("cy"))
    office.desk.take(theirs, MIA)
    assert office.desk.give_all_back(MO) == 2
    assert office.see(theirs).row.assigned_to == MIA.name


def test_what_is_decided_or_waits_for_a_second_reader_is_not_taken(office: Office) -> None:
    decided, proposed = office.take_in(report("ada")), office.take_in(report("bob"))
    office.decide(decided, Outcome.WARN)
    office.decide(proposed, Outcome.REFER)
    with pytest.raises(CaseMoved):
        office.desk.take(decided, MIA)
    for staff in (MO, MIA, LEA):
        with pytest.raises(SecondReaderNeeded):
            office.desk.take(proposed, staff)
        assert office.desk.take_next(staff) is None


@pytest.mark.parametrize("staff", [AUDITOR, ADMINISTRATOR])
def test_who_keeps_accounts_or_reads_the_log_touches_no_case(
    office: Office, staff: StaffRef
) -> None:
    case_id = office.take_in(report())
    desk = office.desk
    for deed in (
        lambda: desk.queue(staff),
        lambda: desk.mix(staff),
        lambda: desk.case(case_id, staff),
        lambda: desk.take(case_id, staff),
        lambda: desk.take_next(staff),
        lambda: desk.appeals(staff),
    ):
        with pytest.raises(NotYourRole):
            deed()


def test_a_case_that_is_not_there_is_named(office: Office) -> None:
    with pytest.raises(CaseUnknown):
        office.desk.take("0" * 32, MO)


def test_the_mix_counts_what_waits_for_this_person(office: Office) -> None:
    office.take_in(report("ada", reason="threat"))
    office.take_in(report("bob", reason="threat", child_at_risk_now=True))
    office.take_in(hold("cy", escalated=True))
    office.later(1)
    told = office.desk.mix(MO)
    assert told.counts == ((Category.THREAT, Severity.SEVERE, 2),)
    assert (told.child_at_risk_now, told.overdue) == (1, 1)
    assert sum(many for _, _, many in office.desk.mix(LEA).counts) == 3
