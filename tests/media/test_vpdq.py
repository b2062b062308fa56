"""vPDQ's text is read and written, and both percentages are what comparing by hand gives."""

import json
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softfall.media import vpdq
from softfall.media.vpdq import MalformedVpdq, MatchPercent, VpdqFrame, match, read, write

HASHES = st.integers(0, 60).map(
    lambda n: ((1 << n) - 1).to_bytes(32, "big")  # at every distance from one another, up to 60
) | st.binary(min_size=32, max_size=32)
FRAMES = st.lists(
    st.builds(VpdqFrame, HASHES, st.integers(0, 100), st.integers(0, 10**8).map(float)),
    max_size=25,
)


def by_hand(
    query: Sequence[VpdqFrame], compared: Sequence[VpdqFrame], radius_bits: int, min_quality: int
) -> tuple[float, float]:
    """python-threatexchange's steps, one frame against another."""

    def bits(first: bytes, second: bytes) -> int:
        return sum((a ^ b).bit_count() for a, b in zip(first, second, strict=True))

    def kept(frames: Sequence[VpdqFrame]) -> list[bytes]:
        distinct: list[bytes] = []
        for frame in frames:
            if frame.quality >= min_quality and frame.bits not in distinct:
                distinct.append(frame.bits)
        return distinct

    def percent(ours: list[bytes], theirs: list[bytes]) -> float:
        found = sum(any(bits(a, b) <= radius_bits for b in theirs) for a in ours)
        return found * 100 / len(ours) if ours else 0.0

    ours, theirs = kept(query), kept(compared)
    return percent(ours, theirs), percent(theirs, ours)


@given(FRAMES, FRAMES, st.integers(0, 60), st.integers(0, 100))
@settings(max_examples=150)
def test_both_percentages_are_what_comparing_by_hand_gives(
    query: list[VpdqFrame], compared: list[VpdqFrame], radius_bits: int, min_quality: int
) -> None:
    found = match(query, compared, radius_bits, min_quality)
    expected = by_hand(query, compared, radius_bits, min_quality)
    assert (found.query_percent, found.compared_percent) == expected
    assert (found.radius_bits, found.min_quality) == (radius_bits, min_quality)
    back = match(compared, query, radius_bits, min_quality)
    assert (back.compared_percent, back.query_percent) == expected


def test_more_frames_than_a_block_are_compared_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(2)
    frames = [VpdqFrame(rng.bytes(32), 100, 0.0) for _ in range(40)]
    monkeypatch.setattr(vpdq, "_BLOCK_ROWS", 1)
    found = match(frames, frames[30:])
    assert (found.query_percent, found.compared_percent) == (25.0, 100.0)


def test_a_part_of_a_video_matches_from_one_side_alone() -> None:
    rng = np.random.default_rng(1)
    whole = [VpdqFrame(rng.bytes(32), 90, 1000.0 * n) for n in range(10)]
    found = match(whole[:2], whole)
    assert found == MatchPercent(100.0, 20.0, 2, 10, 31, 50)
    assert found.reaches(80, 0)
    assert not found.reaches(80, 50)
    assert not match(whole, whole[:2]).reaches(80, 0)


def test_nothing_to_compare_is_never_a_match() -> None:
    poor = [VpdqFrame(bytes(32), 10, 0.0)]
    found = match(poor, poor)
    assert (found.query_percent, found.query_frames) == (0.0, 0)
    assert not found.reaches(0, 0)


@given(FRAMES)
@settings(max_examples=60)
def test_what_is_written_is_read(frames: list[VpdqFrame]) -> None:
    text = write((frame.bits, frame.quality, frame.at_ms) for frame in frames)
    assert [(f.bits, f.quality) for f in read(text)] == [(f.bits, f.quality) for f in frames]
    for ours, given_frame in zip(read(text), frames, strict=True):
        assert ours.at_ms == pytest.approx(given_frame.at_ms, abs=1)


def test_both_forms_of_other_tools_are_read() -> None:
    digits = "f8f8f0cee0f4a84f06370a22038f63f0b36e2ed596621e1d33e6b39c4e9c9b22"
    newer = json.dumps([f"{digits},100,0.0", f"{digits.upper()},49,1.23e+03"])
    older = json.dumps(
        {
            "0": {"quality": 100, "hash": digits, "timestamp": 0.0},
            "30": {"quality": 49, "hash": digits, "timestamp": 1230.0},
        }
    )
    expected = (
        VpdqFrame(bytes.fromhex(digits), 100, 0.0),
        VpdqFrame(bytes.fromhex(digits), 49, 1_230_000.0),
    )
    assert read(newer) == read(older) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nothing",
        "7",
        "[7]",
        '["00,1,2"]',
        '["' + "0" * 64 + ',101,0.0"]',
        '["' + "0" * 64 + ',-1,0.0"]',
        '["' + "0" * 64 + ',50,-1.0"]',
        '["' + "0" * 64 + ',50,nan"]',
        '["' + "0" * 64 + ',50"]',
        '["' + "g" * 64 + ',50,0.0"]',
        '{"0": {"quality": 100}}',
        "[" * 100_000,
    ],
)
def test_what_is_no_list_of_frames_is_refused(text: str) -> None:
    with pytest.raises(MalformedVpdq):
        read(text)
