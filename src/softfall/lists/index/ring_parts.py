"""Building what a `ring` index is made of.

Guarantees: the arrays that `ring.RingIndex.arrays` describes, whatever the hashes; the same arrays
from the same hashes and numbers. `plain_parts` is the oracle, in plain numpy.
Time: counting sorts, so it grows with the list alone and not with how it is distributed.
Memory at the peak: the result, 9 bytes a hash to find those that are the same, 4 while sorting.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from softfall.compiled.native import Native
from softfall.lists.index import order as orders
from softfall.lists.index.hamming import WORDS, I64Array, U64Array
from softfall.lists.index.pieces import PIECE_BITS, PIECES, keys

LANES: Final = 32
"""Signatures that are compared at once: so many more may be read behind a table's last."""

Parts = dict[str, npt.NDArray[Any]]
U32Array = npt.NDArray[np.uint32]

_BUCKETS: Final = 1 << PIECE_BITS
_NONE: Final = 0xFFFFFFFF
_MODULE: Final = "softfall.lists.index.ring_build_kernel"
_LEADERS: Final = Native(_MODULE, "leaders")
_ARRANGE: Final = Native(_MODULE, "arrange")
_TABLE: Final = Native(_MODULE, "table")
_SHARE_OUT: Final = Native(_MODULE, "share_out")


def parts(hashes: U64Array, numbers: I64Array) -> Parts:
    """The parts of an index. hashes: (N, 4) uint64, contiguous; numbers: (N,) int64."""
    order = orders.choose(hashes)
    hash_rows, distinct = _leaders(hashes)
    kept = np.empty((distinct, WORDS), np.uint64)
    sizes = np.zeros(distinct, np.uint32)
    places = np.empty(_BUCKETS, np.int64)
    reorders = order is not orders.AS_IT_IS
    spread = orders.bytes_in_order(order) if reorders else np.empty((0, WORDS), np.uint64)
    _ARRANGE(hashes, len(hashes), spread, int(reorders), hash_rows, kept, sizes, places)
    numbers, numbers_at = _shared_out(hash_rows, sizes, numbers)
    del hash_rows, sizes
    starts = np.empty((PIECES, _BUCKETS + 1), np.uint32)
    signatures = np.empty((PIECES, distinct + LANES), np.uint16)
    rows = np.empty((PIECES - 1, distinct), np.uint32)
    for piece in range(PIECES):
        own = rows[max(piece - 1, 0)]
        _TABLE(kept, distinct, piece, starts[piece], signatures[piece], own, places)
    return {
        "order": order,
        "hashes": kept,
        "starts": starts,
        "signatures": signatures,
        "rows": rows,
        "numbers": numbers,
        "numbers_at": numbers_at,
    }


def _leaders(hashes: U64Array) -> tuple[U32Array, int]:
    """For each hash the first row with the same one, and how many are unlike."""
    places = np.full(
        1 << (2 * len(hashes)).bit_length() - 1 if len(hashes) else 1, _NONE, np.uint32
    )
    leaders = np.empty(len(hashes), np.uint32)
    return leaders, int(_LEADERS(hashes, len(hashes), places, len(places), leaders))


def _shared_out(
    hash_rows: U32Array, sizes: U32Array, numbers: I64Array
) -> tuple[I64Array, U32Array]:
    """The numbers in the order of their hashes, and where each hash's begin (if it matters)."""
    begin = np.zeros(len(sizes) + 1, np.uint32)
    np.cumsum(sizes, out=begin[1:])
    shared = np.empty_like(numbers)
    _SHARE_OUT(hash_rows, len(numbers), numbers, begin.copy(), shared, len(sizes))
    return shared, begin if len(sizes) < len(numbers) else begin[:0].copy()


def plain_parts(hashes: U64Array, numbers: I64Array) -> Parts:
    """What `parts` makes, step by step in plain numpy: its oracle. (Slow.)"""
    order = orders.choose(hashes)
    unlike, first, rows_of = np.unique(hashes, axis=0, return_index=True, return_inverse=True)
    in_order = orders.reordered(unlike, order)
    sorting = np.lexsort((first, keys(in_order)[:, 0]))
    kept = in_order[sorting]
    place = np.empty(len(unlike), np.int64)
    place[sorting] = np.arange(len(unlike))
    hash_rows = place[rows_of.reshape(-1)]
    pieces = keys(kept)
    by_piece = np.argsort(pieces, axis=0, kind="stable")
    following = np.take_along_axis(np.roll(pieces, -1, axis=1), by_piece, axis=0)
    borders = np.arange(_BUCKETS + 1)
    counts = np.bincount(hash_rows, minlength=len(unlike))
    repeated = len(unlike) < len(hashes)
    return {
        "order": order,
        "hashes": np.ascontiguousarray(kept),
        "starts": np.stack(
            [np.searchsorted(np.sort(column), borders) for column in pieces.T.astype(np.int64)]
        ).astype(np.uint32),
        "signatures": np.pad(following.T, ((0, 0), (0, LANES))),
        "rows": by_piece.T[1:].astype(np.uint32),
        "numbers": numbers[np.argsort(hash_rows, kind="stable")],
        "numbers_at": np.cumsum([0, *counts]).astype(np.uint32)[: None if repeated else 0],
    }
