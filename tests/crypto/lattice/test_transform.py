"""Slots: products of slots are products of polynomials modulo Y^64 + 1, modulo each prime."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from softfall.crypto.lattice.parameters import PRIMES, SLOTS, Q
from softfall.crypto.lattice.transform import centred, from_slots, joined, to_slots, y_slots

SEEDS = st.integers(0, 2**32 - 1)


def polynomials(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, Q, (SLOTS, *shape), np.int64)


def written_out(left: np.ndarray, right: np.ndarray) -> list[int]:
    made = [0] * SLOTS
    for i, a in enumerate(left.tolist()):
        for j, b in enumerate(right.tolist()):
            sign, place = (1, i + j) if i + j < SLOTS else (-1, i + j - SLOTS)
            made[place] += sign * a * b
    return [value % Q for value in made]


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS)
def test_what_goes_into_slots_comes_back(seed: int) -> None:
    given_ = polynomials(seed, 3)
    assert np.array_equal(from_slots(to_slots(given_)), given_)


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS)
def test_slots_multiply_as_polynomials_do(seed: int) -> None:
    left, right = polynomials(seed), polynomials(seed + 1)
    pairs = zip(to_slots(left), to_slots(right), strict=True)
    assert from_slots([a * b for a, b in pairs]).tolist() == written_out(left, right)


def test_y_is_the_polynomial_y() -> None:
    given_ = polynomials(1)
    turned = [a * y for a, y in zip(to_slots(given_), y_slots(), strict=True)]
    assert from_slots(turned).tolist() == [-given_[-1] % Q, *given_[:-1].tolist()]


@given(value=st.integers(0, Q - 1))
def test_residues_give_the_number_back(value: int) -> None:
    residues = [np.array([value % prime]) for prime in PRIMES]
    assert joined(*residues).tolist() == [value]


@given(value=st.integers(-(2**40), 2**40))
def test_a_centred_residue_is_the_one_nearest_to_zero(value: int) -> None:
    for prime in PRIMES:
        residue = int(centred(np.array([value]), prime)[0])
        assert (residue - value) % prime == 0
        assert -prime // 2 < residue <= prime // 2
