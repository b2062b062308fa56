"""A live stream's hashes: in time, without repeats, in constant memory."""

import itertools
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softfall.media import stream
from softfall.media.pdq import PdqHash, Unhashable
from softfall.media.stream import BEHIND_MS, HEARTBEAT_MS, PERIOD_MS, Lag, StreamHasher
from softfall.media.video_planes import Plane
from tests.media.video_files import scenes

NO_MARGINS = np.zeros(256, np.float32)
PLANE = Plane(np.zeros((8, 8), np.uint8))


def hash_of(picture: int, flips: int = 0) -> PdqHash:
    """A hash for each number, some bits from where it would be."""
    rng = np.random.default_rng(picture)
    bits = int.from_bytes(rng.bytes(32), "big") ^ ((1 << flips) - 1)
    return PdqHash(bits.to_bytes(32, "big"), 100, NO_MARGINS)


def handed_out(shown: list[tuple[float, PdqHash | Unhashable]]) -> list[stream.StreamHash]:
    """What comes out of frames with given times and hashes."""
    hasher, out = StreamHasher(), []
    for at_ms, found in shown:
        with patch.object(stream, "plane_pdq", return_value=found):
            frame = hasher.push(PLANE, at_ms)
        if frame is not None:
            out.append(frame)
    return out


@given(
    st.lists(st.tuples(st.integers(0, 3), st.floats(2000.0, 6000.0)), min_size=1, max_size=8),
    st.sampled_from([10.0, 33.4, 40.0, 120.0]),
)
@settings(max_examples=60)
def test_whatever_is_in_sight_for_two_seconds_is_handed_out_within_them(
    scenes_shown: list[tuple[int, float]], frame_ms: float
) -> None:
    shown, starts, at_ms = [], [], 0.0
    for picture, lasts_ms in scenes_shown:
        starts.append((picture, at_ms))
        for _ in range(int(lasts_ms / frame_ms)):
            shown.append((at_ms, hash_of(picture)))
            at_ms += frame_ms
    out = handed_out(shown)
    for picture, start_ms in starts:
        bits = hash_of(picture).bits
        in_time = [f for f in out if f.bits == bits and 0 <= f.at_ms - start_ms <= 2000]
        assert in_time


def test_a_still_picture_is_handed_out_once_a_heartbeat() -> None:
    out = handed_out([(40.0 * n, hash_of(1, n % 3)) for n in range(1000)])
    gaps = {round(b.at_ms - a.at_ms) for a, b in itertools.pairwise(out)}
    assert min(gaps) >= HEARTBEAT_MS
    assert max(gaps) <= HEARTBEAT_MS + PERIOD_MS + 40


def test_slow_change_can_not_creep_past() -> None:
    out = handed_out([(500.0 * n, hash_of(1, 2 * n)) for n in range(60)])
    assert len(out) >= 20
    whole = [int.from_bytes(frame.bits, "big") for frame in out]
    assert max((a ^ b).bit_count() for a, b in itertools.pairwise(whole)) <= 6


def test_the_pace_is_kept_though_frames_come_at_odd_times() -> None:
    hasher = StreamHasher(repeat_bits=-1)
    with patch.object(stream, "plane_pdq", return_value=hash_of(1)):
        for n in range(3000):
            hasher.push(PLANE, 33.367 * n)
    seen = hasher.seen
    assert seen.frames == 3000
    assert seen.hashed == pytest.approx(33.367 * 3000 / PERIOD_MS, abs=2)


def test_a_frame_without_a_dependable_hash_is_counted_and_hides_nothing() -> None:
    flat = Unhashable("flat", 0)
    hasher = StreamHasher()
    for at_ms, found in [(0.0, flat), (500.0, hash_of(1)), (1000.0, flat), (1500.0, hash_of(2))]:
        with patch.object(stream, "plane_pdq", return_value=found):
            hasher.push(PLANE, at_ms)
    assert (hasher.seen.hashed, hasher.seen.unhashable) == (2, 2)


def test_real_pictures_are_hashed_as_they_come() -> None:
    hasher = StreamHasher()
    planes = [Plane(picture[..., 1].copy()) for picture in scenes(3)]
    found = [hasher.push(plane, 500.0 * n) for n, plane in enumerate(planes)]
    assert all(frame is not None for frame in found)


def test_a_reader_that_falls_behind_is_told_so_until_it_has_caught_up() -> None:
    lag = Lag()
    assert not lag.at(0, 0)
    assert not lag.at(1000, 1000 + BEHIND_MS)
    assert lag.at(2000, 2001 + BEHIND_MS)
    assert lag.at(5000, 5000 + BEHIND_MS - 100)
    assert not lag.at(9000, 9100)


def test_who_waits_for_a_stream_is_not_behind_it() -> None:
    lag = Lag()
    lag.at(0, 0)
    assert not lag.at(1000, 60_000, waited=True)
    assert not lag.at(2000, 61_000)
    assert lag.at(2500, 63_000)


def test_a_stream_that_comes_faster_than_it_plays_is_never_behind() -> None:
    lag = Lag()
    assert not any(lag.at(1000.0 * n, 10.0 * n) for n in range(1000))
