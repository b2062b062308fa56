"""Exactness: the one bit is that of the plain Hamming distance, whatever the distance."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softfall.crypto.shares import hamming
from softfall.options.contract import Mismatch
from tests.options.confirm.parties import at_distance, confirm, random_hash, shares_of

HASHES = st.binary(min_size=32, max_size=32)


def test_the_bit_is_exact_for_every_distance_from_0_to_256() -> None:
    source = random.Random(3)
    for distance_bits in range(257):
        hash_bits = random_hash(source)
        entry = at_distance(hash_bits, distance_bits, source)
        assert hamming(hash_bits, entry) == distance_bits
        outcome = confirm(shares_of(hash_bits).body, entry, source).outcome
        assert outcome is (distance_bits <= 31), distance_bits


@pytest.mark.parametrize(("distance_bits", "expected"), [(30, True), (31, True), (32, False)])
def test_the_boundary_holds_run_after_run(distance_bits: int, expected: bool) -> None:
    source = random.Random(distance_bits)
    for _ in range(60):
        hash_bits = random_hash(source)
        entry = at_distance(hash_bits, distance_bits, source)
        assert confirm(shares_of(hash_bits).body, entry, source).outcome is expected


@given(HASHES, st.integers(0, 256), st.integers(0, 2**63))
@settings(max_examples=60, deadline=None)
def test_any_hash_and_any_entry_give_the_plain_answer(
    hash_bits: bytes, distance_bits: int, seed: int
) -> None:
    source = random.Random(seed)
    entry = at_distance(hash_bits, distance_bits, source)
    outcome = confirm(shares_of(hash_bits).body, entry, source).outcome
    assert not isinstance(outcome, Mismatch)
    assert outcome == (hamming(hash_bits, entry) <= 31)
