"""What time does to cases: gives back what nobody touches, tells late, closes what is over.

Guarantees: time decides nothing about anybody; each step is a row of the case's timeline and a
line of the audit log. Run by every process as often as it likes: a step is done once. A proposal
that waits for its second reader is nobody's, and is not given back. Opening evidence counts as
touching its case.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, exists, or_, select, update

from softfall.casework import cases as case_rows
from softfall.casework import enacting
from softfall.casework.cases import Doer
from softfall.casework.effects import APPEALABLE
from softfall.casework.evidence.legal_hold import withholds_telling
from softfall.casework.evidence.tables import evidence, views
from softfall.casework.life import Actor
from softfall.casework.model import CLOCK, CaseState
from softfall.casework.tables import cases, decisions, enactments
from softfall.store.transactions import Database

AT_ONCE = 100  # cases in one transaction, so that nobody waits long

_CLOCK = Doer(CLOCK, Actor.CLOCK)


@dataclass(frozen=True, slots=True)
class Times:
    """How long things may take, in milliseconds."""

    assignment_ms: int
    appeal_ms: int


@dataclass(frozen=True, slots=True)
class Ticked:
    """What one round did: numbers of cases."""

    given_back: int
    told: int
    closed: int


def run_once(db: Database, times: Times, now_ms: int) -> Ticked:
    """One round, a transaction a step. Raises StoreBusy, StorageFull."""
    with db.write() as tx:
        back = _give_back(tx, times, now_ms)
    with db.write() as tx:
        told = _tell_late(tx, times, now_ms)
    with db.write() as tx:
        closed = _close(tx, now_ms)
    return Ticked(back, told, closed)


def _give_back(tx: Connection, times: Times, now_ms: int) -> int:
    since_ms = now_ms - times.assignment_ms
    looked = exists().where(
        evidence.c.case_row == cases.c.row,
        views.c.evidence == evidence.c.row,
        views.c.staff == cases.c.assigned_to,
        views.c.opened_at_ms > since_ms,
    )
    overdue = tx.execute(
        select(cases)
        .where(
            cases.c.state == CaseState.IN_REVIEW,
            cases.c.assigned_to.is_not(None),
            cases.c.touched_at_ms <= since_ms,
            ~looked,
        )
        .limit(AT_ONCE)
    ).all()
    for case in overdue:
        words = f"not touched for too long by {case.assigned_to}"
        case_rows.move(tx, case, CaseState.OPEN, _CLOCK, words, now_ms)
        case_rows.audit(tx, CLOCK, "case.given_back", case.case_id, now_ms, reason=words)
    return len(overdue)


def _tell_late(tx: Connection, times: Times, now_ms: int) -> int:
    """Tell those whom a legal hold, lifted since, kept from knowing; their time begins now."""
    untold = tx.execute(
        select(decisions)
        .where(decisions.c.state == "final", decisions.c.told.is_(False))
        .order_by(decisions.c.row)
    ).all()
    told = 0
    for decision in untold:
        if withholds_telling(tx, decision.case):
            continue
        case = tx.execute(select(cases).where(cases.c.row == decision.case)).one()
        until_ms = now_ms + times.appeal_ms if decision.outcome in APPEALABLE else None
        enacting.add_telling(tx, case, decision, now_ms, until_ms)
        tx.execute(
            update(decisions)
            .where(decisions.c.row == decision.row)
            .values(told=True, appeal_until_ms=until_ms)
        )
        words = "the legal hold that withheld it is over"
        case_rows.note(tx, case.row, _CLOCK, "told late", words, now_ms)
        case_rows.audit(tx, CLOCK, "case.told_late", case.case_id, now_ms, reason=words)
        told += 1
    return told


def _close(tx: Connection, now_ms: int) -> int:
    over = _over(tx, now_ms)
    for case in over:
        why = "everything is enacted, and nobody may appeal any more"
        case_rows.move(tx, case, CaseState.CLOSED, _CLOCK, why, now_ms)
        case_rows.audit(tx, CLOCK, "case.closed", case.case_id, now_ms, why=why)
    return len(over)


def _over(tx: Connection, now_ms: int) -> Sequence[Row[Any]]:
    """Decided cases of which nothing is left to be enacted, told, or appealed."""
    undone = enactments.c.state.in_(("waiting", "failed"))
    left = exists().where(enactments.c.case == cases.c.row, undone)
    mine = (decisions.c.case == cases.c.row) & decisions.c.final_at_ms.is_not(None)
    untold = (decisions.c.state == "final") & decisions.c.told.is_(False)
    in_time = decisions.c.appeal_until_ms >= now_ms
    waiting = exists().where(mine, or_(untold, in_time))
    return tx.execute(
        select(cases)
        .where(cases.c.state == CaseState.DECIDED, ~left, ~waiting)
        .order_by(cases.c.row)
        .limit(AT_ONCE)
    ).all()
