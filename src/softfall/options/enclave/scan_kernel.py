"""The compiled part of `kernel`: see there for what it guarantees, and for its oracle.

Loaded only where it has to be compiled. Written without a branch, or an address, that depends on
what was read; the tests read the generated code for one.
Source: the popcount pattern is Hacker's Delight, section 5-1.
"""

from typing import Any

import numpy as np

from softfall.compiled.exported import array, exported, inlined
from softfall.options.enclave.blocks import BLOCK_ROWS, WORDS


@inlined
def _ones(x: Any) -> Any:
    """The number of ones; LLVM knows this pattern, and has an instruction or a table-free way."""
    x = x - ((x >> np.uint64(1)) & np.uint64(0x5555555555555555))
    x = (x & np.uint64(0x3333333333333333)) + ((x >> np.uint64(2)) & np.uint64(0x3333333333333333))
    x = (x + (x >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return (x * np.uint64(0x0101010101010101)) >> np.uint64(56)


@exported("void(uint64*, int64, uint64*, int64, uint64, uint64*)")
def scan(
    entries: Any, block_count: int, asked: Any, query_count: int, radius_bits: Any, found_near: Any
) -> None:
    """Sets a query's flag to 1 where an entry lies within the radius; leaves it else.

    entries: (block_count, 4, BLOCK_ROWS); asked: (query_count, 4); found_near: (query_count,).
    """
    blocks = array(entries, (block_count, WORDS, BLOCK_ROWS))
    queries, near = array(asked, (query_count, WORDS)), array(found_near, (query_count,))
    limit = radius_bits + np.uint64(1)
    for block in range(block_count):
        for row in range(query_count):
            q0, q1, q2, q3 = queries[row, 0], queries[row, 1], queries[row, 2], queries[row, 3]
            found = np.uint64(0)
            for i in range(BLOCK_ROWS):
                bits = _ones(blocks[block, 0, i] ^ q0) + _ones(blocks[block, 1, i] ^ q1)
                bits += _ones(blocks[block, 2, i] ^ q2) + _ones(blocks[block, 3, i] ^ q3)
                found |= (bits - limit) >> np.uint64(63)  # the sign: 1 where bits <= radius
            near[row] |= found
