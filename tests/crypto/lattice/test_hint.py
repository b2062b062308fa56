"""Hints: kernels and plain numpy agree, and a hint times a secret is what a product hides."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softfall.crypto.lattice.hint import make_hint, make_hint_plain
from softfall.crypto.lattice.parameters import ELEMENTS, HINT_WORDS, SLOTS
from softfall.crypto.lattice.public import public_elements
from softfall.crypto.lattice.sampling import BadSeed, secret_words, ternary
from softfall.crypto.lattice.unmasking import (
    secret_slots,
    secret_slots_plain,
    unmasking,
    unmasking_plain,
)
from tests.crypto.lattice import schoolbook

OCTETS = st.binary(min_size=32, max_size=32)
PUBLIC = public_elements(b"\x05" * 32)


def random_rows(seed: int, blocks: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (blocks, SLOTS, 32), np.uint8)


@pytest.mark.parametrize("blocks", [0, 1, 3])
def test_hints_by_the_kernel_and_by_plain_numpy_agree(blocks: int) -> None:
    rows = random_rows(blocks, blocks)
    made = make_hint(rows, PUBLIC)
    assert made.shape == (SLOTS, blocks, HINT_WORDS)
    assert np.array_equal(made, make_hint_plain(rows, PUBLIC))


def test_a_long_list_has_the_hints_of_its_blocks() -> None:
    rows = random_rows(9, 133)
    whole = make_hint(rows, PUBLIC, threads=2)
    for first, last in ((0, 1), (31, 34), (66, 67), (130, 133)):
        assert np.array_equal(whole[:, first:last], make_hint(rows[first:last], PUBLIC, 1))


@settings(max_examples=15, deadline=None)
@given(seed=OCTETS)
def test_secrets_in_slots_by_the_kernel_and_by_plain_numpy_agree(seed: bytes) -> None:
    assert np.array_equal(secret_slots(seed), secret_slots_plain(seed))


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    blocks=st.sampled_from([0, 1, 5, 64, 129, 257]),
    threads=st.integers(1, 3),
)
def test_unmasking_by_the_kernel_and_by_plain_numpy_agree(
    seed: int, blocks: int, threads: int
) -> None:
    rng = np.random.default_rng(seed)
    halves = [rng.integers(-most, most + 1, (SLOTS, blocks, 1, 16)) for most in (1664, 1728)]
    parts = np.concatenate(halves, axis=2).astype(np.int16)
    hint = parts.view(np.uint32).reshape(SLOTS, blocks, HINT_WORDS)
    secret = secret_slots(rng.bytes(32))
    assert np.array_equal(unmasking(hint, secret, threads), unmasking_plain(hint, secret))


def test_a_hint_times_a_secret_is_the_list_times_elements_times_the_secret() -> None:
    """In the ring itself: X^1024 + 1, by the definition."""
    rows, seed = random_rows(2, 1), b"\x09" * 32
    secret = ternary(secret_words(seed)).reshape(-1).astype(object)
    elements = [
        schoolbook.times(schoolbook.element_of(PUBLIC, element), secret)
        for element in range(ELEMENTS)
    ]
    expected = schoolbook.product(np.unpackbits(rows[0], axis=1), elements)
    assert unmasking(make_hint(rows, PUBLIC), secret_slots(seed))[0].tolist() == expected


def test_a_seed_of_another_size_is_refused() -> None:
    with pytest.raises(BadSeed):
        secret_slots(bytes(31))
