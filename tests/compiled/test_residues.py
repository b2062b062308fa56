"""Steps on 16-bit residues: right for every number that 16 bits can hold."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softfall.compiled.native import Native
from tests.compiled import residues_kernel

PRIMES = (2689, 3457)
EVERY = np.arange(1 << 16)


def kernel(name: str) -> Native:
    return Native(residues_kernel.__name__, name)


SCALE, BUTTERFLY = kernel("scale_all"), kernel("butterfly")
AROUND, INNER = kernel("narrow_and_widen"), kernel("inner_product")


@pytest.mark.parametrize("prime", PRIMES)
def test_a_product_by_a_known_factor_is_right_for_every_number(prime: int) -> None:
    for factor in (0, 1, 2, prime // 2, prime - 2, prime - 1, *range(5, prime, 211)):
        numbers = EVERY.astype(np.uint16)
        SCALE(numbers, len(numbers), factor, (factor << 16) // prime, prime)
        assert np.array_equal(numbers, EVERY * factor % prime)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), prime=st.sampled_from(PRIMES))
def test_butterflies_are_right_and_stay_within_their_bounds(seed: int, prime: int) -> None:
    rng = np.random.default_rng(seed)
    factor = int(rng.integers(0, prime))
    last, plain = (factor, (factor << 16) // prime, prime), rng.integers(0, 2 * prime, (2, 1024))
    plain[:, :2] = 0, 2 * prime - 1
    for is_forward in (1, 0):
        made = plain.astype(np.uint16)
        BUTTERFLY(made, 1024, is_forward, *last)
        low, high = made.astype(np.int64)
        left, right = plain
        if is_forward:
            expected = left + right * factor, left - right * factor
            assert (np.maximum(low, high) < left + 2 * prime + 1).all()
        else:
            expected = left + right, (left - right) * factor
            assert max(low.max(), high.max()) < 2 * prime
        assert ((low - expected[0]) % prime == 0).all()
        assert ((high - expected[1]) % prime == 0).all()


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_twelve_bits_come_back_as_they_went(seed: int) -> None:
    rows = np.random.default_rng(seed).integers(0, 1 << 12, (2, 256), np.uint16)
    rows[:, :2] = 0, (1 << 12) - 1
    octets, widened = np.zeros(768, np.uint8), np.zeros((2, 256), np.int16)
    AROUND(rows, octets, widened)
    assert np.array_equal(widened, rows)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_inner_products_are_exact_at_any_sign(seed: int) -> None:
    rng = np.random.default_rng(seed)
    left = rng.integers(0, 3457, 256).astype(np.int16)
    right = rng.integers(-1728, 1729, 256).astype(np.int16)
    assert INNER(left, right) == int(left.astype(np.int64) @ right.astype(np.int64))
    ends = np.full(256, 3456, np.int16), np.full(256, -1728, np.int16)
    assert INNER(*ends) == -256 * 3456 * 1728
