"""Where a referral is, as people are told: its state, its steps, and what they can do.

Guarantees: only what is on record; no content.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, select

from softfall.casework.referral import moves
from softfall.casework.referral.life import WHAT_TO_DO, Event, State
from softfall.casework.referral.tables import referral_steps, referrals

_ENDS = frozenset({State.DRAFT, State.FINISHED, State.WITHDRAWN})


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


def is_unsent(tx: Connection, case_id: str) -> bool:
    """Whether a case's referral is still on its way, so that its evidence must be kept."""
    wanted = select(referrals.c.state).where(referrals.c.case_id == case_id)
    state = tx.execute(wanted).scalar()
    return state is not None and state not in _ENDS
