"""Shifts: without one nobody opens evidence; stopping one takes a key, and no reason.

Guarantees: a person has one shift at a time; the next may start `rest_hours` after the planned end
of the last, whether that was stopped or not, so stopping and starting again gains nothing; a lead
may let somebody else start sooner, once, on record; counts of what was seen go on as they are.
A lead sees how a person stands (`cap_states`) as one word, never counts, times or speed; starting
and stopping leave no line in the audit log, so that nobody need think twice before they stop.
Refuses: a second shift at once, one that starts too soon, a lead who lets themselves.
Leaves to `exposure`: what may be opened; to `evidence.views`: recording it.
Source of the default rest: Directive 2003/88/EC, article 3 (eleven hours in each twenty-four).
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from softfall.audit import trail
from softfall.casework.evidence.tables import shift_permits, shifts, views
from softfall.casework.exposure import (
    DAY_MS,
    LEAST_LOOK_MS,
    Allowed,
    CapState,
    NotNow,
    Rules,
    Seen,
    Shift,
    Wish,
    cap_state,
    may_open,
)
from softfall.casework.model import CaseState, Role, Severity
from softfall.casework.rights import NotYourRole, StaffRef
from softfall.casework.tables import cases
from softfall.config import CaseworkSettings
from softfall.errors import RefusedError

_HOUR_MS = 3_600_000
_WORKERS = (Role.MODERATOR, Role.LEAD)
NOTHING = -1  # the number of no piece of evidence


class ShiftRunning(RefusedError):
    """A shift of this person's is running already."""

    remedy = "Work on, or stop the shift first."


class ShiftTooSoon(RefusedError):
    """This person's last shift was too short a time ago; it may have been stopped."""

    remedy = "Rest until the time that is named. A lead may let you start sooner."


class NotYourOwnPermit(RefusedError):
    """Nobody lets themselves start a shift sooner."""

    remedy = "Ask another lead."


class NoShiftsOfTheirs(RefusedError):
    """This person's role has no shifts, so there is none to start sooner."""

    remedy = "Let a moderator or a lead start sooner: the lead's page names them."


@dataclass(frozen=True, slots=True)
class Standing:
    """How somebody stands now, for their own eyes.

    shift: the newest, running or not; None before the first. skips: categories that they skip in
    it. ordinary, severe: whether a new piece of evidence may be opened, and what is left.
    may_start_ms: when the next shift may start; None while one is running.
    """

    shift: Shift | None
    skips: tuple[str, ...]
    ordinary: Allowed | NotNow
    severe: Allowed | NotNow
    may_start_ms: int | None


@dataclass(frozen=True, slots=True)
class Recorded:
    """What limits go by: somebody's newest shift, and their views of the last 24 hours."""

    shift: Shift | None
    skips: tuple[str, ...]
    seen: tuple[Seen, ...]


@dataclass(frozen=True, slots=True)
class Share:
    """So many open cases of one category and severity."""

    category: str
    severity: Severity
    cases: int


def start(
    tx: Connection,
    staff: StaffRef,
    settings: CaseworkSettings,
    now_ms: int,
    skips: Sequence[str] = (),
) -> Shift:
    """Start somebody's shift; skips: categories that they skip in it, for no reason given.

    Raises NotYourRole, ShiftRunning, ShiftTooSoon.
    """
    if staff.role not in _WORKERS:
        raise NotYourRole("only a lead or moderator has shifts")
    last = recorded(tx, staff.name, now_ms).shift
    if last is not None and is_running(last, now_ms):
        raise ShiftRunning("a shift is running until its end")
    from_ms = may_start_ms(last, settings)
    if now_ms < from_ms and not _use_permit(tx, staff.name, now_ms):
        minutes = -((now_ms - from_ms) // 60_000)
        raise ShiftTooSoon(f"the next shift may start in {minutes} minutes")
    shift = Shift(now_ms, now_ms + round(settings.shift_hours * _HOUR_MS))
    tx.execute(
        insert(shifts).values(
            staff=staff.name,
            started_at_ms=shift.started_at_ms,
            ends_at_ms=shift.ends_at_ms,
            skips=json.dumps(sorted(set(skips))),
        )
    )
    return shift


def stop(tx: Connection, staff: StaffRef, now_ms: int) -> None:
    """End somebody's shift and all that they have open, now and without a question.

    Harmless where no shift is running.
    """
    mine = views.c.staff == staff.name, views.c.closed_at_ms.is_(None)
    tx.execute(update(views).where(*mine).values(closed_at_ms=now_ms))
    running = (
        shifts.c.staff == staff.name,
        shifts.c.stopped_at_ms.is_(None),
        shifts.c.ends_at_ms > now_ms,
    )
    tx.execute(update(shifts).where(*running).values(stopped_at_ms=now_ms))


def let_start(tx: Connection, lead: StaffRef, whom: StaffRef, now_ms: int) -> None:
    """Let somebody start one shift sooner than the rules do, within 24 hours from now.

    whom: somebody who may work here now. Raises NotYourRole, NotYourOwnPermit; NoShiftsOfTheirs if
    their role has no shifts, ShiftRunning if theirs is running.
    """
    if lead.role is not Role.LEAD:
        raise NotYourRole("only a lead may let somebody start a shift sooner")
    if lead.name == whom.name:
        raise NotYourOwnPermit("a lead may not let themselves start sooner")
    if whom.role not in _WORKERS:
        raise NoShiftsOfTheirs("only a lead or moderator has shifts")
    last = recorded(tx, whom.name, now_ms).shift
    if last is not None and is_running(last, now_ms):
        raise ShiftRunning("their shift is running")
    tx.execute(
        insert(shift_permits).values(staff=whom.name, given_by=lead.name, given_at_ms=now_ms)
    )
    trail.append(tx, now_ms, lead.name, "shift.allowed", whom.name)


def standing(tx: Connection, name: str, settings: CaseworkSettings, now_ms: int) -> Standing:
    """How somebody stands, for their own page."""
    known, rules = recorded(tx, name, now_ms), Rules.of(settings)
    longest_ms = round(settings.picture_view_seconds * 1_000)

    def may(severity: Severity) -> Allowed | NotNow:
        wish = Wish(NOTHING, severity, longest_ms)
        return may_open(now_ms, known.shift, known.seen, rules, wish)

    running = known.shift is not None and is_running(known.shift, now_ms)
    return Standing(
        known.shift,
        known.skips,
        may(Severity.ORDINARY),
        may(Severity.SEVERE),
        None if running else max(now_ms, may_start_ms(known.shift, settings)),
    )


def cap_states(
    tx: Connection, names: Iterable[str], settings: CaseworkSettings, now_ms: int
) -> dict[str, CapState]:
    """How each person stands, as a lead may know it."""
    rules = Rules.of(settings)
    known = {name: recorded(tx, name, now_ms) for name in names}
    return {name: cap_state(now_ms, one.shift, one.seen, rules) for name, one in known.items()}


def mix(tx: Connection) -> tuple[Share, ...]:
    """What waits to be taken now, by category and severity, as counts alone."""
    counted = (
        select(cases.c.category, cases.c.severity, func.count().label("cases"))
        .where(cases.c.state == CaseState.OPEN)
        .group_by(cases.c.category, cases.c.severity)
        .order_by(cases.c.category, cases.c.severity)
    )
    return tuple(
        Share(row.category, Severity(row.severity), row.cases) for row in tx.execute(counted)
    )


def recorded(tx: Connection, name: str, now_ms: int) -> Recorded:
    """What limits go by for this person."""
    newest = select(shifts).where(shifts.c.staff == name).order_by(shifts.c.row.desc()).limit(1)
    row = tx.execute(newest).one_or_none()
    recent = views.c.staff == name, views.c.until_ms > now_ms - DAY_MS
    seen = tuple(map(_seen, tx.execute(select(views).where(*recent))))
    if row is None:
        return Recorded(None, (), seen)
    shift = Shift(row.started_at_ms, row.ends_at_ms, row.stopped_at_ms)
    return Recorded(shift, tuple(json.loads(row.skips)), seen)


def is_running(shift: Shift, now_ms: int) -> bool:
    """Whether a shift was neither stopped nor over."""
    return shift.stopped_at_ms is None and now_ms < shift.ends_at_ms


def may_start_ms(last: Shift | None, settings: CaseworkSettings) -> int:
    """When the shift after this one may start."""
    return last.ends_at_ms + round(settings.rest_hours * _HOUR_MS) if last else 0


def _use_permit(tx: Connection, name: str, now_ms: int) -> bool:
    unused = (
        select(shift_permits.c.row)
        .where(
            shift_permits.c.staff == name,
            shift_permits.c.used_at_ms.is_(None),
            shift_permits.c.given_at_ms > now_ms - DAY_MS,
        )
        .order_by(shift_permits.c.row.desc())
        .limit(1)
    )
    found = tx.execute(unused).scalar()
    if found is None:
        return False
    mine = shift_permits.c.staff == name, shift_permits.c.used_at_ms.is_(None)
    tx.execute(update(shift_permits).where(*mine).values(used_at_ms=now_ms))
    return True


def _seen(row: Row[Any]) -> Seen:
    closed_ms = row.until_ms if row.closed_at_ms is None else row.closed_at_ms
    least_ms = row.opened_at_ms + LEAST_LOOK_MS
    ended_ms = max(least_ms, min(closed_ms, row.until_ms))
    return Seen(row.evidence, row.opened_at_ms, ended_ms)
