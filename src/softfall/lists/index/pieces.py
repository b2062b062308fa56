"""The rule by which a ring of pieces finds every near hash: which entries a table must yield.

Cut 256 bits into 16 pieces of 16, and give piece i a share c_i, with sum(c_i) = radius + 1. Let d_i
be the bits in which two hashes differ within piece i. If they lie within the radius, sum(d_i - c_i)
is negative; so, going around the ring of pieces, there is one from which every running sum of
d_i - c_i is negative. (Start after the last place at which the running sum is greatest.) So for
some i both d_i < c_i and d_i + d_{i+1} < c_i + c_{i+1}: table i need yield nothing else. It visits
the buckets in which piece i differs by less than its share, and compares the piece that follows.

Guarantees: `yields` holds for at least one table of every pair within the radius.
Source: pigeonring, Qin and Xiao 2018; multi-index hashing, Norouzi, Punjani and Fleet 2014.
This module is plain numpy: the oracle of what `ring_kernel` does.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from softfall.lists.index.hamming import I64Array, U64Array

PIECES: Final = 16
PIECE_BITS: Final = 16
MOST_SHARE: Final = 2
"""A bucket's neighbours differ in one bit, so no piece may have a greater share."""


def shares(radius_bits: int) -> I64Array:
    """(16,) int64: how many bits each piece may differ in, and one. They sum to the radius and one.

    radius_bits: 0 to 31.
    """
    each, spare = divmod(radius_bits + 1, PIECES)
    return np.array([each + (piece < spare) for piece in range(PIECES)], np.int64)


def keys(hashes: U64Array) -> npt.NDArray[np.uint16]:
    """(N, 16) uint16: the pieces of (N, 4) hashes, the most significant first."""
    shifts = np.arange(48, -1, -PIECE_BITS, dtype=np.uint64)
    pieces: npt.NDArray[np.uint16] = (hashes[:, :, None] >> shifts).astype(np.uint16)
    return pieces.reshape(len(hashes), PIECES)


def yields(query: U64Array, hashes: U64Array, radius_bits: int) -> npt.NDArray[np.bool_]:
    """(N, 16) bool: which of the tables must yield which of the hashes for a query (4,)."""
    differ = np.bitwise_count(keys(hashes) ^ keys(query[None])).astype(np.int64)
    may = shares(radius_bits)
    alone = differ < may
    with_next = differ + np.roll(differ, -1, axis=1) < may + np.roll(may, -1)
    both: npt.NDArray[np.bool_] = alone & with_next
    return both
