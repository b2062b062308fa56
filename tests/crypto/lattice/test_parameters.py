"""The lattice's numbers, and the bound on a wrong distance: computed, and tried at its edge."""

import math
from fractions import Fraction

import numpy as np
import pytest

from softfall.crypto.lattice import parameters
from softfall.crypto.lattice.parameters import (
    ERROR_BOUND,
    HALF_LEVEL,
    LEVELS,
    NOISE_LIMIT,
    NOISE_TERMS,
    PRIMES,
    SLOTS,
    Q,
    failure_log2,
)
from softfall.options.homomorphic.wire import MAX_ROWS


def test_the_modulus_is_two_primes_that_have_a_128th_root_of_one() -> None:
    assert PRIMES[0] * PRIMES[1] == Q
    assert Q < 2**24
    for prime in PRIMES:
        assert all(prime % divisor for divisor in range(2, math.isqrt(prime) + 1))
        assert prime % (2 * SLOTS) == 1
        assert prime < 2**12


def test_a_picture_against_a_million_entries_goes_wrong_with_less_than_2_to_the_minus_64() -> None:
    assert failure_log2(2**20) < -64
    assert failure_log2(MAX_ROWS) < -64, "and so does the longest list"


def test_more_rows_fail_more_often_and_none_never() -> None:
    assert failure_log2(0) == -math.inf
    assert failure_log2(2) == pytest.approx(failure_log2(1) + 1)


def test_the_bound_lies_above_what_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a limit that is passed often enough to count: four thousand sums of real errors."""
    rng = np.random.default_rng(5)
    sums = rng.integers(-ERROR_BOUND, ERROR_BOUND + 1, (4000, NOISE_TERMS)).sum(axis=1)
    deviation = math.sqrt(NOISE_TERMS * ERROR_BOUND * (ERROR_BOUND + 1) / 3)
    for limit in (1.5 * deviation, 2.5 * deviation):
        monkeypatch.setattr(parameters, "NOISE_LIMIT", math.floor(limit))
        seen = float((np.abs(sums) > limit).mean())
        assert 0 < seen < 2 ** failure_log2(1)
        assert 2 ** failure_log2(1) < 20 * seen, "and it is no empty bound"


def test_the_bound_is_close_to_the_normal_distributions() -> None:
    deviation = math.sqrt(NOISE_TERMS * ERROR_BOUND * (ERROR_BOUND + 1) / 3)
    gaussian = 1 - (NOISE_LIMIT / deviation) ** 2 / 2 / math.log(2)
    assert failure_log2(1) == pytest.approx(gaussian, abs=0.5)


def test_errors_that_cannot_add_up_never_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parameters, "NOISE_LIMIT", NOISE_TERMS * ERROR_BOUND + 1)
    assert failure_log2(2**20) == -math.inf


def test_no_bit_is_encoded_more_than_a_thousandth_from_where_it_belongs() -> None:
    """What is amiss is added to an error, and a keyholder that has the list sees errors' sums."""
    assert Q % (2 * LEVELS) == 1
    assert abs(HALF_LEVEL - Fraction(Q, 2 * LEVELS)) < Fraction(1, 1000)
