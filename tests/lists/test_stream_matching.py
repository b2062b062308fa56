"""A listed picture in a stream is reported at once, once, and again only as a reminder."""

from unittest.mock import patch

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from softfall.lists import stream_matching
from softfall.lists.index.hamming import words
from softfall.lists.index.scan import Scan
from softfall.lists.stream_matching import REMIND_MS, StreamMatch, StreamMatcher
from softfall.media import stream
from softfall.media.pdq import PdqHash
from softfall.media.video_planes import Plane

PLANE = Plane(np.zeros((8, 8), np.uint8))
NO_MARGINS = np.zeros(256, np.float32)
LISTED = [np.random.default_rng(n).bytes(32) for n in range(5)]


class Clock:
    """Milliseconds; a search takes some."""

    def __init__(self) -> None:
        self.now_ms = 0.0

    def __call__(self) -> float:
        return self.now_ms


def near(number: int, bits_away: int) -> PdqHash:
    whole = int.from_bytes(LISTED[number], "big") ^ ((1 << bits_away) - 1)
    return PdqHash(whole.to_bytes(32, "big"), 90, NO_MARGINS)


def unlike(seed: int) -> PdqHash:
    return PdqHash(np.random.default_rng(1000 + seed).bytes(32), 90, NO_MARGINS)


def watched(shown: list[tuple[float, PdqHash]]) -> list[StreamMatch]:
    """What is reported of a stream with given times and hashes."""
    clock = Clock()
    matcher, reported = StreamMatcher(Scan(words(LISTED)), clock), []
    for at_ms, found in shown:
        clock.now_ms = at_ms
        with patch.object(stream, "plane_pdq", return_value=found):
            reported += matcher.push(PLANE, at_ms, at_ms)
    return reported


@given(
    st.integers(0, 4),
    st.integers(0, 31),
    st.floats(0.0, 5000.0),
    st.sampled_from([20.0, 33.4, 40.0, 100.0]),
)
@settings(max_examples=80)
def test_a_listed_picture_is_reported_within_two_seconds_of_its_first_frame(
    number: int, bits_away: int, before_ms: float, frame_ms: float
) -> None:
    shown, at_ms = [], 0.0
    while at_ms < before_ms + 2100:
        shown.append((at_ms, near(number, bits_away) if at_ms >= before_ms else unlike(1)))
        at_ms += frame_ms
    first_ms = next(at for at, found in shown if found.bits != unlike(1).bits)
    (found,) = watched(shown)
    assert (found.entry_number, found.distance_bits, found.again) == (number, bits_away, False)
    assert 0 <= found.shown_at_ms - first_ms <= 2000


def test_what_stays_in_sight_is_reported_again_only_as_a_reminder() -> None:
    reported = watched([(40.0 * n, near(2, 6)) for n in range(1500)])
    assert [match.again for match in reported] == [False] + [True] * (len(reported) - 1)
    gaps = np.diff([match.shown_at_ms for match in reported])
    assert gaps.min() >= REMIND_MS
    assert gaps.max() <= REMIND_MS + 2000


def test_two_listed_pictures_in_turn_are_not_reported_at_each_change() -> None:
    reported = watched([(500.0 * n, near(n % 2, 0)) for n in range(16)])
    assert [match.entry_number for match in reported] == [0, 1]


def test_how_late_a_report_is_is_told() -> None:
    clock = Clock()
    matcher = StreamMatcher(Scan(words(LISTED)), clock)
    clock.now_ms = 5_250.0
    with patch.object(stream, "plane_pdq", return_value=near(0, 0)):
        (found,) = matcher.push(PLANE, 40.0, 5_000.0)
    assert found.late_ms == 250.0


def test_what_is_remembered_is_bounded() -> None:
    many = Scan(words([near(0, n % 32).bits for n in range(64)]))
    with patch.object(stream_matching, "MAX_REMEMBERED", 10):
        matcher = StreamMatcher(many, Clock())
        for n in range(40):
            with patch.object(stream, "plane_pdq", return_value=near(0, n % 16)):
                matcher.push(PLANE, 500.0 * n, 0.0)
        assert len(matcher._reported_ms) <= 10
