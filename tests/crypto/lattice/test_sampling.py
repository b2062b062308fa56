"""Secrets, errors and public elements from seeds: the right sets, evenly, and always the same."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from softfall.crypto.lattice.parameters import COLUMNS, COMPONENTS, ERROR_BOUND, SLOTS, Q
from softfall.crypto.lattice.public import public_elements
from softfall.crypto.lattice.sampling import (
    BadSeed,
    bounded,
    error_words,
    secret_words,
    stream,
    ternary,
)

WORDS = st.integers(0, 2**64 - 1)


def even_enough(values: np.ndarray, count: int) -> bool:
    """Pearson's statistic within six deviations of its mean."""
    seen = np.bincount(values, minlength=count)
    expected = len(values) / count
    statistic = float(((seen - expected) ** 2 / expected).sum())
    return statistic < count - 1 + 6 * (2 * (count - 1)) ** 0.5


@given(word=WORDS)
def test_a_word_becomes_the_number_that_long_multiplication_gives(word: int) -> None:
    words = np.array([word], np.uint64)
    assert int(ternary(words)[0]) == (word * 3 >> 64) - 1
    assert int(bounded(words)[0]) == (word * (2 * ERROR_BOUND + 1) >> 64) - ERROR_BOUND


def test_secrets_and_errors_take_each_of_their_values_evenly() -> None:
    secrets = np.concatenate([ternary(secret_words(bytes([i] * 32))).ravel() for i in range(20)])
    errors = bounded(error_words(bytes(32))).ravel()
    assert even_enough(secrets + 1, 3)
    assert even_enough(errors + ERROR_BOUND, 2 * ERROR_BOUND + 1)


def test_public_elements_are_below_the_modulus_and_even() -> None:
    elements = public_elements(b"\x07" * 32)
    assert elements.shape == (SLOTS, COLUMNS)
    assert int(elements.max()) < Q
    assert even_enough((elements.ravel().astype(np.int64) * 64) // Q, 64)


def test_one_seed_gives_one_value_and_another_seed_or_purpose_another() -> None:
    assert np.array_equal(public_elements(bytes(32)), public_elements(bytes(32)))
    assert not np.array_equal(public_elements(bytes(32)), public_elements(b"\x01" + bytes(31)))
    assert stream(bytes(32), b"one", 64) != stream(bytes(32), b"two", 64)


def test_shapes_are_those_of_a_secret_and_of_errors() -> None:
    assert secret_words(bytes(32)).shape == (SLOTS, COMPONENTS)
    assert error_words(bytes(32)).shape == (SLOTS, COLUMNS)


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_seed_of_another_size_is_refused(size: int) -> None:
    for use in (public_elements, secret_words, error_words):
        with pytest.raises(BadSeed):
            use(bytes(size))
