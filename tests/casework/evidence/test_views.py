"""A view is checked, counted and on record before anything is seen; nothing gets round that."""

import pytest
from sqlalchemy import update

from softfall.casework.cases import CaseUnknown, NotYourCase
from softfall.casework.evidence.seen import viewed_whole
from softfall.casework.evidence.tables import views
from softfall.casework.evidence.vault import EvidenceGone, EvidenceUnknown, forget_case
from softfall.casework.evidence.views import (
    Asked,
    NotARegion,
    View,
    ViewReasonMissing,
    close_view,
)
from softfall.casework.exposure import NotNow, Why
from softfall.casework.model import CaseState, EvidenceKind, Role, Severity
from softfall.casework.rights import NotYourRole, StaffRef
from softfall.casework.tables import cases
from softfall.media.rendered import CLEAREST, REGIONS, WHOLE
from tests.casework.evidence.room import ANNE, BEN, HOUR_MS, LEO, LIA, Room

MINUTE_MS = 60_000


def seen_whole(room: Room, evidence_id: int) -> bool:
    with room.db.read() as tx:
        return viewed_whole(tx, evidence_id)


def test_a_view_is_a_line_with_who_what_where_and_why(room: Room) -> None:
    row, case_id = room.case()
    number = room.put(row)
    room.start()
    view = room.look(case_id, number, 4, blur=1)
    assert isinstance(view, View)
    assert view.until_ms - view.opened_at_ms == 15_000
    assert room.lines("evidence.viewed") == [
        {
            "who": "anne", "subject": case_id, "evidence": number, "kind": "picture", "region": 4,
            "blur": 1, "partial": False, "reason": "to decide the case", "view": view.view_id,
        }
    ]  # fmt: skip


def test_without_a_shift_nothing_is_opened_and_nothing_written(room: Room) -> None:
    row, case_id = room.case()
    number = room.put(row)
    assert room.look(case_id, number) == NotNow(Why.NO_SHIFT)
    room.start()
    room.stop()
    assert room.look(case_id, number) == NotNow(Why.STOPPED)
    assert room.lines("evidence.viewed") == []
    assert room.rows(views) == []


@pytest.mark.parametrize("reason", ["", "  ", "ab", " a \n b"[:4], "x" * 401])
def test_a_reason_is_asked_for_and_none_is_made_up(room: Room, reason: str) -> None:
    row, case_id = room.case()
    number = room.put(row)
    room.start()
    asked = Asked(case_id, number, 4, reason)
    with pytest.raises(ViewReasonMissing), room.db.write() as tx:
        room.views.open_view(tx, ANNE, asked, room.now_ms)
    with pytest.raises(ViewReasonMissing), room.db.read() as tx:
        room.views.peek(tx, ANNE, asked, room.now_ms)
    assert room.lines("evidence.viewed") == []


def test_only_who_works_on_the_case_sees_its_evidence(room: Room) -> None:
    row, case_id = room.case(owner=ANNE)
    number = room.put(row)
    for staff in (BEN, LEO):
        room.start(staff)
        with pytest.raises(NotYourCase):
            room.look(case_id, number, staff=staff)
    for role in (Role.AUDITOR, Role.ADMINISTRATOR):
        with pytest.raises(NotYourRole):
            room.look(case_id, number, staff=StaffRef("anne", role))
    with pytest.raises(CaseUnknown):
        room.look("no such case", number)


def test_a_lead_sees_it_while_a_second_reader_or_an_appeal_waits(room: Room) -> None:
    row, case_id = room.case(owner=ANNE)
    number = room.put(row)
    room.start(LEO)
    room.start(BEN)
    room.decision(row, "refer", "proposed")
    assert isinstance(room.look(case_id, number, staff=LEO), View)
    with pytest.raises(NotYourCase):
        room.look(case_id, number, staff=BEN)
    appealed, appealed_id = room.case(owner=None, state=CaseState.APPEALED)
    other = room.put(appealed)
    assert isinstance(room.look(appealed_id, other, staff=LEO), View)


def test_an_escalated_case_is_for_leads_alone(room: Room) -> None:
    row, case_id = room.case(owner=ANNE, escalated_at_ms=1)
    number = room.put(row)
    room.start()
    with pytest.raises(NotYourRole):
        room.look(case_id, number)


def test_another_cases_evidence_is_not_reached_through_ones_own(room: Room) -> None:
    (_, mine_id), (other, _) = room.case(), room.case(owner=BEN)
    number = room.put(other)
    room.start()
    with pytest.raises(EvidenceUnknown):
        room.look(mine_id, number)


def test_what_was_deleted_can_not_be_looked_at(room: Room) -> None:
    row, case_id = room.case()
    number = room.put(row)
    room.start()
    with room.db.write() as tx:
        forget_case(tx, row, room.now_ms)
    with pytest.raises(EvidenceGone):
        room.look(case_id, number)


@pytest.mark.parametrize(("region", "blur"), [(-1, 0), (10, 0), (0, 3), (0, -1)])
def test_a_picture_has_nine_regions_and_three_blurs(room: Room, region: int, blur: int) -> None:
    row, case_id = room.case()
    number = room.put(row)
    room.start()
    with pytest.raises(NotARegion):
        room.look(case_id, number, region, blur=blur)


def test_words_have_one_region_and_no_blur(room: Room) -> None:
    row, case_id = room.case()
    number = room.put(row, b"see you at six", EvidenceKind.MESSAGE)
    room.start()
    for region, blur in ((4, 0), (WHOLE, 1)):
        with pytest.raises(NotARegion):
            room.look(case_id, number, region, blur=blur)
    view = room.read(case_id, number)
    assert isinstance(view, View)
    assert view.until_ms - view.opened_at_ms == 90_000


def test_the_whole_was_seen_once_every_region_was_at_the_clearest_blur(room: Room) -> None:
    room.configure(items_per_day=2)
    row, case_id = room.case()
    number, other = room.put(row), room.put(row)
    room.start()
    assert not seen_whole(room, number)
    for region in range(REGIONS):
        assert not seen_whole(room, number)
        assert isinstance(room.look(case_id, number, region, blur=CLEAREST), View)
    assert seen_whole(room, number)
    assert not seen_whole(room, other)


def test_tiny_tiles_strong_blur_and_half_an_animation_are_not_the_whole(room: Room) -> None:
    room.configure(minutes_per_day=600, work_minutes=600)
    row, case_id = room.case()
    number, moving = room.put(row), room.put(row, b"an animation")
    room.start()
    room.look(case_id, number, WHOLE, blur=CLEAREST)
    for region in range(REGIONS):
        room.look(case_id, number, region, blur=CLEAREST - 1)
    for region in range(REGIONS):
        assert isinstance(room.look(case_id, moving, region, blur=CLEAREST, partial=True), View)
    assert not seen_whole(room, number)
    assert not seen_whole(room, moving)


def test_two_people_may_have_seen_the_whole_between_them(room: Room) -> None:
    row, case_id = room.case()
    number = room.put(row)
    room.decision(row, "refer", "proposed")
    room.start()
    room.start(LEO)
    for region in range(REGIONS):
        room.look(case_id, number, region, ANNE if region < 5 else LEO, CLEAREST)
    assert seen_whole(room, number)


def test_words_were_seen_once_they_were_opened_and_not_by_reading_others(room: Room) -> None:
    row, case_id = room.case()
    first = room.put(row, b"see you at six", EvidenceKind.MESSAGE)
    second = room.put(row, b"at the river", EvidenceKind.TEXT)
    room.start()
    room.read(case_id, first)
    assert (seen_whole(room, first), seen_whole(room, second)) == (True, False)


def test_what_was_seen_is_read_from_the_audit_log_alone(room: Room) -> None:
    row, case_id = room.case()
    number = room.put(row, b"see you at six", EvidenceKind.MESSAGE)
    room.start()
    room.read(case_id, number)
    with room.db.write() as tx:
        tx.execute(views.delete())
        tx.execute(update(cases).values(assigned_to=None, state=CaseState.DECIDED))
    assert seen_whole(room, number)
    assert not seen_whole(room, 4711)


def test_a_view_counts_until_it_is_closed_and_in_full_if_it_never_is(room: Room) -> None:
    room.configure(minutes_per_day=1, items_per_day=9)
    row, case_id = room.case()
    number = room.put(row)
    room.start()
    view = room.look(case_id, number)
    assert isinstance(view, View)
    assert view.left.look_left_ms == MINUTE_MS
    room.now_ms += 5_000
    with room.db.write() as tx:
        close_view(tx, BEN, view.view_id, room.now_ms - 4_000)  # not theirs
        close_view(tx, ANNE, view.view_id, room.now_ms)
        close_view(tx, ANNE, view.view_id, room.now_ms + 9_000)  # a second time
        close_view(tx, ANNE, 4711, room.now_ms)
    never_closed = room.look(case_id, number)
    assert isinstance(never_closed, View)
    assert never_closed.left.look_left_ms == MINUTE_MS - 5_000
    room.now_ms += MINUTE_MS
    third = room.look(case_id, number)
    assert isinstance(third, View)
    assert third.left.look_left_ms == MINUTE_MS - 5_000 - 15_000


@pytest.mark.parametrize(
    ("closed_after_ms", "counted_ms"), [(HOUR_MS, 15_000), (0, 3_000), (-HOUR_MS, 3_000)]
)
def test_closing_late_counts_no_more_and_closing_at_once_counts_three_seconds(
    room: Room, closed_after_ms: int, counted_ms: int
) -> None:
    row, case_id = room.case()
    number = room.put(row)
    room.start()
    view = room.look(case_id, number)
    assert isinstance(view, View)
    with room.db.write() as tx:
        close_view(tx, ANNE, view.view_id, room.now_ms + closed_after_ms)
    room.now_ms += MINUTE_MS
    after = room.look(case_id, number)
    assert isinstance(after, View)
    assert view.left.look_left_ms - after.left.look_left_ms == counted_ms


def test_looking_and_closing_at_once_for_ever_ends_too(room: Room) -> None:
    room.configure(minutes_per_day=1)
    row, case_id = room.case()
    number = room.put(row)
    room.start()
    begun = 0
    while isinstance(view := room.look(case_id, number), View):
        begun += 1
        with room.db.write() as tx:
            close_view(tx, ANNE, view.view_id, room.now_ms)
    assert view.why is Why.MINUTES
    assert begun == (60 - 15) // 3 + 1


def test_stopping_closes_what_is_open(room: Room) -> None:
    room.configure(rest_hours=0)
    row, case_id = room.case()
    number = room.put(row)
    room.start()
    room.look(case_id, number)
    room.now_ms += 3_000
    room.stop()
    assert [each.closed_at_ms for each in room.rows(views)] == [room.now_ms]


def test_a_severe_case_is_closed_to_the_eyes_in_the_calm_part(room: Room) -> None:
    (row, severe), (other, ordinary) = room.case(severity=Severity.SEVERE), room.case()
    hard, easy = room.put(row), room.put(other)
    room.start()
    room.now_ms += 8 * HOUR_MS - 20 * MINUTE_MS
    assert room.look(severe, hard) == NotNow(Why.CALM)
    assert isinstance(room.look(ordinary, easy), View)


def test_limits_are_a_persons_own(room: Room) -> None:
    room.configure(items_per_day=1)
    for staff in (LEO, LIA):
        row, case_id = room.case(owner=staff)
        first, second = room.put(row), room.put(row)
        room.start(staff)
        assert isinstance(room.look(case_id, first, staff=staff), View)
        assert isinstance(room.look(case_id, second, staff=staff), NotNow)
