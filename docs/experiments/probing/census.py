"""Every pair of innocent pictures from different photographs, by distance; the close ones by name.

Guarantees: exact over all pairs, by a plain scan. Source: PDQ's Hamming distance.
"""

from dataclasses import dataclass
from typing import Final

import numba
import numpy as np
import numpy.typing as npt

from probing.hashes import Hashes, Indices

RADIUS_BITS: Final = 31
NEAR_BITS: Final = 80  # closer pairs are followed one by one, the others by their distance alone


@dataclass(frozen=True, slots=True)
class Census:
    """pairs: (257,) unordered pairs at each distance. query, entry: (n,) rows of near pairs.

    Near pairs stand in both directions, because only the query's side is probed; those within
    PDQ's own radius are left out of them, as matches, and counted in `pairs`.
    """

    pairs: Indices
    query: Indices
    entry: Indices

    @property
    def total(self) -> int:
        """Unordered pairs of different photographs."""
        return int(self.pairs.sum())


def census(hashes: Hashes, near_bits: int = NEAR_BITS) -> Census:
    """Count all pairs, and keep those farther than PDQ's radius but within `near_bits`."""
    words = np.packbits(hashes.bits, axis=1).view(np.uint64)
    kept = 1 << 16
    while True:
        pairs, near, found = _scan(words, hashes.source, RADIUS_BITS, near_bits, kept)
        if found <= kept:
            break
        kept = found
    first, second = near[:found].T
    return Census(pairs, np.concatenate((first, second)), np.concatenate((second, first)))


@numba.njit(cache=False)
def _ones(word: np.uint64) -> np.uint64:
    word = word - ((word >> np.uint64(1)) & np.uint64(0x5555555555555555))
    pairs = np.uint64(0x3333333333333333)
    word = (word & pairs) + ((word >> np.uint64(2)) & pairs)
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return (word * np.uint64(0x0101010101010101)) >> np.uint64(56)


@numba.njit(cache=False)
def _scan(
    words: npt.NDArray[np.uint64], source: Indices, radius: int, near_bits: int, kept: int
) -> tuple[Indices, Indices, int]:
    pairs = np.zeros(257, np.int64)
    near = np.empty((kept, 2), np.int64)
    found = 0
    for i in range(len(words)):
        for j in range(i + 1, len(words)):
            if source[i] == source[j]:
                continue
            distance = np.int64(0)
            for word in range(4):
                distance += np.int64(_ones(words[i, word] ^ words[j, word]))
            pairs[distance] += 1
            if radius < distance <= near_bits:
                if found < kept:
                    near[found, 0], near[found, 1] = i, j
                found += 1
    return pairs, near, found
