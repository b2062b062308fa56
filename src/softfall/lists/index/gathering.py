"""Running a compiled search until all its matches are gathered, whatever room they need.

Guarantees: all matches of all queries, in the order in which the kernel found them; safe in any
number of threads (each has memory of its own); a single query costs little more than its search.
The kernel writes matches into the room that it is given. Where a query's matches no longer fit it
stops before that query and says how many it has, and is called again from there with more room.
"""

import threading
from typing import Final, Protocol

import numpy as np

from softfall.compiled.native import Pinned
from softfall.lists.entries import MATCH_RADIUS_BITS
from softfall.lists.index.hamming import WORDS, I64Array, U64Array

SCRATCH: Final = 2048
"""How many int64 a kernel may use as it likes; of the first two it tells."""

NEXT: Final = 0
"""Where in the scratch memory a kernel says before which query it stopped."""

NEEDED: Final = 1
"""Where it says how many matches that query has."""

_ROOM: Final = 64  # matches, for a query alone


class Kernel(Protocol):
    """A compiled search."""

    def __call__(
        self,
        index: Pinned,
        queries: Pinned | U64Array,
        first: int,
        last: int,
        radius_bits: int,
        scratch: Pinned,
        out: Pinned | I64Array,
        capacity: int,
        /,
    ) -> int:
        """Search for queries `first` to `last` - 1. Returns the number of matches in `out`.

        out: (3, capacity) int64: query rows, the index's own rows, distances in bits.
        """


class _Workspace(threading.local):
    """One thread's memory, whose addresses need no looking up."""

    def __init__(self) -> None:
        self.scratch = np.zeros(SCRATCH, np.int64)
        self.query = np.zeros((1, WORDS), np.uint64)
        self.out = np.zeros((3, _ROOM), np.int64)
        self.pinned = (Pinned(self.query), Pinned(self.scratch), Pinned(self.out))


_WORKSPACE: Final = _Workspace()


def gathered(
    find: Kernel, index: Pinned, queries: U64Array, radius_bits: int = MATCH_RADIUS_BITS
) -> I64Array:
    """(3, M) int64: query rows, the index's own rows, distances in bits.

    queries: (Q, 4) uint64, contiguous, as `hamming.checked` returns them.
    """
    here = _WORKSPACE
    capacity = _ROOM + 2 * len(queries)
    if len(queries) == 1:
        query, scratch, out = here.pinned
        here.query[0] = queries[0]
        count = find(index, query, 0, 1, radius_bits, scratch, out, _ROOM)
        if here.scratch[NEXT] == 1:
            return here.out[:, :count].copy()
        capacity = int(here.scratch[NEEDED])
    return _gathered(find, index, queries, radius_bits, capacity)


def _gathered(
    find: Kernel, index: Pinned, queries: U64Array, radius_bits: int, capacity: int
) -> I64Array:
    here = _WORKSPACE
    scratch = here.pinned[1]
    parts = [np.empty((3, 0), np.int64)]
    first, last = 0, len(queries)
    while first < last:
        out = np.empty((3, capacity), np.int64)
        count = find(index, queries, first, last, radius_bits, scratch, out, capacity)
        parts.append(out[:, :count])
        first = int(here.scratch[NEXT])
        capacity = max(capacity, int(here.scratch[NEEDED]) + 2 * (last - first))
    return np.concatenate(parts, axis=1)
