"""Vector patterns do what their plain numpy says."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softfall.compiled.native import Native, Pinned

LANES_NEAR = Native("tests.compiled.vectors_kernel", "lanes_near")
ROWS_NEAR = Native("tests.compiled.vectors_kernel", "rows_near")
LOADED = Native("tests.compiled.vectors_kernel", "loaded")


def mask(near: np.ndarray) -> int:
    return sum(1 << int(place) for place in np.flatnonzero(near))


@given(st.integers(0, 2**32), st.integers(0, 2**16 - 1), st.integers(0, 16))
@settings(max_examples=100, deadline=None)
def test_lanes_are_near_whose_bits_differ_in_few_enough(seed: int, value: int, most: int) -> None:
    lanes = np.random.default_rng(seed).integers(0, 2**16, 32, dtype=np.uint16)
    lanes[::3] = value
    lanes[1] = value ^ 0x8001
    assert LANES_NEAR(lanes, value, most) == mask(
        np.bitwise_count(lanes ^ np.uint16(value)) <= most
    )


@given(st.integers(0, 2**32), st.integers(90, 160))
@settings(max_examples=100, deadline=None)
def test_rows_are_near_whose_four_words_differ_in_few_enough(seed: int, most: int) -> None:
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, 2**64, (8, 4), dtype=np.uint64)
    query = rng.integers(0, 2**64, 4, dtype=np.uint64)
    rows[rng.integers(0, 8)] = query
    distances = np.bitwise_count(rows ^ query).sum(axis=1)
    assert ROWS_NEAR(rows, query, most) == mask(distances <= most)


def test_loads_take_any_address() -> None:
    given_words = np.array([0x1122334455667788, 0x99AABBCCDDEEFF00], np.uint64)
    raw = given_words.tobytes()
    out = np.zeros(3, np.uint64)
    LOADED(given_words, out)
    expected = [int.from_bytes(raw[3 : 3 + size], "little") for size in (2, 4, 8)]
    assert out.tolist() == expected


def test_a_pinned_array_is_taken_for_itself_and_for_no_other_type() -> None:
    lanes = np.zeros(32, np.uint16)
    pinned = Pinned(lanes)
    assert LANES_NEAR(pinned, 0, 0) == 2**32 - 1
    lanes[4] = 1  # it is the array itself, not a copy
    assert LANES_NEAR(pinned, 0, 0) == 2**32 - 1 - 16
    with pytest.raises(TypeError):
        LANES_NEAR(Pinned(lanes.astype(np.uint32)), 0, 0)
    with pytest.raises(TypeError):
        Pinned(np.zeros((4, 4), np.uint16)[:, ::2])
