"""The lattice's numbers, and how seldom a distance can come out wrong: computed, not assumed.

Encryption is ring learning with errors over Z_q[X]/(X^1024 + 1): a uniform public element, a secret
whose coefficients are -1, 0 or 1, and errors that are uniform in -ERROR_BOUND to ERROR_BOUND. q is
the product of two primes below 2^12, each 1 modulo 128, so that all arithmetic is on 16-bit
residues; and q is 1 modulo 1024, so that each bit of a hash is encoded within 1/1024 of where it
belongs: what is amiss there is added to the errors, and whoever sees them could see it. Security,
and what it was estimated with: `docs/experiments/lattice_security.md`.

With Y = X^16 an element is 16 components in Z_q[Y]/(Y^64 + 1); a matching product needs one of
them, so transforms of size 64 are all there is: their results are the 64 *slots*.

This is our own code and nobody has audited it. It is checked against plain polynomial arithmetic.
"""

import math
from typing import Final

FIRST_PRIME: Final = 2689
SECOND_PRIME: Final = 3457
PRIMES: Final = (FIRST_PRIME, SECOND_PRIME)
Q: Final = FIRST_PRIME * SECOND_PRIME

RING_DEGREE: Final = 1024
SLOTS: Final = 64  # the transform's size, and the rows of a block
COMPONENTS: Final = RING_DEGREE // SLOTS  # coefficients of the hash in one element
HASH_BYTES: Final = 32
COLUMNS: Final = 8 * HASH_BYTES
ELEMENTS: Final = COLUMNS // COMPONENTS  # of a query

LIST_ROWS: Final = 48  # of each block; the rest are dummies, random and never compared
DUMMY_ROWS: Final = SLOTS - LIST_ROWS

LEVELS: Final = 512  # distances are 0 to 256, and 256 must not wrap to 0
SENT_BITS: Final = 12
SENT_LEVELS: Final = 1 << SENT_BITS
ERROR_BOUND: Final = 9

SEED_BYTES: Final = 32
QUERY_BYTES: Final = 3 * SLOTS * COLUMNS
PREPARED_WORDS: Final = 3 * COLUMNS // 4  # 12 bits and 12 bits a column, in words of 32
HINT_WORDS: Final = COMPONENTS  # two residues of 16 bits each

# One bit of a distance is two of these: a distance is (256 - <x, y>) / 2 with signs for bits.
HALF_LEVEL: Final = round(Q / (2 * LEVELS))

# What a wrong distance needs: half a level, less all that is not chance at its worst.
_ENCODING: Final = COLUMNS * abs(HALF_LEVEL - Q / (2 * LEVELS))
_ROUNDING: Final = Q / (2 * SENT_LEVELS)
NOISE_LIMIT: Final = math.floor(Q / (2 * LEVELS) - _ENCODING - _ROUNDING)
NOISE_TERMS: Final = SLOTS * COLUMNS  # errors in one distance, each added or subtracted


def failure_log2(rows: int) -> float:
    """log2 of a bound on the chance that any of `rows` distances of one picture is wrong.

    Chernoff's bound with the exact moments of the sum of NOISE_TERMS uniform errors, whatever
    their signs; encoding and rounding are taken at their worst; summed over the rows.
    Minus infinity where no errors can do it.
    """
    if rows == 0 or NOISE_TERMS * ERROR_BOUND < NOISE_LIMIT:
        return -math.inf
    tail = min(_tail_log(step / 10_000) for step in range(1, 1000))
    return (math.log(2 * rows) + tail) / math.log(2)


def _tail_log(t: float) -> float:
    """ln of E[exp(t * sum)] / exp(t * NOISE_LIMIT)."""
    moment = sum(math.exp(t * e) for e in range(-ERROR_BOUND, ERROR_BOUND + 1))
    return NOISE_TERMS * math.log(moment / (2 * ERROR_BOUND + 1)) - t * NOISE_LIMIT
