"""The compiled plain pass: eight hashes at a time against one query.

Guarantees: exact by construction; the hashes are only read.
Oracle: `scan.Scan`. Layout: `index` is the address of (n, 4) uint64 hashes, and n.
"""

from typing import Any

import numpy as np

from softfall.compiled.exported import array, exported, helper
from softfall.compiled.memory import u64_at
from softfall.compiled.vectors import lowest_one, near_rows, ones
from softfall.lists.index.gathering import NEEDED, NEXT, SCRATCH

_ROWS = 8


@helper
def distance(words: Any, address: Any) -> Any:
    """The bits in which the hash at an address differs from a query's four words."""
    return np.int64(
        ones(words[0] ^ u64_at(address))
        + ones(words[1] ^ u64_at(address + 8))
        + ones(words[2] ^ u64_at(address + 16))
        + ones(words[3] ^ u64_at(address + 24))
    )


@helper
def keep(out: Any, place: Any, row: Any, entry: Any, bits: Any) -> Any:
    """Write one match where there is room for it."""
    if place < out.shape[1]:
        out[0, place] = row
        out[1, place] = entry
        out[2, place] = bits


@helper
def pass_over(
    hashes: Any, entries: Any, words: Any, radius_bits: Any, out: Any, count: Any, row: Any
) -> Any:
    """Look at every hash. Returns `count` and the matches, of which no more than fit are written.

    hashes: an address. words: a query's, as a tuple. row: the query's.
    """
    first = np.int64(0)
    while first < entries:
        left = entries - first
        near = np.int64(0)
        if left >= _ROWS:
            near = near_rows(hashes + 32 * first, words, radius_bits)
        else:
            for lane in range(left):
                bits = distance(words, hashes + 32 * (first + lane))
                near |= np.int64(bits <= radius_bits) << lane
        while near != 0:
            entry = first + lowest_one(near)
            near &= near - 1
            keep(out, count, row, entry, distance(words, hashes + 32 * entry))
            count += 1
        first += _ROWS
    return count


@exported("int64(int64*, uint64*, int64, int64, int64, int64*, int64*, int64)")
def find(
    index_: Any, queries_: Any, first: Any, last: Any, radius_bits: Any,
    scratch_: Any, out_: Any, capacity: Any,
) -> Any:  # fmt: skip
    """See `gathering.Kernel`."""
    index = array(index_, (2,))
    queries = array(queries_, (last, 4))
    scratch = array(scratch_, (SCRATCH,))
    out = array(out_, (3, capacity))
    count = np.int64(0)
    for row in range(first, last):
        words = (queries[row, 0], queries[row, 1], queries[row, 2], queries[row, 3])
        after = pass_over(index[0], index[1], words, radius_bits, out, count, row)
        if after > capacity:
            scratch[NEXT] = row
            scratch[NEEDED] = after - count
            return count
        count = after
    scratch[NEXT] = last
    return count
