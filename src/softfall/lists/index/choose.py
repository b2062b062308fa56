"""Which index to build: a plain pass, in numpy or in machine code, until tables pay.

Guarantees: the answer is the same whichever is chosen; only the time differs.
The borders are where the times cross, measured by `bench/search.py`.
"""

from collections.abc import Iterable
from typing import Final

from softfall.lists.index.hamming import HammingIndex, U64Array
from softfall.lists.index.ring import RingIndex
from softfall.lists.index.scan import Scan, VectorScan

NUMPY_UP_TO_DISTANCES: Final = 2_000_000
"""So few distances take less time than loading machine code does."""

SCAN_UP_TO_ENTRIES: Final = 10_000
"""A pass over so few takes no longer than a search through tables."""

SCAN_UP_TO_QUERIES: Final = 1_000
"""Building tables takes as long as so many passes."""


def build_index(
    hashes: U64Array, numbers: Iterable[int] | None = None, expected_queries: int | None = None
) -> HammingIndex:
    """An exact index over N entries.

    hashes: (N, 4) uint64. numbers: N entry numbers; None for 0 to N - 1. expected_queries: how many
    hashes will be searched for in all; None for a service's endless stream.
    """
    if expected_queries is not None:
        if expected_queries * len(hashes) <= NUMPY_UP_TO_DISTANCES:
            return Scan(hashes, numbers)
        if expected_queries <= SCAN_UP_TO_QUERIES:
            return VectorScan(hashes, numbers)
    return (
        VectorScan(hashes, numbers)
        if len(hashes) <= SCAN_UP_TO_ENTRIES
        else RingIndex.build(hashes, numbers)
    )
