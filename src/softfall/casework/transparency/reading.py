"""Counting a period in casework's tables.

Guarantees: one consistent view; no words, names or hashes are read, only kinds, outcomes and times.
A period is days, UTC, the last one included.
Refuses, as `PeriodUnfit`: a period that ends before it begins.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, func, select
from sqlalchemy.sql.elements import ColumnElement

from softfall.casework.effects import HoldState, SourceFacts, on_hold
from softfall.casework.hotline.life import MailState
from softfall.casework.hotline.tables import hotline_mails
from softfall.casework.incoming import HashFacts
from softfall.casework.model import LINE_OF_SOURCE, CaseState, Outcome, Source
from softfall.casework.referral.life import State
from softfall.casework.referral.tables import referrals
from softfall.casework.tables import appeals, cases, decisions, sources
from softfall.casework.transparency.figures import Counted, DecidedCase, DecidedHold
from softfall.errors import InputError

_FINAL = ("final", "reversed")


class PeriodUnfit(InputError):
    """A period that ends before it begins, or that can't be counted."""

    remedy = "Give two days, as 2026-01-01 and 2026-03-31; the second one is counted too."


@dataclass(frozen=True, slots=True)
class Period:
    """From the first day to the last, both included."""

    first: date
    last: date

    def __post_init__(self) -> None:
        if self.last < self.first or not 1970 <= self.first.year <= self.last.year < 9999:
            raise PeriodUnfit(f"{self.first} to {self.last} is no period")

    @property
    def start_ms(self) -> int:
        """When it begins."""
        return _midnight_ms(self.first)

    @property
    def end_ms(self) -> int:
        """When it is over."""
        return _midnight_ms(self.last + timedelta(days=1))


def count(tx: Connection, period: Period) -> Counted:
    """What happened in a period. tx: a reading transaction."""

    def within(column: ColumnElement[Any]) -> ColumnElement[bool]:
        return (column >= period.start_ms) & (column < period.end_ms)

    def number(*which: ColumnElement[bool]) -> int:
        return tx.execute(select(func.count()).where(*which)).scalar_one()

    came_in = tx.execute(select(sources.c.source).where(within(sources.c.taken_at_ms))).scalars()
    in_time = within(appeals.c.decided_at_ms)
    undecided = ~select(decisions.c.row).where(decisions.c.case == cases.c.row).exists()
    closed = cases.c.state == CaseState.CLOSED
    return Counted(
        came_in=[Source(each) for each in came_in],
        decided=list(_decided(tx, within(decisions.c.final_at_ms))),
        holds=list(_holds(tx, within(decisions.c.final_at_ms))),
        appeals_made=number(within(appeals.c.made_at_ms)),
        appeals_upheld=number(in_time, appeals.c.upheld.is_(True)),
        appeals_reversed=number(in_time, appeals.c.upheld.is_(False)),
        released_by_time=number(within(cases.c.closed_at_ms), closed, undecided),
        referrals_received=number(
            within(referrals.c.state_since_ms), referrals.c.state == State.FINISHED
        ),
        referrals_mailed=number(
            within(hotline_mails.c.state_since_ms), hotline_mails.c.state == MailState.SENT
        ),
    )


def _decided(tx: Connection, in_time: ColumnElement[bool]) -> Iterator[DecidedCase]:
    """Decisions that became final, each with the line of defence of what opened its case."""
    each = sources.alias()
    first = select(func.min(each.c.row)).where(each.c.case == cases.c.row).scalar_subquery()
    rows = tx.execute(
        select(sources.c.source, decisions.c.outcome, decisions.c.final_at_ms, cases.c.opened_at_ms)
        .join(cases, cases.c.row == decisions.c.case)
        .join(sources, sources.c.row == first)
        .where(in_time, decisions.c.state.in_(_FINAL))
    )
    for row in rows:
        line = LINE_OF_SOURCE[Source(row.source)]
        yield DecidedCase(line, Outcome(row.outcome), max(0, row.final_at_ms - row.opened_at_ms))


def _holds(tx: Connection, in_time: ColumnElement[bool]) -> Iterator[DecidedHold]:
    """Held messages of the cases decided, with what the decision, or its appeal, made of them."""
    rows = tx.execute(
        select(sources.c.facts, sources.c.kind, decisions.c.outcome, decisions.c.state)
        .join(decisions, decisions.c.case == sources.c.case)
        .where(
            in_time,
            decisions.c.state.in_(_FINAL),
            sources.c.source == Source.HOLD,
            sources.c.held_envelope_id.is_not(None),
            sources.c.taken_at_ms <= decisions.c.final_at_ms,
        )
    )
    for row in rows:
        facts = HashFacts.model_validate_json(row.facts) if row.facts is not None else None
        held = SourceFacts(Source.HOLD, "", row.kind, hold=HoldState.HELD, facts=facts)
        effect = on_hold(held, Outcome(row.outcome))
        if effect is None:
            continue
        end = "released" if effect.move == "release" else "kept"
        if end == "kept" and row.state == "reversed":
            end = "reversed"
        yield DecidedHold(held.confirmed, end)


def _midnight_ms(day: date) -> int:
    return round(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)
