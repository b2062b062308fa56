"""Cases as rows: finding one, moving it along its life, writing down what happened, its facts.

Guarantees: every move is checked against `life.LIFE`, and is a row of the timeline; each function
works inside the caller's transaction, so that a deed, its line in the timeline and its line in the
audit log are there together or not at all.
Refuses: a case that is not there, one that somebody else has.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from softfall.audit import trail
from softfall.audit.chain import Detail
from softfall.casework import life
from softfall.casework.effects import CaseFacts, HoldState, SourceFacts
from softfall.casework.evidence.legal_hold import withholds_telling
from softfall.casework.evidence.seen import viewed_whole
from softfall.casework.evidence.tables import evidence
from softfall.casework.incoming import HashFacts
from softfall.casework.life import Actor
from softfall.casework.model import CaseState, EvidenceKind, Role, Source
from softfall.casework.priority import Known, priority
from softfall.casework.rights import Deed, StaffRef, check
from softfall.casework.tables import cases, decisions, sources, timeline
from softfall.errors import InputError, RefusedError

PROVIDER = "provider"  # the one origin whose word about holds, reports and matches is proof


class CaseUnknown(InputError):
    """There is no such case."""

    remedy = "Look the case up in the queue."


class NotYourCase(RefusedError):
    """Somebody else has this case, or nobody has taken it yet."""

    remedy = "Take the case first; one that somebody else has comes back when they give it back."


@dataclass(frozen=True, slots=True)
class Doer:
    """Who does something, and in which part of the table of a case's life."""

    name: str
    actor: Actor

    @classmethod
    def of(cls, staff: StaffRef) -> "Doer":
        """A member of staff."""
        return cls(staff.name, Actor.LEAD if staff.role is Role.LEAD else Actor.MODERATOR)


def find(tx: Connection, case_id: str) -> Row[Any]:
    """The case's row. Raises CaseUnknown."""
    found = tx.execute(select(cases).where(cases.c.case_id == case_id)).one_or_none()
    if found is None:
        raise CaseUnknown("there is no case of this id")
    return found


def find_for(tx: Connection, case_id: str, staff: StaffRef) -> Row[Any]:
    """A case that this member of staff is working on.

    Raises CaseUnknown, NotYourRole, NotYourCase.
    """
    case = find(tx, case_id)
    check_escalation(case, staff)
    if case.state != CaseState.IN_REVIEW or case.assigned_to != staff.name:
        raise NotYourCase("this case is not yours now")
    return case


def check_escalation(case: Row[Any], staff: StaffRef) -> None:
    """Raises NotYourRole where an escalated case is not for this role."""
    if case.escalated_at_ms is not None:
        check(staff, Deed.WORK_ESCALATED)


def move(
    tx: Connection, case: Row[Any], end: CaseState, by: Doer, words: str, now_ms: int, **also: Any
) -> None:
    """Move a case. also: columns that change with it. Raises CaseMoved."""
    start = CaseState(case.state)
    life.move(start, end, by.actor)
    kept = {} if end is CaseState.IN_REVIEW else {"assigned_to": None, "assigned_role": None}
    closed = {"closed_at_ms": now_ms, "closed_why": words} if end is CaseState.CLOSED else {}
    reopened = {"closed_at_ms": None, "closed_why": None} if start is CaseState.CLOSED else {}
    tx.execute(
        update(cases)
        .where(cases.c.row == case.row)
        .values(
            state=end, state_since_ms=now_ms, touched_at_ms=now_ms, **kept, **closed, **reopened,
            **also,
        )
    )  # fmt: skip
    note(tx, case.row, by, "moved", words, now_ms, (start, end))


def note(
    tx: Connection,
    case_row: int,
    by: Doer,
    what: str,
    words: str,
    now_ms: int,
    moved: tuple[CaseState | None, CaseState] | None = None,
) -> None:
    """Write a line of the case's timeline. words: no content of any message."""
    start, end = moved or (None, None)
    tx.execute(
        insert(timeline).values(
            case=case_row, at_ms=now_ms, who=by.name, actor=by.actor, what=what, start=start,
            end=end, words=words,
        )
    )  # fmt: skip


def audit(
    tx: Connection, by: str, action: str, case_id: str, now_ms: int, **details: Detail
) -> None:
    """Write a line of the audit log about a case."""
    trail.append(tx, now_ms, by, action, case_id, details)


def sources_of(tx: Connection, case_row: int) -> Sequence[Row[Any]]:
    """What came to a case, in the order in which it came."""
    wanted = select(sources).where(sources.c.case == case_row).order_by(sources.c.row)
    return tx.execute(wanted).all()


def facts(tx: Connection, case: Row[Any], second_reader_always: bool) -> CaseFacts:
    """A case, as far as outcomes go."""
    pieces = tx.execute(
        select(evidence.c.row, evidence.c.source_row, evidence.c.kind).where(
            evidence.c.case_row == case.row,
            evidence.c.source_row.is_not(None),  # an appeal's words are no source
            evidence.c.deleted_at_ms.is_(None),
        )
    ).all()
    rows = sources_of(tx, case.row)
    surfaces = {row.row for row in rows if row.source == Source.SURFACE and row.facts}
    listed = [
        piece.kind == EvidenceKind.PICTURE and piece.source_row in surfaces for piece in pieces
    ]
    return CaseFacts(
        sources=tuple(_source_facts(row) for row in rows),
        has_content=bool(pieces),
        own_picture=case.own_picture,
        telling_withheld=withholds_telling(tx, case.row),
        second_reader_always=second_reader_always,
        listed_only=bool(pieces) and all(listed),
        seen=any(viewed_whole(tx, piece.row) for piece in pieces),
    )


def refresh(tx: Connection, case_row: int, opened_at_ms: int) -> None:
    """Work out anew where a case stands in the queue, after something came to it."""
    rows = sources_of(tx, case_row)
    now = priority([_known(row) for row in rows], opened_at_ms)
    tx.execute(
        update(cases)
        .where(cases.c.row == case_row)
        .values(
            rank=now.rank, due_at_ms=now.due_at_ms, reasons=json.dumps(now.reasons),
            severity=now.severity, category=now.category, newest_source=rows[-1].row,
            child_at_risk_now=any(row.child_at_risk_now for row in rows),
        )
    )  # fmt: skip


def escalate(tx: Connection, case: Row[Any], by: Doer, words: str, now_ms: int) -> None:
    """Pass a case to leads; whoever has it and is not one loses it. Harmless when repeated."""
    if case.escalated_at_ms is not None:
        return
    tx.execute(update(cases).where(cases.c.row == case.row).values(escalated_at_ms=now_ms))
    note(tx, case.row, by, "escalated", words, now_ms)
    audit(tx, by.name, "case.escalated", case.case_id, now_ms, reason=words)
    taken = case.state == CaseState.IN_REVIEW and case.assigned_to is not None
    if taken and case.assigned_role != Role.LEAD:
        move(tx, case, CaseState.OPEN, by, "passed to leads", now_ms)


def waiting_proposal(tx: Connection, case_row: int) -> Row[Any] | None:
    """The referral that waits for a second reader, if there is one."""
    wanted = select(decisions).where(decisions.c.case == case_row, decisions.c.state == "proposed")
    return tx.execute(wanted).one_or_none()


def _source_facts(row: Row[Any]) -> SourceFacts:
    return SourceFacts(
        source=Source(row.source),
        subject=row.subject,
        kind=row.kind,
        trusted=row.origin == PROVIDER,
        hold=HoldState(row.hold_state) if row.hold_state else None,
        facts=HashFacts.model_validate_json(row.facts) if row.facts else None,
    )


def _known(row: Row[Any]) -> Known:
    facts = _source_facts(row)
    return Known(
        source=facts.source,
        reason=row.reason,
        confirmed=facts.confirmed,
        escalated=row.escalated,
        child_at_risk_now=row.child_at_risk_now,
        reporter=row.reporter,
    )
