"""The scheme by another route: polynomials of degree 1023 in Python's whole numbers.

No transform, no residues, no slots: products are written out as the ring's definition says, rows
and columns are laid out in the large ring, and rounding is by fractions. Slow and plain.
"""

from fractions import Fraction

import numpy as np

from softfall.crypto.lattice.parameters import (
    COMPONENTS,
    ELEMENTS,
    LEVELS,
    LIST_ROWS,
    RING_DEGREE,
    SENT_LEVELS,
    SLOTS,
    Q,
)
from softfall.crypto.lattice.transform import from_slots

Polynomial = np.ndarray  # (1024,) of Python's int


def times(left: Polynomial, right: Polynomial) -> Polynomial:
    """The product modulo X^1024 + 1 and q."""
    whole = np.convolve(left, right)  # of Python's int: exact
    low, high = whole[:RING_DEGREE].copy(), whole[RING_DEGREE:]
    low[: len(high)] -= high
    return low % Q


def element_of(slots: np.ndarray, element: int) -> Polynomial:
    """A ring element from its column of slots, (64, 256) modulo q."""
    columns = slots[:, element * COMPONENTS : (element + 1) * COMPONENTS].astype(np.int64)
    coefficients = from_slots([columns, columns])  # row r, column f: of X^(16 r + f)
    return coefficients.reshape(RING_DEGREE).astype(object)


def list_element(bits: np.ndarray, element: int) -> Polynomial:
    """What a block's rows, (64, 256) of 0 and 1, are multiplied with: sum of D X^(16 r - f)."""
    made = np.zeros(RING_DEGREE, object)
    for row in range(SLOTS):
        for f in range(COMPONENTS):
            sign = 1 - 2 * int(bits[row, element * COMPONENTS + f])
            place = COMPONENTS * row - f
            made[place % RING_DEGREE] += sign if place >= 0 else -sign
    return made


def product(bits: np.ndarray, elements: list[Polynomial]) -> list[int]:
    """A block's 64 numbers modulo q: the coefficients of X^(16 r) of the sum of products."""
    total = np.zeros(RING_DEGREE, object)
    for element in range(ELEMENTS):
        total = (total + times(list_element(bits, element), elements[element])) % Q
    return [int(total[COMPONENTS * row]) for row in range(SLOTS)]


def sent(value: int, mask: int) -> int:
    """A product's 12 bits, moved to the middle and masked."""
    moved = Fraction(1, 4) + Fraction(mask, LEVELS)  # of the whole range
    return (nearest(Fraction(value * SENT_LEVELS, Q)) + int(moved * SENT_LEVELS)) % SENT_LEVELS


def level(received: int, hidden: int) -> int:
    """The masked distance."""
    return nearest(Fraction(received * Q, SENT_LEVELS) - hidden, Fraction(Q, LEVELS)) % LEVELS


def nearest(value: Fraction, unit: Fraction = Fraction(1)) -> int:
    return int((value / unit + Fraction(1, 2)) // 1)


def distances(rows: np.ndarray, hash_bits: bytes) -> np.ndarray:
    """In the clear, of each list row: (blocks * 48,)."""
    differing = rows[:, :LIST_ROWS] ^ np.frombuffer(hash_bits, np.uint8)
    return np.bitwise_count(differing).sum(axis=2, dtype=np.int64).reshape(-1)
