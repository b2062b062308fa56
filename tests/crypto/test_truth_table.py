"""The rotated table against the plain comparison, for every value and every rotation at hand."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from softfall.crypto.shares import DISTANCE_MODULUS
from softfall.crypto.truth_table import (
    TABLE_BYTES,
    TableHalf,
    bit_at,
    opened,
    other_table,
    within,
)

TABLES = st.binary(min_size=TABLE_BYTES, max_size=TABLE_BYTES)
SHARES = st.integers(0, DISTANCE_MODULUS - 1)


def dealt(left: int, right: int, table: bytes, radius_bits: int = 31) -> tuple[TableHalf, ...]:
    whole = (left + right) % DISTANCE_MODULUS
    return TableHalf(left, table), TableHalf(right, other_table(whole, radius_bits, table))


@given(SHARES, SHARES, TABLES, st.integers(0, 255))
@settings(max_examples=25, deadline=None)
def test_the_two_bits_differ_exactly_within_the_radius_for_all_512_values(
    left: int, right: int, table: bytes, radius_bits: int
) -> None:
    one, other = dealt(left, right, table, radius_bits)
    for distance in range(DISTANCE_MODULUS):
        share = (distance * 77) % DISTANCE_MODULUS  # any split of the distance
        looked = opened(one.rotated(share), other.rotated(distance - share))
        bits = one.look_up(looked) ^ other.look_up(looked)
        assert bits == within(distance, radius_bits)


def test_31_is_within_and_32_is_not_at_every_rotation() -> None:
    source = random.Random(4)
    for rotation in range(DISTANCE_MODULUS):
        one, other = dealt(rotation, 0, source.randbytes(TABLE_BYTES))
        for distance, expected in ((0, 1), (31, 1), (32, 0), (256, 0), (511, 0)):
            looked = opened(one.rotated(distance), other.rotated(0))
            assert one.look_up(looked) ^ other.look_up(looked) == expected


@given(SHARES, SHARES, SHARES)
def test_what_is_opened_may_come_from_any_distance(left: int, right: int, distance: int) -> None:
    """For every other distance there is one rotation that would have opened the very same value."""
    one, other = dealt(left, right, bytes(TABLE_BYTES))
    looked = opened(one.rotated(distance), other.rotated(0))
    for another in (0, 31, 32, 256):
        that = (looked - another - right) % DISTANCE_MODULUS
        first, second = dealt(that, right, bytes(TABLE_BYTES))
        assert opened(first.rotated(another), second.rotated(0)) == looked


@given(SHARES, TABLES)
def test_a_share_of_the_table_is_uniform_if_the_other_is(rotation: int, table: bytes) -> None:
    """XOR with a fixed table maps shares one to one, so a uniform share stays uniform."""
    share = other_table(rotation, 31, table)
    assert other_table(rotation, 31, share) == table
    assert sum(bit_at(share, i) ^ bit_at(table, i) for i in range(DISTANCE_MODULUS)) == 32
