"""Encrypted hashes: kernel and plain numpy agree, and what is read is what was sent."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softfall.crypto.lattice.parameters import (
    COLUMNS,
    ELEMENTS,
    FIRST_PRIME,
    HALF_LEVEL,
    QUERY_BYTES,
    SECOND_PRIME,
    SLOTS,
    Q,
)
from softfall.crypto.lattice.public import public_elements
from softfall.crypto.lattice.query import (
    MalformedHash,
    MalformedQuery,
    encrypt,
    encrypt_plain,
    packed,
    read_query,
    unpacked,
)
from softfall.crypto.lattice.sampling import (
    BadSeed,
    bounded,
    error_words,
    secret_words,
    ternary,
)
from tests.crypto.lattice import schoolbook

OCTETS = st.binary(min_size=32, max_size=32)
PUBLIC = public_elements(b"\x03" * 32)


@settings(max_examples=15, deadline=None)
@given(hash_bits=OCTETS, secret_seed=OCTETS, error_seed=OCTETS)
def test_the_kernel_and_plain_numpy_agree(
    hash_bits: bytes, secret_seed: bytes, error_seed: bytes
) -> None:
    made = encrypt(hash_bits, secret_seed, error_seed, PUBLIC)
    assert made == encrypt_plain(hash_bits, secret_seed, error_seed, PUBLIC)
    assert len(made) == QUERY_BYTES


def test_a_query_is_element_times_secret_plus_error_plus_message() -> None:
    """In the ring itself: X^1024 + 1, by the definition."""
    hash_bits, seeds = bytes(range(32)), (b"\x01" * 32, b"\x02" * 32)
    values = unpacked(encrypt(hash_bits, *seeds, PUBLIC)).reshape(SLOTS, COLUMNS)
    secret = ternary(secret_words(seeds[0])).reshape(-1).astype(object)
    errors = bounded(error_words(seeds[1])).reshape(SLOTS, ELEMENTS, -1)
    signs = 2 * np.unpackbits(np.frombuffer(hash_bits, np.uint8)).astype(int) - 1
    for element in (0, 7, ELEMENTS - 1):
        message = np.zeros(1024, object)
        message[:16] = HALF_LEVEL * signs[16 * element : 16 * element + 16]
        expected = schoolbook.times(schoolbook.element_of(PUBLIC, element), secret)
        expected = (expected + errors[:, element].reshape(-1) + message) % Q
        assert schoolbook.element_of(values, element).tolist() == expected.tolist()


def test_every_argument_matters() -> None:
    whole = (bytes(32), b"\x01" * 32, b"\x02" * 32, PUBLIC)
    made = {encrypt(*whole)}
    made.add(encrypt(b"\x80" + bytes(31), *whole[1:]))
    made.add(encrypt(whole[0], b"\x03" * 32, *whole[2:]))
    made.add(encrypt(*whole[:2], b"\x03" * 32, PUBLIC))
    made.add(encrypt(*whole[:3], public_elements(bytes(32))))
    assert len(made) == 5


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_what_is_read_has_the_residues_of_what_was_sent(seed: int) -> None:
    values = np.random.default_rng(seed).integers(0, Q, SLOTS * COLUMNS, np.int64)
    values[:2] = 0, Q - 1
    parts = read_query(packed(values)).view(np.int16).reshape(SLOTS, 2, COLUMNS).astype(np.int64)
    for which, prime in enumerate((FIRST_PRIME, SECOND_PRIME)):
        assert ((parts[:, which].reshape(-1) - values) % prime == 0).all()
        assert int(np.abs(parts[:, which]).max()) <= prime // 2


@pytest.mark.parametrize("size", [0, QUERY_BYTES - 1, QUERY_BYTES + 1, 3])
def test_a_body_of_another_size_is_refused(size: int) -> None:
    with pytest.raises(MalformedQuery):
        read_query(bytes(size))


@pytest.mark.parametrize("value", [Q, Q + 1, 2**24 - 1])
@pytest.mark.parametrize("place", [0, SLOTS * COLUMNS - 1])
def test_a_number_that_is_not_below_the_modulus_is_refused(value: int, place: int) -> None:
    values = np.zeros(SLOTS * COLUMNS, np.int64)
    values[place] = value
    with pytest.raises(MalformedQuery):
        read_query(packed(values))


def test_hashes_and_seeds_of_another_size_are_refused() -> None:
    for use in (encrypt, encrypt_plain):
        with pytest.raises(MalformedHash):
            use(bytes(31), bytes(32), bytes(32), PUBLIC)
        with pytest.raises(BadSeed):
            use(bytes(32), bytes(31), bytes(32), PUBLIC)
        with pytest.raises(BadSeed):
            use(bytes(32), bytes(32), bytes(33), PUBLIC)
