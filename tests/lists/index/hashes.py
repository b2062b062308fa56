"""Hashes to search among and for: random, and such as break an index that counts on randomness."""

from collections.abc import Callable

import numpy as np

from softfall.lists.index.hamming import Matches, U64Array, words

Kind = Callable[[np.random.Generator, int], U64Array]


def pairs(matches: Matches) -> list[tuple[int, int, int]]:
    return list(
        zip(
            matches.query_rows.tolist(),
            matches.entry_numbers.tolist(),
            matches.distances_bits.tolist(),
            strict=True,
        )
    )


def as_number(row: U64Array) -> int:
    return sum(int(word) << (64 * (3 - place)) for place, word in enumerate(row))


def as_words(numbers: list[int]) -> U64Array:
    return words([number.to_bytes(32) for number in numbers])


def uniform(rng: np.random.Generator, count: int) -> U64Array:
    return rng.integers(0, 2**64, (count, 4), dtype=np.uint64)


def flipped(rng: np.random.Generator, hashes: U64Array, most: int) -> U64Array:
    """Each hash with 0 to `most` of its bits flipped, a few of them near each other."""
    ranks = rng.permuted(np.tile(np.arange(256), (len(hashes), 1)), axis=1)
    flips = ranks < rng.integers(0, most + 1, (len(hashes), 1))
    packed = np.ascontiguousarray(np.packbits(flips, axis=1)).view(">u8").astype(np.uint64)
    return hashes ^ packed.reshape(-1, 4)


def clustered(rng: np.random.Generator, count: int) -> U64Array:
    return flipped(rng, uniform(rng, 3)[rng.integers(0, 3, count)], 40)


def skewed(rng: np.random.Generator, count: int) -> U64Array:
    """Most bits are the same everywhere: a few buckets hold nearly everything."""
    return uniform(rng, count) & np.uint64(0x8001000000010001)


def repeated(rng: np.random.Generator, count: int) -> U64Array:
    return uniform(rng, 2)[rng.integers(0, 2, count)]


def partly_repeated(rng: np.random.Generator, count: int) -> U64Array:
    hashes = uniform(rng, count)
    return hashes[rng.integers(0, max(2 * count // 3, 1), count)]


def nearly_blank(rng: np.random.Generator, count: int) -> U64Array:
    """A few bits from all zeros or all ones, as a picture of one colour may be."""
    blank = np.where(rng.integers(0, 2, (count, 1)), np.uint64(0), np.uint64(2**64 - 1))
    return flipped(rng, np.broadcast_to(blank, (count, 4)), 20)


def alike_in_pieces(rng: np.random.Generator, count: int) -> U64Array:
    """Every entry has every piece in common with many others: all buckets visited are full."""
    known = rng.integers(0, 2**16, (2, 16), dtype=np.uint64)
    chosen = known[rng.integers(0, 2, (count, 16)), np.arange(16)]
    shifts = np.arange(48, -1, -16, dtype=np.uint64)
    joined: U64Array = (chosen.reshape(-1, 4, 4) << shifts).sum(axis=2, dtype=np.uint64)
    return joined


KINDS = [
    uniform, clustered, skewed, repeated, partly_repeated, nearly_blank, alike_in_pieces,
]  # fmt: skip


def from_known(rng: np.random.Generator, hashes: U64Array, most: int = 34) -> U64Array:
    """Queries: some of the hashes with some bits flipped, and hashes that are nowhere listed."""
    chosen = hashes[rng.permutation(len(hashes))[:20]]
    return np.concatenate([flipped(rng, chosen, most), uniform(rng, 2)])
