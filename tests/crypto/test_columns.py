"""Nine-bit columns and bit planes: each comes back whole, and fits its size."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from softfall.crypto.columns import (
    U8Array,
    U16Array,
    bits_of,
    nine_bit_bytes,
    octets,
    packed,
    packed_plain,
    plane,
    plane_bytes,
    plane_of,
    unpacked,
)

ROWS = st.integers(0, 200)
NUMBERS = arrays(np.uint16, ROWS, elements=st.integers(0, 511))


@settings(max_examples=80, deadline=None)
@given(values=NUMBERS)
def test_a_nine_bit_column_comes_back_and_is_the_plain_one(values: U16Array) -> None:
    body = packed(values)
    assert len(body) == nine_bit_bytes(len(values))
    assert body == packed_plain(values)
    assert np.array_equal(unpacked(body, len(values)), values)


def test_each_number_below_512_comes_back_at_each_place_of_a_word() -> None:
    for shift in (0, 1, 63):
        values = np.roll(np.arange(512, dtype=np.uint16), shift)
        assert np.array_equal(unpacked(packed(values), 512), values)


@settings(max_examples=50, deadline=None)
@given(bits=arrays(np.uint8, ROWS, elements=st.integers(0, 1)))
def test_a_plane_comes_back_and_leaves_its_unused_bits_zero(bits: U8Array) -> None:
    words = plane_of(bits)
    assert len(octets(words)) == plane_bytes(len(bits))
    assert np.array_equal(bits_of(words, len(bits)), bits)
    assert int(np.bitwise_count(words).sum()) == int(bits.sum())
    assert np.array_equal(plane(octets(words)), words)


def test_a_row_lies_where_the_module_says() -> None:
    bits = np.zeros(130, np.uint8)
    bits[[1, 64, 129]] = 1
    assert plane_of(bits).tolist() == [2, 1, 2]


@pytest.mark.parametrize("size", [0, 17, 19])
def test_a_column_of_another_size_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match="has 18 bytes"):
        unpacked(bytes(size), 10)
