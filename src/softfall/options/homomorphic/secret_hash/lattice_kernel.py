"""The compiled part of `lattice`: see there for what it guarantees, and for its oracle.

Written without a branch, or an address, that depends on what was read.
"""

from typing import Any

import numpy as np

from softfall.compiled.exported import array, exported

_PART = 256  # so many products of two numbers below 2^11 stay below 2^31


@exported("void(int16*, int16*, int64, int64, int64, int64*)")
def dot(prepared: Any, query: Any, slots: Any, blocks: Any, columns: Any, out: Any) -> None:
    """The inner products, slot by slot, of each block with the query.

    prepared: (slots, blocks, columns); query: (slots, columns); out: (slots, blocks). columns: a
    multiple of 256. Numbers are below 2^11 in size.
    """
    rows = array(prepared, (slots, blocks, columns))
    asked, sums = array(query, (slots, columns)), array(out, (slots, blocks))
    for slot in range(slots):
        for block in range(blocks):
            total = np.int64(0)
            for start in range(0, columns, _PART):
                row = rows[slot, block, start : start + _PART]
                other = asked[slot, start : start + _PART]
                part = np.int32(0)
                for j in range(_PART):  # (numba widens; LLVM sees that 32 bits are enough)
                    part = np.int32(part + np.int32(np.int32(row[j]) * np.int32(other[j])))
                total += part
            sums[slot, block] = total
