"""Finding every list entry within a Hamming radius: the small interface that every index offers.

Guarantees: every index is exact: it returns the very pairs that `scan` returns, in the same order.
Refuses: radii over 31 bits (`RadiusTooLarge`), queries of another shape (`BadQueries`).

An index is immutable: plain arrays that are safe to share between threads, and to map from a file.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from softfall.errors import InputError, RefusedError
from softfall.lists.entries import MATCH_RADIUS_BITS, PDQ_BYTES

WORDS = 4
"""A 256-bit hash is four 64-bit words, the most significant first."""

U64Array = npt.NDArray[np.uint64]
I64Array = npt.NDArray[np.int64]


class RadiusTooLarge(RefusedError):
    """A search wider than a PDQ match."""

    remedy = f"Search within {MATCH_RADIUS_BITS} bits: beyond it, unlike pictures match by chance."


class BadQueries(InputError):
    """Hashes or a radius that no search can be made of."""

    remedy = "Pass (N, 4) uint64 arrays (see `words`) and a radius of 0 or more."


@dataclass(frozen=True, slots=True, eq=False)  # arrays have no one answer to ==
class Matches:
    """Pairs of query and entry, ordered by query row, then by entry number, then by distance.

    query_rows: (M,) int64, rows of the queries. entry_numbers: (M,) int64, as the index was given
    them. distances_bits: (M,) int64.
    """

    query_rows: I64Array
    entry_numbers: I64Array
    distances_bits: I64Array

    def __len__(self) -> int:
        return len(self.query_rows)

    @classmethod
    def in_order(cls, query_rows: I64Array, entry_numbers: I64Array, bits: I64Array) -> "Matches":
        """Matches from pairs in any order."""
        order = np.lexsort((bits, entry_numbers, query_rows))
        return cls(query_rows[order], entry_numbers[order], bits[order])


class HammingIndex(Protocol):
    """An exact index over N entries."""

    def __len__(self) -> int:
        """N."""

    def search(self, queries: U64Array, radius_bits: int = MATCH_RADIUS_BITS) -> Matches:
        """Every list entry within `radius_bits` of each query, exactly.

        queries: (Q, 4) uint64, one 256-bit hash a row, most significant word first.
        Raises RadiusTooLarge over 31 bits, BadQueries for another shape or a negative radius.
        """


def words(hashes: Sequence[bytes]) -> U64Array:
    """(N, 4) uint64, most significant word first, from N hashes of 32 bytes. Raises BadQueries."""
    if any(len(pdq) != PDQ_BYTES for pdq in hashes):
        raise BadQueries(f"a PDQ hash has {PDQ_BYTES} bytes")
    return np.frombuffer(b"".join(hashes), dtype=">u8").astype(np.uint64).reshape(-1, WORDS)


def numbered(hashes: U64Array, numbers: Iterable[int] | None) -> tuple[U64Array, I64Array]:
    """An index's entries as it keeps them: contiguous hashes, and each one's entry number.

    numbers: N entry numbers; None for 0 to N - 1. Raises BadQueries.
    """
    kept = checked(hashes)
    if numbers is None:
        return kept, np.arange(len(kept), dtype=np.int64)
    given = np.array(numbers if isinstance(numbers, np.ndarray) else list(numbers), dtype=np.int64)
    if given.shape != (len(kept),):
        raise BadQueries("there must be one entry number for each hash")
    return kept, given


def checked(hashes: U64Array, radius_bits: int = 0) -> U64Array:
    """The same hashes, contiguous. Raises BadQueries or RadiusTooLarge."""
    if hashes.dtype != np.uint64 or hashes.ndim != 2 or hashes.shape[1] != WORDS:
        raise BadQueries(f"hashes must be (N, {WORDS}) uint64")
    if radius_bits < 0:
        raise BadQueries("a radius can't be negative")
    if radius_bits > MATCH_RADIUS_BITS:
        raise RadiusTooLarge(f"a radius of {radius_bits} bits; the most is {MATCH_RADIUS_BITS}")
    return np.ascontiguousarray(hashes)
