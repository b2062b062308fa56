"""Which index to build: the plain scan until the work to come pays for tables.

Guarantees: the answer is the same whichever is chosen; only the time differs.
"""

from collections.abc import Iterable

from softfall.lists.index.hamming import HammingIndex, U64Array
from softfall.lists.index.multi_index import MultiIndex
from softfall.lists.index.scan import Scan

SCAN_UP_TO_ENTRIES = 2_000
SCAN_UP_TO_QUERIES = 100


def build_index(
    hashes: U64Array, numbers: Iterable[int] | None = None, expected_queries: int | None = None
) -> HammingIndex:
    """An exact index over N entries.

    hashes: (N, 4) uint64. numbers: N entry numbers; None for 0 to N - 1. expected_queries: how many
    hashes will be searched for in all; None for a service's endless stream.
    """
    few = expected_queries is not None and expected_queries <= SCAN_UP_TO_QUERIES
    if few or len(hashes) <= SCAN_UP_TO_ENTRIES:
        return Scan(hashes, numbers)
    return MultiIndex(hashes, numbers)
