"""How a 256-bit hash is cut into pieces, so that near hashes must share one, nearly.

Cut the bits into T pieces and give piece i a radius t_i with sum(t_i + 1) >= radius + 1. If each
piece of two hashes differed by more than its t_i, the hashes would differ by at least
sum(t_i + 1) > radius bits. So within the radius, some piece i differs by at most t_i bits; look up
all those pieces, and check what is found.

Guarantees: `is_exact(cut(...), radius)` always. Where T does not divide, pieces are uneven.
A piece takes every T-th bit: PDQ's neighbouring bits are alike, and alike pieces make long buckets.
Source: multi-index hashing, Norouzi, Punjani and Fleet 2014; the pigeonhole for uneven radii is
that of Qin et al. 2018 (GPH).
"""

from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np

from softfall.lists.entries import MATCH_RADIUS_BITS, PDQ_BITS
from softfall.lists.index.hamming import U64Array

FEWEST_PIECES = 12
MOST_PIECES = 24

# Rough costs of one bucket lookup and of one candidate's check, both a miss of the cache.
_LOOKUP_COST = 1.0
_CHECK_COST = 1.5


@dataclass(frozen=True, slots=True)
class Piece:
    """Some bits of a hash (0 is the most significant) and how many of them may differ."""

    bits: tuple[int, ...]
    radius_bits: int

    @property
    def lookups(self) -> int:
        """How many buckets lie within the piece's radius."""
        return sum(comb(len(self.bits), flips) for flips in range(self.radius_bits + 1))


def cut(pieces: int, radius_bits: int = MATCH_RADIUS_BITS) -> tuple[Piece, ...]:
    """So many pieces, with radii that are exact for `radius_bits`."""
    most, spare = divmod(radius_bits + 1, pieces)
    return tuple(
        Piece(tuple(range(first, PDQ_BITS, pieces)), most - 1 + (first < spare))
        for first in range(pieces)
        if most + (first < spare) > 0
    )


def is_exact(pieces: tuple[Piece, ...], radius_bits: int) -> bool:
    """Whether the pieces are disjoint and their radii meet the module's inequality."""
    taken = [bit for piece in pieces for bit in piece.bits]
    return (
        len(taken) == len(set(taken))
        and sum(piece.radius_bits + 1 for piece in pieces) >= radius_bits + 1
    )


def choose(entries: int) -> tuple[Piece, ...]:
    """The cut with the least expected work for a query on so many entries, were bits uniform."""

    def work(pieces: tuple[Piece, ...]) -> float:
        return sum(
            piece.lookups * (_LOOKUP_COST + _CHECK_COST * entries / 2.0 ** len(piece.bits))
            for piece in pieces
        )

    return min((cut(count) for count in range(FEWEST_PIECES, MOST_PIECES + 1)), key=work)


def keys(hashes: U64Array, piece: Piece) -> U64Array:
    """(N,) uint64: the piece of each hash, its first bit the most significant."""
    values = np.zeros(len(hashes), np.uint64)
    for bit in piece.bits:
        word = hashes[:, bit // 64]
        values = (values << np.uint64(1)) | ((word >> np.uint64(63 - bit % 64)) & np.uint64(1))
    return values


def flips(piece: Piece) -> U64Array:
    """(lookups,) uint64: all masks of up to the piece's radius of ones, the empty one first."""
    width = len(piece.bits)
    return np.array(
        [
            sum(1 << bit for bit in chosen)
            for count in range(piece.radius_bits + 1)
            for chosen in combinations(range(width), count)
        ],
        np.uint64,
    )
