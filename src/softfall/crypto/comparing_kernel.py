"""The compiled part of `comparing`: see there for what it guarantees, and for its oracles.

Loaded only where it has to be compiled. No branch and no address depends on a value.
"""

from typing import Any

import numpy as np

from softfall.compiled.exported import array, exported

_ONE = np.uint32(1)


@exported("void(uint16*, uint32*, uint16*, int64, uint64*, uint64*, uint64*)")
def look_up(
    opened: Any, below: Any, equal: Any, rows: int, out_below: Any, out_first: Any, out_change: Any
) -> None:
    """Sets the words of three planes to a party's shares; unused bits to zero."""
    words = (rows + 63) >> 6
    x, lower, upper = array(opened, (rows,)), array(below, (rows,)), array(equal, (rows,))
    c, first, change = (
        array(out_below, (words,)), array(out_first, (words,)), array(out_change, (words,))
    )  # fmt: skip
    for word in range(words):
        start = word << 6
        end = min(start + 64, rows)
        c_bits, first_bits, change_bits = np.uint64(0), np.uint64(0), np.uint64(0)
        for row in range(start, end):
            value = np.uint32(x[row])
            high = (value >> np.uint32(5)) & np.uint32(15)
            table = np.uint32(upper[row])
            at = np.uint64(row - start)
            one = (table >> high) & _ONE
            two = (table >> ((high - _ONE) & np.uint32(15))) & _ONE
            c_bits |= np.uint64((lower[row] >> (value & np.uint32(31))) & _ONE) << at
            first_bits |= np.uint64(one) << at
            change_bits |= np.uint64(one ^ two) << at
        c[word] = c_bits
        first[word] = first_bits
        change[word] = change_bits


@exported("void(uint16*, uint16*, uint32*, uint16*, int64, uint32*, uint16*)")
def complete(
    masks: Any, others: Any, below: Any, equal: Any, rows: int, out_below: Any, out_equal: Any
) -> None:
    """Sets the tables that complete a party's own, for the sum of both parties' masks."""
    one, other = array(masks, (rows,)), array(others, (rows,))
    lower, upper = array(below, (rows,)), array(equal, (rows,))
    low, high = array(out_below, (rows,)), array(out_equal, (rows,))
    for row in range(rows):
        whole = np.uint32(one[row]) + np.uint32(other[row])
        low[row] = lower[row] ^ ((_ONE << (whole & np.uint32(31))) - _ONE)
        high[row] = upper[row] ^ np.uint16(_ONE << ((whole >> np.uint32(5)) & np.uint32(15)))
