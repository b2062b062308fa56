"""The compiled part of `columns`: see there for what it guarantees, and for its oracle.

Loaded only where it has to be compiled.
"""

from typing import Any

import numpy as np

from softfall.compiled.exported import array, exported


@exported("void(uint16*, int64, uint8*, uint64*)")
def pack(given: Any, rows: int, lower: Any, upper: Any) -> None:
    """Splits (rows,) numbers into lower bytes and the plane of their ninth bit."""
    values, low, high = array(given, (rows,)), array(lower, (rows,)), array(upper, (rows,))
    for word in range((rows + 63) >> 6):
        start = word << 6
        end = min(start + 64, rows)
        bits = np.uint64(0)
        for row in range(start, end):
            value = values[row]
            low[row] = np.uint8(value & np.uint16(255))
            bits |= np.uint64((value >> np.uint16(8)) & np.uint16(1)) << np.uint64(row - start)
        high[word] = bits


@exported("void(uint8*, uint64*, int64, uint16*)")
def unpack(lower: Any, upper: Any, rows: int, into: Any) -> None:
    """Joins lower bytes and the plane of the ninth bit into (rows,) numbers."""
    low, high, values = array(lower, (rows,)), array(upper, (rows,)), array(into, (rows,))
    for row in range(rows):
        bit = (high[row >> 6] >> np.uint64(row & 63)) & np.uint64(1)
        values[row] = np.uint16(low[row]) | (np.uint16(bit) << np.uint16(8))
