"""An exact index of sixteen tables, in which a search compares short signatures that lie in a row.

Each table sorts the entries by one piece of 16 bits. A search visits the bucket of its own piece
and the sixteen that differ in one bit, and compares the piece that follows with those of the
bucket's entries, 32 at a time; why no match escapes is told in `pieces`. At 31 bits, one in 390 of
what is visited passes; only of these is the whole hash fetched.

Guarantees: the same matches as `scan` on any data (clustered, skewed, all alike). Hashes that are
the same take room and time once, besides their numbers. A search never takes much longer than a
plain pass over all hashes. The arrays are never changed: any number of threads, and of processes
that map them from one file, may search.
Refuses: arrays that are no index (`NoIndex`).
Memory: 132 bytes a hash, and 4.2 MB; 4 bytes more a hash where any are the same. Of what the
arrays hold only shapes and bucket borders are checked: whoever reads them from a file checks that
the file is whole.
Oracle: `scan.Scan`.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from softfall.compiled.native import Native, Pinned
from softfall.errors import OperatorError
from softfall.lists.entries import MATCH_RADIUS_BITS, PDQ_BITS
from softfall.lists.index import order as orders
from softfall.lists.index.gathering import gathered
from softfall.lists.index.hamming import WORDS, I64Array, Matches, U64Array, checked, numbered
from softfall.lists.index.pieces import PIECE_BITS, PIECES
from softfall.lists.index.ring_parts import LANES, parts

_BUCKETS: Final = 1 << PIECE_BITS
_FIND: Final = Native("softfall.lists.index.ring_kernel", "find")


class NoIndex(OperatorError):
    """Arrays that no index was taken apart into."""

    remedy = "Build the index again from the list."


class RingIndex:
    """An index of sixteen tables over N entries with n unlike hashes."""

    def __init__(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """arrays: as `arrays` gave them. Raises NoIndex."""
        self._arrays = _checked(arrays)
        self._numbers: I64Array = self._arrays["numbers"]
        self._numbers_at = self._arrays["numbers_at"]
        self._order: orders.Order = self._arrays["order"]
        reorders = bool((self._order != orders.AS_IT_IS).any())
        self._bytes_in_order = orders.bytes_in_order(self._order) if reorders else None
        self._index = Pinned(self._fields())

    @classmethod
    def build(cls, hashes: U64Array, numbers: Iterable[int] | None = None) -> "RingIndex":
        """An index over (N, 4) uint64 hashes, N < 2**32. numbers: N of them; None for 0 to N - 1.

        Takes about 145 bytes a hash at its peak. Raises BadQueries.
        """
        return cls(parts(*numbered(hashes, numbers)))

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> "RingIndex":
        """The index that `arrays` took apart. Raises NoIndex."""
        return cls(arrays)

    @property
    def arrays(self) -> Mapping[str, npt.NDArray[Any]]:
        """All that the index is made of, to be kept in a file; not to be changed.

        order: (256,) uint8, see `order`. hashes: (n, 4) uint64, bits in that order, sorted by their
        first piece. starts: (16, 65537) uint32, where each bucket begins. signatures: (16, n + 32)
        uint16, by bucket: each entry's following piece. rows: (15, n) uint32, by bucket: each
        entry's hash (those of the first table are 0 to n - 1). numbers: (N,) int64, by hash.
        numbers_at: (n + 1,) uint32, where each hash's numbers begin; (0,) where N = n.
        """
        return dict(self._arrays)

    def __len__(self) -> int:
        return len(self._numbers)

    def entries(self) -> tuple[U64Array, I64Array]:
        """(N, 4) uint64 hashes and (N,) int64 entry numbers that the index was built from."""
        hashes = orders.restored(self._arrays["hashes"], self._order)
        if len(self._numbers_at):
            hashes = np.repeat(hashes, np.diff(self._numbers_at), axis=0)
        return hashes, self._numbers

    def search(self, queries: U64Array, radius_bits: int = MATCH_RADIUS_BITS) -> Matches:
        """Every entry within the radius of each query; see `HammingIndex.search`."""
        queries = checked(queries, radius_bits)
        query_rows, rows, bits = gathered(_FIND, self._index, queries, radius_bits)
        if len(self._numbers_at) and len(rows):
            first = self._numbers_at[rows].astype(np.int64)
            counts = self._numbers_at[rows + 1] - first
            query_rows, bits = np.repeat(query_rows, counts), np.repeat(bits, counts)
            ends = np.cumsum(counts)
            rows = np.arange(ends[-1]) + np.repeat(first - ends + counts, counts)
        found = self._numbers[rows]
        if len(rows) < 2:
            return Matches(query_rows, found, bits)
        return Matches.in_order(query_rows, found, bits)

    def ready(self) -> None:
        """Find or compile the search now rather than at the first one."""
        _FIND.ready()

    def _fields(self) -> I64Array:
        """What the kernel knows the index by: see `ring_kernel.FIELDS`."""
        spread = self._bytes_in_order
        return np.array(
            [
                *(self._arrays[name].ctypes.data for name in _ADDRESSED),
                0 if spread is None else spread.ctypes.data,
                len(self._arrays["hashes"]),
            ],
            np.int64,
        )


_ADDRESSED: Final = ("hashes", "starts", "signatures", "rows")


def _checked(arrays: Mapping[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
    try:
        count, known = len(arrays["hashes"]), len(arrays["numbers"])
        repeated = len(arrays["numbers_at"]) > 0
        wanted = {
            "order": ((PDQ_BITS,), np.uint8),
            "hashes": ((count, WORDS), np.uint64),
            "starts": ((PIECES, _BUCKETS + 1), np.uint32),
            "signatures": ((PIECES, count + LANES), np.uint16),
            "rows": ((PIECES - 1, count), np.uint32),
            "numbers": ((known if repeated else count,), np.int64),
            "numbers_at": ((count + 1 if repeated else 0,), np.uint32),
        }
        for name, (shape, kind) in wanted.items():
            given = arrays[name]
            whole = given.flags.c_contiguous and given.flags.aligned
            if given.shape != shape or given.dtype != kind or not whole:
                raise NoIndex(f"{name} must be contiguous {shape} {np.dtype(kind)}")
    except KeyError as missing:
        raise NoIndex(f"{missing.args[0]} is missing") from None
    starts, order, numbers_at = arrays["starts"], arrays["order"], arrays["numbers_at"]
    rising = bool((starts[:, 1:] >= starts[:, :-1]).all())
    if not rising or starts[:, 0].any() or (starts[:, -1] != count).any():
        raise NoIndex("the buckets don't cover the hashes")
    if (np.sort(order) != orders.AS_IT_IS).any():
        raise NoIndex("the order is no permutation of the bits")
    if repeated and (numbers_at[0] != 0 or numbers_at[-1] != known):
        raise NoIndex("the hashes don't cover the numbers")
    return {name: arrays[name] for name in wanted}
