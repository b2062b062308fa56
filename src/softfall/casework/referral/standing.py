"""Where a referral is, as people are told: its state, its steps, and what they can do.

Guarantees: only what is on record; no content.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, or_, select

from softfall.casework.model import Outcome
from softfall.casework.referral import moves
from softfall.casework.referral.life import WHAT_TO_DO, Event, State
from softfall.casework.referral.tables import referral_steps, referrals
from softfall.casework.tables import cases, decisions


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened to a referral on its way."""

    at_ms: int
    who: str
    start: State
    event: Event
    end: State
    report_id: int | None
    request_id: str
    told: str


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a referral is. what_to_do: for a person; empty where it goes on by itself.

    begun: how often a report was opened for it. failures: questions that came to nothing.
    files: how many; there: how many the authority has.
    """

    case_id: str
    state: State
    since_ms: int
    report_id: int | None
    begun: int
    failures: int
    due_ms: int
    what_to_do: str
    files: int
    there: int
    steps: tuple[Step, ...]


def standing(tx: Connection, row: Row[Any]) -> Standing:
    """A referral's, by its row."""
    files = moves.files(tx, row.row)
    wanted = select(referral_steps).where(referral_steps.c.referral == row.row)
    steps = tuple(
        Step(
            each.at_ms, each.who, State(each.start), Event(each.event), State(each.end),
            each.report_id, each.request_id or "", each.told,
        )
        for each in tx.execute(wanted.order_by(referral_steps.c.row))
    )  # fmt: skip
    return Standing(
        row.case_id,
        State(row.state),
        row.state_since_ms,
        row.report_id,
        row.begun,
        row.failures,
        row.due_ms,
        WHAT_TO_DO[Event(row.note)] if row.note is not None else "",
        len(files),
        sum(file.file_id is not None for file in files),
        steps,
    )


def awaits_approval(tx: Connection, case_id: str) -> bool:
    """Whether a case is decided as a referral, and its documents must still be read."""
    wanted = decided_unapproved().where(cases.c.case_id == case_id)
    return tx.execute(wanted).first() is not None


def decided_unapproved() -> Select[tuple[str]]:
    """Such cases' ids, oldest decision first."""
    return (
        select(cases.c.case_id)
        .join(decisions, decisions.c.case == cases.c.row)
        .outerjoin(referrals, referrals.c.case_id == cases.c.case_id)
        .where(
            decisions.c.outcome == Outcome.REFER,
            decisions.c.state == "final",
            or_(
                referrals.c.state.is_(None),
                (referrals.c.state == State.DRAFT) & referrals.c.approved_digest.is_(None),
            ),
        )
        .order_by(decisions.c.final_at_ms, decisions.c.row)
    )
