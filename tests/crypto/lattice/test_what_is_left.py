"""What rounding leaves at the keyholder: a list in its hands tells it no picture by that.

The statistic is the best linear one: what is left of each row, correlated with the rows' signs,
estimates each bit's error and whatever was added to it; summed with the signs in which two guessed
pictures differ, it says which of them was sent. An encoding that is off by 0.374, as nearest
numbers to q / 1024 can be, is found by it.
"""

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from softfall.crypto.lattice.hint import make_hint
from softfall.crypto.lattice.masking import masked
from softfall.crypto.lattice.parameters import (
    COLUMNS,
    ERROR_BOUND,
    LEVELS,
    LIST_ROWS,
    SENT_LEVELS,
    SLOTS,
    Q,
)
from softfall.crypto.lattice.prepared import prepare, products
from softfall.crypto.lattice.public import public_elements
from softfall.crypto.lattice.query import encrypt, packed, read_query, unpacked
from softfall.crypto.lattice.transform import joined, to_slots
from softfall.crypto.lattice.unmasking import secret_slots, unmasking

BLOCKS, TRIALS = 600, 80
OFFSET = 0.374
FAR = 4.5  # standard deviations: passed by chance less than once in 100,000 times

Numbers = npt.NDArray[np.float64]


def numbers_sent(twelve: bytes) -> npt.NDArray[np.int64]:
    octets = np.frombuffer(twelve, np.uint8).reshape(-1, 3).astype(np.int64)
    low, high = octets[:, 0] | (octets[:, 1] & 15) << 8, octets[:, 1] >> 4 | octets[:, 2] << 4
    return np.stack([low, high], axis=1).reshape(-1)


def left_over(twelve: bytes, hidden: npt.NDArray[np.uint32]) -> Numbers:
    """What is left of each list row beside the nearest level, in units of 1 modulo q."""
    away = numbers_sent(twelve) * (Q / SENT_LEVELS) - hidden[:, :LIST_ROWS].reshape(-1)
    return (away + Q / LEVELS / 2) % (Q / LEVELS) - Q / LEVELS / 2


def scores(encrypted: Callable[..., bytes] = encrypt) -> Numbers:
    """Of each picture sent, above 0 where the statistic says which of two it was: (TRIALS,).

    The two are complements of each other, which nothing is easier to tell apart than.
    """
    rng = np.random.default_rng(31)
    rows, public = rng.integers(0, 256, (BLOCKS, SLOTS, 32), np.uint8), public_elements(b"p" * 32)
    prepared, hint = prepare(rows), make_hint(rows, public)
    own = (1 - 2 * np.unpackbits(rows[:, :LIST_ROWS].reshape(-1, 32), axis=1)).astype(np.int8)
    signs = own.astype(np.float32)
    found = []
    for _ in range(TRIALS):
        picture, seeds = rng.bytes(32), (rng.bytes(32), rng.bytes(32))
        asked = read_query(encrypted(picture, *seeds, public))
        masks = rng.integers(0, LEVELS, BLOCKS * LIST_ROWS).astype(np.uint16)
        twelve = masked(products(prepared, asked[None])[0], masks)
        left = left_over(twelve, unmasking(hint, secret_slots(seeds[0])))
        errors = left.astype(np.float32) @ signs / len(signs)
        sent = 2.0 * np.unpackbits(np.frombuffer(picture, np.uint8)) - 1
        found.append(float(errors @ sent))
    return np.array(found)


def deviations(found: Numbers) -> float:
    """How far the mean is from 0, which it is where nothing tells the two apart."""
    return float(found.mean() / found.std() * math.sqrt(len(found)))


def test_a_keyholder_with_the_list_tells_no_picture_by_what_rounding_leaves() -> None:
    found = scores()
    assert abs(deviations(found)) < FAR
    # The statistic sees errors as well as it might: their sum's deviation is what is expected.
    expected = math.sqrt(COLUMNS * ERROR_BOUND * (ERROR_BOUND + 1) / 3)
    assert expected < found.std() < 2 * expected


def test_an_encoding_that_is_off_by_a_third_is_found() -> None:
    """The same errors but for the offset: as a rounded error of each bit, right on average."""
    rng = np.random.default_rng(32)

    def off(
        hash_bits: bytes, secret_seed: bytes, error_seed: bytes, public: npt.NDArray[np.uint32]
    ) -> bytes:
        added = np.zeros((SLOTS, COLUMNS), np.int64)
        signs = 2 * np.unpackbits(np.frombuffer(hash_bits, np.uint8)).astype(np.int64) - 1
        added[0] = signs * (rng.random(COLUMNS) < OFFSET)
        whole = unpacked(encrypt(hash_bits, secret_seed, error_seed, public))
        return packed((whole.astype(np.int64) + in_slots(added)) % Q)

    assert deviations(scores(off)) > FAR


def in_slots(coefficients: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    residues = to_slots(coefficients)
    return joined(*residues).reshape(-1)
