"""Multi-index hashing: an exact index that looks at a small part of the list for each query.

Guarantees: the same matches as `scan` on any data (clustered, skewed, all alike), though on hostile
data no faster. Memory: for each entry 32 bytes and 4 bytes a piece; for each piece its buckets.
Source: see `pieces`; oracle: `scan`. The kernel is compiled at its first use (seconds, once).
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from softfall.lists.entries import MATCH_RADIUS_BITS
from softfall.lists.index.hamming import WORDS, I64Array, Matches, U64Array, checked, numbered
from softfall.lists.index.pieces import Piece, choose, flips, is_exact, keys


class Tables(NamedTuple):
    """T pieces over N entries, as flat arrays: with hashes and numbers, all of a snapshot.

    starts: uint32, every piece's 2**width + 1 offsets into its row of `rows`, end to end.
    starts_at: (T,) int64, where each piece's offsets begin.
    rows: (T, N) uint32, entry rows by bucket.
    flips: uint64, every piece's masks of up to its radius of ones, end to end.
    flips_at: (T + 1,) int64, where each piece's masks begin.
    radii: (T,) int64, in bits. piece_masks: (T, 4) uint64, each piece's bits in place.
    """

    starts: npt.NDArray[np.uint32]
    starts_at: I64Array
    rows: npt.NDArray[np.uint32]
    flips: U64Array
    flips_at: I64Array
    radii: I64Array
    piece_masks: U64Array


class MultiIndex:
    """An index of T tables, one a piece."""

    def __init__(
        self,
        hashes: U64Array,
        numbers: Iterable[int] | None = None,
        pieces: tuple[Piece, ...] | None = None,
    ) -> None:
        """hashes: (N, 4) uint64, N < 2**32. numbers: N entry numbers; None for 0 to N - 1.

        pieces: another cut than the best for N; it must be exact for 31 bits.
        """
        self._hashes, self._numbers = numbered(hashes, numbers)
        self._pieces = choose(len(self._hashes)) if pieces is None else pieces
        assert is_exact(self._pieces, MATCH_RADIUS_BITS)
        self._tables = _tables(self._hashes, self._pieces)

    def __len__(self) -> int:
        return len(self._hashes)

    def search(self, queries: U64Array, radius_bits: int = MATCH_RADIUS_BITS) -> Matches:
        """Every entry within the radius of each query; see `HammingIndex.search`."""
        from softfall.lists.index.multi_index_kernel import (
            find,
        )  # compiles: only when a search runs

        queries = checked(queries, radius_bits)
        query_keys = np.stack([keys(queries, piece) for piece in self._pieces], axis=1)
        found: I64Array = find(queries, query_keys, radius_bits, self._hashes, self._tables)
        return Matches.in_order(found[:, 0], self._numbers[found[:, 1]], found[:, 2])


def _tables(hashes: U64Array, pieces: tuple[Piece, ...]) -> Tables:
    starts, rows = [], []
    for piece in pieces:
        piece_keys = keys(hashes, piece).astype(np.int64)
        counts = np.bincount(piece_keys, minlength=1 << len(piece.bits))
        starts.append(np.concatenate(([0], np.cumsum(counts))).astype(np.uint32))
        rows.append(np.argsort(piece_keys, kind="stable").astype(np.uint32))
    masks = [flips(piece) for piece in pieces]
    return Tables(
        starts=np.concatenate(starts),
        starts_at=_offsets([len(part) for part in starts])[:-1],
        rows=np.stack(rows),
        flips=np.concatenate(masks),
        flips_at=_offsets([len(part) for part in masks]),
        radii=np.array([piece.radius_bits for piece in pieces], np.int64),
        piece_masks=np.stack([_mask(piece) for piece in pieces]),
    )


def _offsets(lengths: list[int]) -> I64Array:
    return np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)


def _mask(piece: Piece) -> U64Array:
    mask = np.zeros(WORDS, np.uint64)
    for bit in piece.bits:
        mask[bit // 64] |= np.uint64(1 << (63 - bit % 64))
    return mask
