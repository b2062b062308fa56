"""The compiled inner loop of `multi_index`. Imported only when a search runs: it loads numba.

Guarantees: each (query, entry) pair comes out once. An entry may lie in the buckets of several
pieces; it is reported from the first piece (in order) whose bits differ by no more than its radius,
so no list of visited entries is kept and the arrays are only read.
Oracle: `scan`.
"""

from typing import Any

import numba
import numpy as np
import numpy.typing as npt

U64 = npt.NDArray[np.uint64]
I64 = npt.NDArray[np.int64]

_FIRST_CAPACITY = 1024
_QUERY, _ENTRY, _BITS = 0, 1, 2


@numba.njit(cache=True, inline="always")
def _ones(x: Any) -> Any:
    """The number of ones; LLVM knows this pattern and emits one instruction."""
    x = x - ((x >> np.uint64(1)) & np.uint64(0x5555555555555555))
    x = (x & np.uint64(0x3333333333333333)) + ((x >> np.uint64(2)) & np.uint64(0x3333333333333333))
    x = (x + (x >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return (x * np.uint64(0x0101010101010101)) >> np.uint64(56)


@numba.njit(cache=True, inline="always")
def _distance(query: Any, entry: Any) -> Any:
    """The number of bits that differ, of 256."""
    return np.int64(
        _ones(query[0] ^ entry[0])
        + _ones(query[1] ^ entry[1])
        + _ones(query[2] ^ entry[2])
        + _ones(query[3] ^ entry[3])
    )


@numba.njit(cache=True)
def _found_before(query: Any, entry: Any, piece: Any, tables: Any) -> Any:
    """Whether an earlier piece's buckets have already yielded this entry."""
    for earlier in range(piece):
        differing = np.uint64(0)
        for word in range(4):
            differing += _ones((query[word] ^ entry[word]) & tables.piece_masks[earlier, word])
        if np.int64(differing) <= tables.radii[earlier]:
            return True
    return False


@numba.njit(cache=True, nogil=True)
def find(queries: U64, query_keys: U64, radius_bits: int, hashes: U64, tables: Any) -> Any:
    """Query rows, entry rows and distances of all matches, in no order: (M, 3) int64.

    query_keys: (Q, T) uint64, each query's pieces. tables: a `multi_index.Tables`.
    """
    found = np.empty((_FIRST_CAPACITY, 3), np.int64)
    count = 0
    for row in range(len(queries)):
        query = queries[row]
        for piece in range(len(tables.radii)):
            key = query_keys[row, piece]
            first = tables.starts_at[piece]
            for flip in range(tables.flips_at[piece], tables.flips_at[piece + 1]):
                bucket = first + np.int64(key ^ tables.flips[flip])
                for place in range(tables.starts[bucket], tables.starts[bucket + 1]):
                    entry = np.int64(tables.rows[piece, place])
                    bits = _distance(query, hashes[entry])
                    if bits > radius_bits or _found_before(query, hashes[entry], piece, tables):
                        continue
                    if count == len(found):
                        grown = np.empty((2 * count, 3), np.int64)
                        grown[:count] = found
                        found = grown
                    found[count, _QUERY] = row
                    found[count, _ENTRY] = entry
                    found[count, _BITS] = bits
                    count += 1
    return found[:count]
