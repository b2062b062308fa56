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
NEAR_BITS: Final = 80  # closer pairs are followed one by one, under many draws of position sets
MIDDLE_BITS: Final = 88  # up to here under few draws; pairs beyond go by their distance alone


@dataclass(frozen=True, slots=True)
class Census:
    """pairs: (257,) unordered pairs at each distance. query, entry: (n,) rows of kept pairs.

    distance: (n,) bits apart. Kept pairs stand in both directions, because only the query's side is
    probed; those within PDQ's own radius are left out of them, as matches, and counted in `pairs`.
    """

    pairs: Indices
    query: Indices
    entry: Indices
    distance: Indices

    @property
    def total(self) -> int:
        """Unordered pairs of different photographs."""
        return int(self.pairs.sum())


def census(hashes: Hashes, kept_bits: int = MIDDLE_BITS) -> Census:
    """Count all pairs, and keep those farther than PDQ's radius but within `kept_bits`."""
    words = np.packbits(hashes.bits, axis=1).view(np.uint64)
    room = 1 << 17
    while True:
        pairs, kept, found = _scan(words, hashes.source, RADIUS_BITS, kept_bits, room)
        if found <= room:
            break
        room = found
    first, second = kept[:found].T
    query, entry = np.concatenate((first, second)), np.concatenate((second, first))
    distance = (hashes.bits[query] != hashes.bits[entry]).sum(axis=1)
    return Census(pairs, query, entry, distance)


@numba.njit(cache=False)
def _ones(word: np.uint64) -> np.uint64:
    word = word - ((word >> np.uint64(1)) & np.uint64(0x5555555555555555))
    pairs = np.uint64(0x3333333333333333)
    word = (word & pairs) + ((word >> np.uint64(2)) & pairs)
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return (word * np.uint64(0x0101010101010101)) >> np.uint64(56)


@numba.njit(cache=False)
def _scan(
    words: npt.NDArray[np.uint64], source: Indices, radius: int, kept_bits: int, room: int
) -> tuple[Indices, Indices, int]:
    pairs = np.zeros(257, np.int64)
    kept = np.empty((room, 2), np.int64)
    found = 0
    for i in range(len(words)):
        for j in range(i + 1, len(words)):
            if source[i] == source[j]:
                continue
            distance = np.int64(0)
            for word in range(4):
                distance += np.int64(_ones(words[i, word] ^ words[j, word]))
            pairs[distance] += 1
            if radius < distance <= kept_bits:
                if found < room:
                    kept[found, 0], kept[found, 1] = i, j
                found += 1
    return pairs, kept, found
