"""Which frames are hashed: vpdq's on a constant rate, bounded gaps on any other."""

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softfall.media.sampling import Count, Coverage, Sampler, Times

RATES = st.sampled_from(
    [Fraction(25), Fraction(30), Fraction(30000, 1001), Fraction(24000, 1001), Fraction(60)]
) | st.fractions(Fraction(1, 10), Fraction(240), max_denominator=1001)
PERIODS_MS = st.sampled_from([200.0, 500.0, 1000.0, 2000.0, 5000.0])


@given(RATES, PERIODS_MS)
@settings(max_examples=60)
def test_on_a_constant_rate_the_frames_are_vpdqs(rate: Fraction, period_ms: float) -> None:
    sampler = Sampler(period_ms, float(rate))
    every = max(1, int(period_ms / 1000 * float(rate)))
    taken = [n for n in range(700) if sampler.due(n, float(n * 1000 / rate))]
    assert taken == list(range(0, 700, every))


@given(
    st.lists(st.floats(1.0, 900.0), min_size=1, max_size=300),
    st.floats(0.1, 1000.0),
    PERIODS_MS,
)
@settings(max_examples=100)
def test_whatever_the_time_stamps_hashed_frames_are_neither_crowded_nor_far_apart(
    steps_ms: list[float], stated_rate: float, period_ms: float
) -> None:
    sampler = Sampler(period_ms, stated_rate)
    at_ms, shown = 0.0, [0.0]
    for step_ms in steps_ms:
        at_ms += step_ms
        shown.append(at_ms)
    taken = [at for number, at in enumerate(shown) if sampler.due(number, at)]
    for before, after in pairwise(taken):
        assert after - before >= period_ms / 2
        between = [at for at in shown if before < at < after]
        assert all(at - before < 1.5 * period_ms for at in between)
    assert all(at - taken[-1] < 1.5 * period_ms for at in shown if at > taken[-1])


@given(RATES, PERIODS_MS)
@settings(max_examples=60)
def test_what_is_passed_over_beforehand_is_never_due(rate: Fraction, period_ms: float) -> None:
    sampler, frame_ms = Sampler(period_ms, float(rate)), float(1000 / rate)
    for number in range(500):
        at_ms = float(number * 1000 / rate)
        may_be = sampler.may_be_due(number, at_ms, frame_ms)
        assert may_be or not sampler.due(number, at_ms)
        if may_be:
            sampler.due(number, at_ms)


@given(st.lists(st.none() | st.floats(-1e6, 1e6), min_size=1, max_size=80))
@settings(max_examples=80)
def test_time_never_runs_backwards(stamps_ms: list[float | None]) -> None:
    times = Times(40.0)
    shown = [times.at(stamp) for stamp in stamps_ms]
    assert shown[0] == 0.0
    assert shown == sorted(shown)


def test_a_stream_that_starts_again_goes_on_a_frame_later() -> None:
    times = Times(40.0)
    assert [times.at(stamp) for stamp in (5000, 5040, 5080, 0, 40, 80)] == [
        pytest.approx(40.0 * n) for n in range(6)
    ]


@given(st.integers(1, 200), st.integers(1, 8), st.data())
@settings(max_examples=60)
def test_frames_keep_their_numbers_though_some_are_never_decoded(
    frames: int, most_ahead: int, data: st.DataObject
) -> None:
    """Packets come in another order than frames are shown, and some make no frame."""
    decoded = data.draw(st.sets(st.integers(0, frames - 1), min_size=1))
    order = sorted(range(frames), key=lambda n: n + (n * 7919 % most_ahead) * 0.999)
    count, numbers, missing, sent = Count(), {}, [], 0
    for number in sorted(decoded):
        while sent < min(frames, number + most_ahead + 1):
            count.sent(float(order[sent]))
            sent += 1
        numbers[number], before = count.shown(float(number))
        missing += before
    while sent < frames:
        count.sent(float(order[sent]))
        sent += 1
    missing += count.rest()
    assert missing == sorted(set(range(frames)) - decoded)
    assert numbers == {number: number for number in decoded}
    assert count.passed == frames


def test_without_time_stamps_what_comes_out_is_counted() -> None:
    count = Count()
    for number in range(5):
        count.sent(None)
        assert count.shown(None) == (number, [])
    assert not count.reliable


def test_the_count_waits_for_no_more_than_it_may() -> None:
    count = Count()
    for number in range(50_000):
        count.sent(float(number))
    assert count.passed > 40_000
    assert count.shown(49_999.0)[0] == 49_999


def test_a_frame_that_lasts_is_covered_and_frames_passed_over_are_not() -> None:
    lasts, skips = Coverage(1000), Coverage(1000)
    lasts.hashed(0)
    lasts.hashed(10_000)  # and no frame between
    skips.hashed(0)
    skips.seen(9_960, from_ms=40)
    skips.hashed(10_000)
    assert lasts.share() == 1.0
    assert skips.share() == pytest.approx(0.15)
    assert lasts.longest_gap_ms() == skips.longest_gap_ms() == 10_000


def test_nothing_hashed_covers_nothing_and_the_end_counts() -> None:
    nothing, tail = Coverage(1000), Coverage(1000)
    nothing.seen(0)
    nothing.seen(4_000)
    tail.hashed(0)
    tail.seen(3_000, from_ms=40)
    assert nothing.share() == 0.0
    assert tail.share() == pytest.approx(0.5)


@given(st.lists(st.floats(1.0, 900.0), min_size=1, max_size=200), PERIODS_MS)
@settings(max_examples=80)
def test_where_every_frame_is_decoded_all_is_covered(
    steps_ms: list[float], period_ms: float
) -> None:
    sampler, coverage, at_ms = Sampler(period_ms, 25.0), Coverage(period_ms), 0.0
    for number, step_ms in enumerate([0.0, *steps_ms]):
        at_ms += step_ms
        (coverage.hashed if sampler.due(number, at_ms) else coverage.seen)(at_ms)
    assert coverage.share() == 1.0
