"""Shifts: one at a time, stopped without a word, never a way round the limits."""

from collections.abc import Iterator

import pytest

from softfall.audit import trail
from softfall.casework import shifts
from softfall.casework.evidence.tables import shifts as kept
from softfall.casework.evidence.views import View
from softfall.casework.exposure import Allowed, CapState, NotNow, Shift, Why
from softfall.casework.model import CaseState, Role, Severity
from softfall.casework.rights import NotYourRole, StaffRef
from softfall.casework.shifts import (
    NotYourOwnPermit,
    Share,
    ShiftRunning,
    ShiftTooSoon,
    Standing,
)
from tests.casework.evidence.room import ANNE, BEN, DAY_MS, HOUR_MS, LEO, LIA, Room, new_room
from tests.databases import Databases


@pytest.fixture
def room(databases: Databases) -> Iterator[Room]:
    made = new_room(databases)
    yield made
    made.db.close()


def standing(room: Room, staff: StaffRef = ANNE) -> Standing:
    with room.db.read() as tx:
        return shifts.standing(tx, staff.name, room.settings, room.now_ms)


def allow(room: Room, lead: StaffRef = LEO, whom: StaffRef = ANNE) -> None:
    with room.db.write() as tx:
        shifts.let_start(tx, lead, whom, room.now_ms)


def states(room: Room) -> dict[str, CapState]:
    with room.db.read() as tx:
        return shifts.cap_states(tx, ["anne", "ben"], room.settings, room.now_ms)


def test_a_shift_runs_from_its_start_to_its_planned_end(room: Room) -> None:
    assert standing(room).shift is None
    assert standing(room).may_start_ms == room.now_ms
    room.start()
    stood = standing(room)
    assert stood.shift == Shift(room.now_ms, room.now_ms + 8 * HOUR_MS)
    assert stood.may_start_ms is None
    assert isinstance(stood.ordinary, Allowed)
    assert stood.ordinary.items_left == 60
    room.now_ms += 8 * HOUR_MS
    assert standing(room).ordinary == NotNow(Why.SHIFT_OVER)
    assert standing(room).may_start_ms == room.now_ms + 11 * HOUR_MS


def test_what_somebody_skips_holds_for_this_shift(room: Room) -> None:
    with room.db.write() as tx:
        shifts.start(tx, ANNE, room.settings, room.now_ms, ["threat report", "other report"])
    assert standing(room).skips == ("other report", "threat report")
    room.now_ms += 2 * DAY_MS
    room.start()
    assert standing(room).skips == ()


def test_there_is_one_shift_at_a_time(room: Room) -> None:
    room.start()
    with pytest.raises(ShiftRunning):
        room.start()
    assert len(room.rows(kept)) == 1


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.ADMINISTRATOR])
def test_who_sees_no_evidence_has_no_shift(room: Room, role: Role) -> None:
    with pytest.raises(NotYourRole):
        room.start(StaffRef("anne", role))


@pytest.mark.parametrize("worked_hours", [0, 1, 8])
def test_the_next_shift_is_the_next_days_whenever_this_one_was_stopped(
    room: Room, worked_hours: int
) -> None:
    room.start()
    begun_ms = room.now_ms
    room.now_ms += worked_hours * HOUR_MS
    room.stop()
    assert standing(room).may_start_ms == begun_ms + 19 * HOUR_MS
    room.now_ms = begun_ms + 19 * HOUR_MS - 1
    with pytest.raises(ShiftTooSoon, match="in 1 minutes"):
        room.start()
    room.now_ms += 1
    room.start()


def test_stopping_needs_no_reason_and_leaves_no_line_in_the_log(room: Room) -> None:
    room.start()
    room.now_ms += HOUR_MS
    room.stop()
    room.stop()
    room.stop(BEN)
    assert standing(room).ordinary == NotNow(Why.STOPPED)
    assert [each.stopped_at_ms for each in room.rows(kept)] == [room.now_ms]
    with room.db.read() as tx:
        assert trail.read(tx) == []


def test_a_lead_lets_somebody_else_start_sooner_once_and_on_record(room: Room) -> None:
    room.start()
    with pytest.raises(ShiftRunning):
        allow(room)
    room.stop()
    allow(room)
    room.start()
    room.stop()
    with pytest.raises(ShiftTooSoon):
        room.start()
    assert room.lines("shift.allowed") == [{"who": "leo", "subject": "anne"}]


def test_several_permits_serve_one_start(room: Room) -> None:
    room.start()
    room.stop()
    allow(room)
    allow(room, LIA)
    room.start()
    room.stop()
    with pytest.raises(ShiftTooSoon):
        room.start()


def test_a_permit_is_good_for_a_day_and_is_not_used_up_when_none_is_needed(room: Room) -> None:
    room.configure(shift_hours=24, rest_hours=24)
    room.start()
    room.stop()
    allow(room)
    room.now_ms += DAY_MS
    with pytest.raises(ShiftTooSoon):
        room.start()


def test_nobody_lets_themselves_and_only_a_lead_lets_anybody(room: Room) -> None:
    with pytest.raises(NotYourOwnPermit):
        allow(room, LEO, LEO)
    with pytest.raises(NotYourRole):
        allow(room, BEN)
    for role in (Role.AUDITOR, Role.ADMINISTRATOR):
        with pytest.raises(shifts.NoShiftsOfTheirs):
            allow(room, LEO, StaffRef("zoe", role))


def test_a_permit_resets_no_count(room: Room) -> None:
    room.configure(items_per_day=1)
    row, case_id = room.case()
    first, second = room.put(row), room.put(row)
    room.start()
    assert isinstance(room.look(case_id, first), View)
    room.stop()
    allow(room)
    room.start()
    told = room.look(case_id, second)
    assert isinstance(told, NotNow)
    assert told.why is Why.ITEMS


def test_a_clock_that_is_set_back_starts_no_shift(room: Room) -> None:
    room.start()
    room.stop()
    room.now_ms -= 7 * DAY_MS
    with pytest.raises(ShiftTooSoon):
        room.start()


def test_a_lead_is_told_one_word_for_each_person(room: Room) -> None:
    assert states(room) == {"anne": CapState.OFF, "ben": CapState.OFF}
    room.configure(items_per_day=1)
    row, case_id = room.case()
    number = room.put(row)
    room.start()
    room.start(BEN)
    assert states(room) == {"anne": CapState.WORKING, "ben": CapState.WORKING}
    room.look(case_id, number)
    room.stop(BEN)
    assert states(room) == {"anne": CapState.CAPPED, "ben": CapState.STOPPED}


def test_the_calm_part_shows_in_ones_own_standing(room: Room) -> None:
    room.start()
    room.now_ms += 8 * HOUR_MS - 10 * 60_000
    stood = standing(room)
    assert isinstance(stood.ordinary, Allowed)
    assert stood.severe == NotNow(Why.CALM)


def test_todays_mix_counts_what_waits_by_category_and_severity(room: Room) -> None:
    room.case(state=CaseState.OPEN)
    room.case(state=CaseState.OPEN)
    room.case(state=CaseState.OPEN, category="threat report", severity=Severity.SEVERE)
    room.case(category="threat report")
    room.case(state=CaseState.CLOSED)
    with room.db.read() as tx:
        assert shifts.mix(tx) == (
            Share("other report", Severity.ORDINARY, 2),
            Share("threat report", Severity.SEVERE, 1),
        )
