"""The limits, tried by every order of looking, waiting, stopping and starting that is thought of.

The oracle knows nothing of how the limits are worked out: it looks at the whole history of views
afterwards, and counts.
"""

from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softfall.casework.exposure import (
    DAY_MS,
    LEAST_LOOK_MS,
    Allowed,
    CapState,
    NotNow,
    Rules,
    Seen,
    Shift,
    Why,
    Wish,
    cap_state,
    may_open,
)
from softfall.casework.model import Severity
from softfall.config import CaseworkSettings

MINUTE_MS, HOUR_MS = 60_000, 3_600_000
START_MS = 1_790_000_000_000
RULES = Rules(5, 10 * MINUTE_MS, 20 * MINUTE_MS, 5 * MINUTE_MS, 30 * MINUTE_MS)
SHIFT = Shift(START_MS, START_MS + 8 * HOUR_MS)
LOOK_MS = MINUTE_MS


def wish(evidence: int = 1, severity: Severity = Severity.ORDINARY) -> Wish:
    return Wish(evidence, severity, LOOK_MS)


def ask(now_ms: int, *seen: Seen, shift: Shift | None = SHIFT, wished: Wish | None = None):  # type: ignore[no-untyped-def]
    return may_open(now_ms, shift, seen, RULES, wished or wish(99))


@dataclass
class History:
    """Everything that one person did."""

    now_ms: int = START_MS
    shifts: list[Shift] = field(default_factory=list)
    views: list[tuple[Seen, Severity, Shift]] = field(default_factory=list)

    def seen(self) -> list[Seen]:
        return [seen for seen, _, _ in self.views]


STEPS = st.one_of(
    st.tuples(st.just("wait"), st.sampled_from([1, 10_000, MINUTE_MS, 5 * MINUTE_MS, 7 * HOUR_MS])),
    st.tuples(st.just("set the clock back"), st.sampled_from([MINUTE_MS, DAY_MS])),
    st.tuples(st.just("new shift"), st.integers(1, 9)),
    st.tuples(st.just("stop"), st.none()),
    *[
        st.tuples(
            st.just("look"),
            st.tuples(
                st.integers(1, 9),
                st.sampled_from(Severity),
                st.sampled_from([0, 900, 30_000, None]),
            ),
        )
    ]
    * 3,
)


def play(history: History, what: str, argument: object) -> None:
    """One step, as the services do it."""
    match what, argument:
        case "wait", int(ms):
            history.now_ms += ms
        case "set the clock back", int(ms):
            history.now_ms -= ms
        case "new shift", int(hours):
            history.shifts.append(Shift(history.now_ms, history.now_ms + hours * HOUR_MS))
        case "stop", _ if history.shifts:
            history.shifts[-1] = replace(history.shifts[-1], stopped_at_ms=history.now_ms)
        case "look", (int(evidence), Severity() as severity, closed_after_ms):
            shift = history.shifts[-1] if history.shifts else None
            wished = wish(evidence, severity)
            told = may_open(history.now_ms, shift, history.seen(), RULES, wished)
            if isinstance(told, Allowed):
                assert shift is not None
                length_ms = LOOK_MS if closed_after_ms is None else closed_after_ms
                ended_ms = told.at_ms + max(LEAST_LOOK_MS, int(str(length_ms)))
                seen = Seen(evidence, told.at_ms, ended_ms)
                history.views.append((seen, severity, shift))


def check(history: History) -> None:
    """The oracle. Windows begin where a view does, or end where one does: no other is fuller."""
    views = history.seen()
    for end_ms in [view.ended_at_ms for view in views]:
        window = [v for v in views if end_ms - DAY_MS < v.ended_at_ms <= end_ms]
        assert len({view.evidence for view in window}) <= RULES.items
        assert sum(view.ended_at_ms - view.opened_at_ms for view in window) <= RULES.look_ms
    ordered = sorted(views, key=lambda view: view.opened_at_ms)
    begun_ms = last_ms = 0
    for view in ordered:
        if view.opened_at_ms - last_ms >= RULES.break_ms:
            begun_ms, last_ms = view.opened_at_ms, view.ended_at_ms
        last_ms = max(last_ms, view.ended_at_ms)
        assert view.ended_at_ms - begun_ms <= RULES.work_ms
    for view, severity, shift in history.views:
        assert shift.stopped_at_ms is None
        assert shift.started_at_ms <= view.opened_at_ms
        assert view.ended_at_ms <= shift.ends_at_ms
        if severity is Severity.SEVERE:
            assert view.ended_at_ms <= shift.ends_at_ms - RULES.calm_ms


@settings(max_examples=300)
@given(steps=st.lists(STEPS, max_size=60))
def test_no_order_of_steps_passes_a_limit(steps: list[tuple[str, object]]) -> None:
    history = History()
    play(history, "new shift", 8)
    for what, argument in steps:
        play(history, what, argument)
    check(history)


def test_the_oracle_would_find_one_view_too_many() -> None:
    history = History(shifts=[SHIFT])
    for number in range(RULES.items + 1):
        opened_ms = START_MS + number * MINUTE_MS
        seen = Seen(number, opened_ms, opened_ms + LEAST_LOOK_MS)
        history.views.append((seen, Severity.ORDINARY, SHIFT))
    with pytest.raises(AssertionError):
        check(history)


@settings(max_examples=200)
@given(
    views=st.lists(
        st.tuples(st.integers(1, 6), st.integers(0, 26 * 60), st.integers(1, 60)), max_size=25
    ),
    wished=st.integers(1, 7),
)
def test_who_is_told_when_may_open_it_then_and_not_before(
    views: list[tuple[int, int, int]], wished: int
) -> None:
    now_ms = START_MS + 27 * HOUR_MS
    seen = [
        Seen(number, START_MS + minute * MINUTE_MS, START_MS + minute * MINUTE_MS + seconds * 1_000)
        for number, minute, seconds in views
    ]
    shift = Shift(START_MS, START_MS + 100 * HOUR_MS)
    told = may_open(now_ms, shift, seen, RULES, wish(wished))
    if isinstance(told, NotNow):
        assert told.until_ms is not None
        assert told.until_ms > now_ms
        before = may_open(told.until_ms - 1, shift, seen, RULES, wish(wished))
        assert isinstance(before, NotNow)
        after = may_open(told.until_ms, shift, seen, RULES, wish(wished))
        assert not isinstance(after, NotNow) or after.why is not told.why


def test_a_fresh_shift_has_everything_left() -> None:
    assert ask(START_MS) == Allowed(RULES.items, RULES.look_ms, RULES.work_ms, START_MS)


def test_the_same_piece_is_one_item_however_often_it_is_looked_at() -> None:
    seen = [Seen(7, START_MS + n * 10_000, START_MS + n * 10_000 + 3_000) for n in range(9)]
    told = ask(START_MS + 100_000, *seen)
    assert isinstance(told, Allowed)
    assert told.items_left == RULES.items - 1


def test_at_the_cap_only_what_was_opened_may_be_looked_at_again() -> None:
    seen = [Seen(n, START_MS + n * 10_000, START_MS + n * 10_000 + 1_000) for n in range(5)]
    now_ms = START_MS + MINUTE_MS
    assert ask(now_ms, *seen) == NotNow(Why.ITEMS, START_MS + 1_000 + DAY_MS)
    assert isinstance(ask(now_ms, *seen, wished=wish(3)), Allowed)


def test_a_view_that_might_run_over_the_days_time_does_not_begin() -> None:
    left_ms = LOOK_MS - 1
    seen = [Seen(1, START_MS, START_MS + RULES.look_ms - left_ms)]
    told = ask(START_MS + 30 * MINUTE_MS, *seen)
    assert isinstance(told, NotNow)
    assert told.why is Why.MINUTES


def test_a_view_that_is_still_open_counts_in_full() -> None:
    opened_ms = START_MS + 5 * HOUR_MS
    others = [Seen(1, START_MS + n * HOUR_MS, START_MS + n * HOUR_MS + 120_000) for n in range(4)]
    still_open = Seen(1, opened_ms, opened_ms + 120_000)
    told = ask(opened_ms + 1, *others, still_open)
    assert isinstance(told, NotNow)
    assert told.why is Why.MINUTES


def test_a_break_is_due_after_so_long_and_over_after_so_long() -> None:
    seen = [
        Seen(1, START_MS + n * 3 * MINUTE_MS, START_MS + n * 3 * MINUTE_MS + 1_000)
        for n in range(7)
    ]
    last_ms = seen[-1].ended_at_ms
    told = ask(START_MS + 20 * MINUTE_MS, *seen)
    assert told == NotNow(Why.BREAK, last_ms + RULES.break_ms)
    assert ask(last_ms + RULES.break_ms - 1, *seen) == told
    assert isinstance(ask(last_ms + RULES.break_ms, *seen), Allowed)


def test_work_counts_from_the_beginning_of_a_view_that_others_lie_within() -> None:
    long, within = (
        Seen(1, START_MS, START_MS + 300_000),
        Seen(2, START_MS + 100_000, START_MS + 110_000),
    )
    told = ask(START_MS + 300_000, long, within)
    assert isinstance(told, Allowed)
    assert told.break_in_ms == RULES.work_ms - 300_000


def test_what_a_new_shift_begins_with_is_what_the_last_one_left() -> None:
    seen = [Seen(n, START_MS + n * 10_000, START_MS + n * 10_000 + 1_000) for n in range(5)]
    later_ms = START_MS + 12 * HOUR_MS
    told = ask(later_ms, *seen, shift=Shift(later_ms, later_ms + 8 * HOUR_MS))
    assert isinstance(told, NotNow)
    assert told.why is Why.ITEMS


def test_nothing_severe_begins_that_could_reach_into_the_calm_part() -> None:
    calm_ms = SHIFT.ends_at_ms - RULES.calm_ms
    severe = wish(1, Severity.SEVERE)
    assert isinstance(ask(calm_ms - LOOK_MS, wished=severe), Allowed)
    assert ask(calm_ms - LOOK_MS + 1, wished=severe) == NotNow(Why.CALM)
    assert isinstance(ask(calm_ms + 1), Allowed)


@pytest.mark.parametrize(
    ("shift", "why"),
    [
        (None, Why.NO_SHIFT),
        (replace(SHIFT, stopped_at_ms=START_MS + 1), Why.STOPPED),
        (Shift(START_MS - 9 * HOUR_MS, START_MS - HOUR_MS), Why.SHIFT_OVER),
        (Shift(START_MS, START_MS + LOOK_MS), Why.SHIFT_OVER),
        (Shift(START_MS + HOUR_MS, START_MS + 9 * HOUR_MS), Why.SHIFT_OVER),
    ],
)
def test_without_a_running_shift_nothing_is_opened(shift: Shift | None, why: Why) -> None:
    told = ask(START_MS + 2, shift=shift)
    assert told == NotNow(why)
    assert told.reason


def test_a_clock_that_is_set_back_frees_nothing() -> None:
    late_ms = START_MS + 7 * HOUR_MS
    seen = [Seen(n, late_ms + n * 10_000, late_ms + n * 10_000 + 1_000) for n in range(5)]
    told = ask(START_MS, *seen)
    assert isinstance(told, NotNow)
    assert told.why is Why.ITEMS
    severe = ask(START_MS, Seen(1, SHIFT.ends_at_ms - 60_000, SHIFT.ends_at_ms - 50_000),
                 wished=Wish(1, Severity.SEVERE, 1_000))  # fmt: skip
    assert severe == NotNow(Why.CALM)


def test_a_lead_sees_one_word_and_no_number() -> None:
    def state(now_ms: int, *seen: Seen, shift: Shift | None = SHIFT) -> CapState:
        return cap_state(now_ms, shift, seen, RULES)

    soon = START_MS + 10 * MINUTE_MS
    many = [Seen(n, START_MS + n * 10_000, START_MS + n * 10_000 + 1_000) for n in range(5)]
    long = [Seen(1, START_MS + n * MINUTE_MS, START_MS + n * MINUTE_MS + 1_000) for n in range(20)]
    assert state(soon) is CapState.WORKING
    assert state(soon, *many) is CapState.CAPPED
    assert state(START_MS + 20 * MINUTE_MS, *long) is CapState.BREAK
    assert state(soon, shift=None) is CapState.OFF
    assert state(SHIFT.ends_at_ms + 1) is CapState.OFF
    assert state(soon, shift=replace(SHIFT, stopped_at_ms=soon)) is CapState.STOPPED
    assert not any(character.isdigit() for each in CapState for character in each)


def test_the_limits_are_the_configured_ones() -> None:
    assert Rules.of(CaseworkSettings()) == Rules(
        60, 90 * MINUTE_MS, 50 * MINUTE_MS, 10 * MINUTE_MS, 30 * MINUTE_MS
    )
