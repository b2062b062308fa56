"""The queue: what waits, in which order and why; taking a case, and giving it back.

Guarantees: a case is one person's at a time, whatever many ask for at once, in any number of
processes; taking one's own case again is harmless and keeps it from timing out. Escalated cases go
to leads alone. The queue tells text facts, never content.
Refuses, by name: a case that somebody else has, is decided, or waits for a second reader.
"""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    exists,
    func,
    select,
    true,
    update,
)

from softfall.casework import cases as case_rows
from softfall.casework import rights
from softfall.casework.cases import Doer, NotYourCase
from softfall.casework.decisions import SecondReaderNeeded
from softfall.casework.described import CaseRow, Mix, QueueFilter, Shelf
from softfall.casework.life import CaseMoved
from softfall.casework.model import CaseState, Role, Severity, Source
from softfall.casework.priority import FIRST, Category
from softfall.casework.reasons import check_reason
from softfall.casework.rights import Deed, StaffRef
from softfall.casework.tables import cases, decisions, enactments, sources

MAX_LISTED = 200


def listed(tx: Connection, staff: StaffRef, wanted: QueueFilter) -> list[CaseRow]:
    """One shelf of the queue, what comes first on top. Raises NotYourRole."""
    rights.check(staff, Deed.SEE)
    limit = max(1, min(wanted.limit, MAX_LISTED))
    asked = _ordered(_filtered(staff, wanted)).limit(limit).offset(max(0, wanted.offset))
    return rows_of(tx, tx.execute(asked).all())


def counted(tx: Connection, staff: StaffRef, wanted: QueueFilter) -> int:
    """How many cases a shelf holds. Raises NotYourRole."""
    rights.check(staff, Deed.SEE)
    inner = _filtered(staff, wanted).subquery()
    return tx.execute(select(func.count()).select_from(inner)).scalar_one()


def take(tx: Connection, case_id: str, staff: StaffRef, now_ms: int) -> None:
    """Have a case. Raises CaseUnknown, NotYourRole, NotYourCase, SecondReaderNeeded, CaseMoved."""
    rights.check(staff, Deed.TAKE)
    case = case_rows.find(tx, case_id)
    case_rows.check_escalation(case, staff)
    if case.state == CaseState.IN_REVIEW:
        if case_rows.waiting_proposal(tx, case.row):
            raise SecondReaderNeeded("a referral waits for its second reader")
        if case.assigned_to != staff.name:
            raise NotYourCase("somebody else has this case")
        tx.execute(update(cases).where(cases.c.row == case.row).values(touched_at_ms=now_ms))
        return
    if case.state != CaseState.OPEN:
        raise CaseMoved(f"this case is {case.state}")
    _assign(tx, case, staff, now_ms)


def take_next(
    tx: Connection, staff: StaffRef, skip: frozenset[Category], now_ms: int
) -> str | None:
    """Have the first open case that one may work on; its id, or None if there is none.

    skip: categories that this person skips today; a child at risk now is in none of them.
    Raises NotYourRole.
    """
    rights.check(staff, Deed.TAKE)
    wanted = QueueFilter(shelf=Shelf.OPEN, skip=skip)
    case = tx.execute(_ordered(_filtered(staff, wanted)).limit(1)).first()
    if case is None:
        return None
    _assign(tx, case, staff, now_ms)
    return str(case.case_id)


def give_back(tx: Connection, case_id: str, staff: StaffRef, reason: str, now_ms: int) -> None:
    """Let others have a case. reason: may be empty; nobody has to say why they stop.

    Raises CaseUnknown, NotYourRole, NotYourCase, SecondReaderNeeded.
    """
    case = case_rows.find_for(tx, case_id, staff)
    words = f"given back: {reason}" if reason else "given back"
    case_rows.move(tx, case, CaseState.OPEN, Doer.of(staff), words, now_ms)
    case_rows.audit(tx, staff.name, "case.given_back", case_id, now_ms, reason=reason)


def give_all_back(tx: Connection, staff: StaffRef, now_ms: int) -> int:
    """Let others have every case that this person has, without a word; how many."""
    mine = (cases.c.state == CaseState.IN_REVIEW) & (cases.c.assigned_to == staff.name)
    found = tx.execute(select(cases).where(mine)).all()
    for case in found:
        case_rows.move(tx, case, CaseState.OPEN, Doer.of(staff), "given back", now_ms)
        case_rows.audit(tx, staff.name, "case.given_back", case.case_id, now_ms, reason="")
    return len(found)


def escalate(tx: Connection, case_id: str, staff: StaffRef, reason: str, now_ms: int) -> None:
    """Pass a case that one has to leads. Raises what `give_back` does, and ReasonMissing."""
    rights.check(staff, Deed.ESCALATE)
    check_reason(reason)
    case = case_rows.find_for(tx, case_id, staff)
    case_rows.escalate(tx, case, Doer.of(staff), reason, now_ms)


def mark_own_picture(
    tx: Connection, case_id: str, staff: StaffRef, own: bool, reason: str, now_ms: int
) -> None:
    """Say that a case is about a young person's own picture, shared among peers; or not.

    Raises CaseUnknown, NotYourRole, NotYourCase, ReasonMissing.
    """
    rights.check(staff, Deed.MARK)
    check_reason(reason)
    case = case_rows.find_for(tx, case_id, staff)
    tx.execute(
        update(cases).where(cases.c.row == case.row).values(own_picture=own, touched_at_ms=now_ms)
    )
    what = "marked as own picture" if own else "mark of own picture taken off"
    case_rows.note(tx, case.row, Doer.of(staff), what, reason, now_ms)
    case_rows.audit(tx, staff.name, "case.own_picture", case_id, now_ms, own=own, reason=reason)


def mix(tx: Connection, staff: StaffRef, now_ms: int) -> Mix:
    """What waits for this person, as counts. Raises NotYourRole."""
    rights.check(staff, Deed.SEE)
    waiting = _filtered(staff, QueueFilter(shelf=Shelf.OPEN)).subquery()
    by_kind = tx.execute(
        select(waiting.c.category, waiting.c.severity, func.count().label("many"))
        .group_by(waiting.c.category, waiting.c.severity)
        .order_by(waiting.c.category, waiting.c.severity)
    ).all()
    overdue = select(func.count()).select_from(waiting).where(waiting.c.due_at_ms < now_ms)
    at_risk = select(func.count()).select_from(waiting).where(waiting.c.child_at_risk_now)
    return Mix(
        counts=tuple((Category(a), Severity(b), many) for a, b, many in by_kind),
        overdue=tx.execute(overdue).scalar_one(),
        child_at_risk_now=tx.execute(at_risk).scalar_one(),
    )


def rows_of(tx: Connection, found: Sequence[Row[Any]]) -> list[CaseRow]:
    """Cases as the queue tells them, in the order given."""
    numbers = [case.row for case in found]
    counts = _counts(tx, numbers)
    proposers = {
        row.case: row.proposed_by
        for row in tx.execute(
            select(decisions.c.case, decisions.c.proposed_by).where(
                decisions.c.case.in_(numbers), decisions.c.state == "proposed"
            )
        )
    }
    return [
        CaseRow(
            case_id=case.case_id,
            subject=case.subject,
            state=CaseState(case.state),
            category=Category(case.category),
            severity=Severity(case.severity),
            child_at_risk_now=case.child_at_risk_now,
            own_picture=case.own_picture,
            escalated=case.escalated_at_ms is not None,
            rank=case.rank,
            opened_at_ms=case.opened_at_ms,
            due_at_ms=case.due_at_ms,
            reasons=tuple(json.loads(case.reasons)),
            sources=counts[case.row][0],
            reporters=counts[case.row][1],
            assigned_to=case.assigned_to,
            proposed_by=proposers.get(case.row),
        )
        for case in found
    ]


def _counts(tx: Connection, numbers: Sequence[int]) -> dict[int, tuple[int, int]]:
    """How many sources each case has, and how many people reported it (no name: one person)."""
    found: dict[int, tuple[int, set[str | None]]] = {row: (0, set()) for row in numbers}
    for row in tx.execute(
        select(sources.c.case, sources.c.source, sources.c.reporter).where(
            sources.c.case.in_(numbers)
        )
    ):
        many, who = found[row.case]
        found[row.case] = (many + 1, who | {row.reporter} if row.source == Source.REPORT else who)
    return {row: (many, len(who)) for row, (many, who) in found.items()}


def _assign(tx: Connection, case: Row[Any], staff: StaffRef, now_ms: int) -> None:
    case_rows.move(
        tx, case, CaseState.IN_REVIEW, Doer.of(staff), "taken", now_ms,
        assigned_to=staff.name, assigned_role=staff.role,
    )  # fmt: skip
    case_rows.audit(tx, staff.name, "case.assigned", case.case_id, now_ms)


def _ordered(asked: Select[Any]) -> Select[Any]:
    return asked.order_by(cases.c.rank, cases.c.due_at_ms, cases.c.row)


def _filtered(staff: StaffRef, wanted: QueueFilter) -> Select[Any]:
    tests: list[ColumnElement[bool]] = [_on_shelf(staff, wanted.shelf)]
    if wanted.category is not None:
        tests.append(cases.c.category == wanted.category)
    if wanted.severity is not None:
        tests.append(cases.c.severity == wanted.severity)
    if wanted.subject is not None:
        tests.append(cases.c.subject == wanted.subject)
    if wanted.skip:
        skipped = cases.c.category.in_(sorted(wanted.skip))
        tests.append(~skipped | (cases.c.rank == FIRST))
    return select(cases).where(and_(*tests))


def _on_shelf(staff: StaffRef, shelf: Shelf) -> ColumnElement[bool]:
    in_trouble = enactments.c.trouble.is_not(None) & enactments.c.state.in_(("waiting", "failed"))
    proposed = exists().where(decisions.c.case == cases.c.row, decisions.c.state == "proposed")
    trouble = exists().where(enactments.c.case == cases.c.row, in_trouble)
    escalated = cases.c.escalated_at_ms.is_not(None)
    state = cases.c.state
    lead = staff.role is Role.LEAD
    shelves: dict[Shelf, ColumnElement[bool]] = {
        Shelf.OPEN: (state == CaseState.OPEN) & (true() if lead else ~escalated),
        Shelf.MINE: (state == CaseState.IN_REVIEW) & (cases.c.assigned_to == staff.name),
        Shelf.IN_REVIEW: state == CaseState.IN_REVIEW,
        Shelf.ESCALATED: escalated & state.in_((CaseState.OPEN, CaseState.IN_REVIEW)),
        Shelf.SECOND_READ: (state == CaseState.IN_REVIEW) & proposed,
        Shelf.APPEALS: state == CaseState.APPEALED,
        Shelf.TROUBLE: trouble,
        Shelf.DECIDED: state == CaseState.DECIDED,
        Shelf.CLOSED: state == CaseState.CLOSED,
        Shelf.ALL: true(),
    }
    return shelves[shelf]
