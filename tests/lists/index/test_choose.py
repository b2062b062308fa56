"""The index that is built is the one that pays, and answers as any other."""

import numpy as np
import pytest

from softfall.lists.index.choose import (
    NUMPY_UP_TO_DISTANCES,
    SCAN_UP_TO_ENTRIES,
    SCAN_UP_TO_QUERIES,
    build_index,
)
from softfall.lists.index.ring import RingIndex
from softfall.lists.index.scan import Scan, VectorScan
from tests.lists.index.hashes import flipped, pairs, uniform

MANY = SCAN_UP_TO_ENTRIES + 1


@pytest.mark.parametrize(
    ("entries", "queries", "expected"),
    [
        (10, None, VectorScan),
        (MANY, None, RingIndex),
        (MANY, SCAN_UP_TO_QUERIES, VectorScan),
        (MANY, NUMPY_UP_TO_DISTANCES // MANY, Scan),
        (MANY, SCAN_UP_TO_QUERIES + 1, RingIndex),
    ],
)
def test_tables_are_built_where_they_pay(entries: int, queries: int | None, expected: type) -> None:
    rng = np.random.default_rng(1)
    hashes = uniform(rng, entries)
    index = build_index(hashes, expected_queries=queries)
    assert type(index) is expected
    asked = flipped(rng, hashes[:10], 33)
    assert pairs(index.search(asked)) == pairs(Scan(hashes).search(asked))
