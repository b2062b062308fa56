"""Transforms between coefficients and slots, for kernels: 32 polynomials side by side.

Guarantees: no branch and no address depends on a number that is transformed.
Bounds: `to_slots` takes numbers up to p and adds at most 2 p in each of six layers, which stays
below 2^16, before it reduces; `from_slots` takes numbers below 2 p and stays below 4 p.
Oracle: `transform`. Layout of `tables`: as `transform.tables` says.
"""

from typing import Any, Final

import numpy as np

from softfall.compiled.exported import array, inlined
from softfall.compiled.residues import LANES, backward, forward, join, scale, shorten
from softfall.crypto.lattice.parameters import FIRST_PRIME, SECOND_PRIME, SLOTS, Q
from softfall.crypto.lattice.transform import FACTOR_BITS, FIRST_INVERSE

TABLES: Final = (2, 3, 2, SLOTS)  # the shape of `transform.tables`

_GREATEST_SUM: Final = 256 * (SECOND_PRIME - 1) * (SECOND_PRIME // 2)
_FIRST: Final = np.uint16(FIRST_PRIME)
_SECOND: Final = np.uint16(SECOND_PRIME)
_INVERSE: Final = np.uint16(FIRST_INVERSE)
_INVERSE_QUOTIENT: Final = np.uint16((FIRST_INVERSE << FACTOR_BITS) // SECOND_PRIME)

# A multiple of both primes that leaves no sum of 256 products below 0.
OFFSET: Final = np.int64(-(-_GREATEST_SUM // Q) * Q)


@inlined
def to_slots(rows: Any, start: Any, apart: Any, which: Any, tables: Any) -> Any:
    """32 columns of coefficients become slots, below p.

    rows: uint16*; row r's numbers start at start + r * apart; which: 0 or 1, the prime's number.
    """
    p, one = tables[which, 2, 0, 0], tables[which, 2, 0, 1]
    half, groups = SLOTS // 2, 1
    while half > 0:
        for group in range(groups):
            w, quotient = tables[which, 0, 0, groups + group], tables[which, 0, 1, groups + group]
            low = start + 2 * half * group * apart
            for row in range(half):
                at = low + row * apart
                forward(rows, at, at + half * apart, w, quotient, p)
        half, groups = half // 2, 2 * groups
    for row in range(SLOTS):
        scale(rows, start + row * apart, np.uint16(1), one, p)


@inlined
def from_slots(rows: Any, start: Any, apart: Any, which: Any, tables: Any) -> Any:
    """32 columns of slots, below 2 p, become coefficients, below p. As `to_slots` else."""
    p, one = tables[which, 2, 0, 0], tables[which, 2, 0, 1]
    half, groups = 1, SLOTS // 2
    while groups > 0:
        for group in range(groups):
            w, quotient = tables[which, 1, 0, groups + group], tables[which, 1, 1, groups + group]
            low = start + 2 * half * group * apart
            for row in range(half):
                at = low + row * apart
                backward(rows, at, at + half * apart, w, quotient, p)
        half, groups = 2 * half, groups // 2
    for row in range(SLOTS):
        # The upper half was divided by 64 in the last step, with its factor.
        upper = row >= SLOTS // 2
        w = np.uint16(1) if upper else tables[which, 1, 0, 0]
        quotient = one if upper else tables[which, 1, 1, 0]
        scale(rows, start + row * apart, w, quotient, p)


@inlined
def reduced(
    sums: Any, start: Any, apart: Any, rows: Any, there: Any, which: Any, tables: Any
) -> Any:
    """64 rows of 32 int32 sums of up to 256 products, modulo a prime: below 2 p.

    sums: int32*, row r at start + r * apart; rows: uint16*, row r at there + 32 r.
    """
    p, one = tables[which, 2, 0, 0], tables[which, 2, 0, 1]
    word, quotient = tables[which, 2, 0, 2], tables[which, 2, 0, 3]
    for row in range(SLOTS):
        at = start + row * apart
        shorten(sums, at, rows, there + LANES * row, OFFSET, word, quotient, one, p)


@inlined
def join_rows(rows: Any, first: Any, second: Any, joined: Any) -> Any:
    """64 rows of 32 residues below each prime become numbers modulo q: (64, 32) uint32."""
    for row in range(SLOTS):
        join(
            rows, first + LANES * row, second + LANES * row, _INVERSE, _INVERSE_QUOTIENT,
            _SECOND, _FIRST, joined, LANES * row,
        )  # fmt: skip


@inlined
def finish(
    sums: Any, at: Any, row: Any, lanes: Any, rows: Any, joined_: Any, tables: Any,
    out: Any, query: Any, start: Any, together: Any,
) -> Any:  # fmt: skip
    """Sums of one tile become coefficients modulo q, in out[query ..., start ..., 0 to 63].

    sums: int32*, of each prime 64 rows from `at`, `row` apart, of which `lanes` count: lane
    i is block start + i // together of query number query + i % together; together: 1 or 4.
    Scratch: rows (2, 64, 32) uint16, joined_ (64, 32) uint32.
    """
    joined = array(joined_, (SLOTS, LANES))
    for chunk in range(0, lanes, LANES):
        for which in range(2):
            there = which * SLOTS * LANES
            reduced(sums, at + which * SLOTS * row + chunk, row, rows, there, which, tables)
            from_slots(rows, there, LANES, which, tables)
        join_rows(rows, 0, SLOTS * LANES, joined_)
        for lane in range(min(LANES, lanes - chunk)):
            own = query + (lane & (together - 1))
            block = start + (chunk + lane) // together
            for coefficient in range(SLOTS):
                out[own, block, coefficient] = joined[coefficient, lane]
