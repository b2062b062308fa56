"""The plain search: every query against every entry. The oracle of every other index.

Guarantees: exact by construction, with a bounded block of memory whatever N and Q.
`Scan` is plain numpy. `VectorScan` does the same in machine code, eight entries at a time: for a
few thousand entries nothing is faster, and nothing has to be built.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from softfall.compiled.native import Native, Pinned
from softfall.lists.entries import MATCH_RADIUS_BITS
from softfall.lists.index.gathering import gathered
from softfall.lists.index.hamming import I64Array, Matches, U64Array, checked, numbered

BLOCK_ROWS = 1 << 16

_FIND: Final = Native("softfall.lists.index.scan_kernel", "find")


class Scan:
    """An index that has no structure at all."""

    def __init__(self, hashes: U64Array, numbers: Iterable[int] | None = None) -> None:
        """hashes: (N, 4) uint64. numbers: N entry numbers; None for 0 to N - 1."""
        self._hashes, self._numbers = numbered(hashes, numbers)

    def __len__(self) -> int:
        return len(self._hashes)

    @property
    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """All that it needs, as a snapshot stores it."""
        return {"hashes": self._hashes, "numbers": self._numbers}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> "Scan":
        """The index that these are `arrays` of."""
        return cls(arrays["hashes"], arrays["numbers"])

    def entries(self) -> tuple[U64Array, I64Array]:
        """The hashes and entry numbers that it was built from."""
        return self._hashes, self._numbers

    def search(self, queries: U64Array, radius_bits: int = MATCH_RADIUS_BITS) -> Matches:
        """Every entry within the radius of each query; see `HammingIndex.search`."""
        queries = checked(queries, radius_bits)
        rows: list[I64Array] = [np.empty(0, np.int64)]
        found: list[I64Array] = [np.empty(0, np.int64)]
        bits: list[I64Array] = [np.empty(0, np.int64)]
        for row, query in enumerate(queries):
            for start in range(0, len(self._hashes), BLOCK_ROWS):
                block = self._hashes[start : start + BLOCK_ROWS]
                distances = np.bitwise_count(block ^ query).sum(axis=1, dtype=np.int64)
                near = np.flatnonzero(distances <= radius_bits)
                rows.append(np.full(len(near), row, np.int64))
                found.append(self._numbers[start + near])
                bits.append(distances[near])
        return Matches.in_order(np.concatenate(rows), np.concatenate(found), np.concatenate(bits))


class VectorScan:
    """An index that has no structure either, and is searched in machine code."""

    def __init__(self, hashes: U64Array, numbers: Iterable[int] | None = None) -> None:
        """hashes: (N, 4) uint64, kept as they are if contiguous.

        numbers: N entry numbers; None for 0 to N - 1."""
        self._hashes, self._numbers = numbered(hashes, numbers)
        address = self._hashes.ctypes.data
        self._index = Pinned(np.array([address, len(self._hashes)], np.int64))

    def __len__(self) -> int:
        return len(self._hashes)

    def entries(self) -> tuple[U64Array, I64Array]:
        """The hashes and entry numbers that it was built from."""
        return self._hashes, self._numbers

    def search(self, queries: U64Array, radius_bits: int = MATCH_RADIUS_BITS) -> Matches:
        """Every entry within the radius of each query; see `HammingIndex.search`."""
        queries = checked(queries, radius_bits)
        query_rows, rows, bits = gathered(_FIND, self._index, queries, radius_bits)
        found = self._numbers[rows]
        if len(rows) < 2:
            return Matches(query_rows, found, bits)
        return Matches.in_order(query_rows, found, bits)
