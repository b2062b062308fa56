"""Kernels that do nothing but what `compiled.vectors` and `compiled.memory` offer."""

from typing import Any

from softfall.compiled.exported import array, exported
from softfall.compiled.memory import u16_at, u32_at, u64_at
from softfall.compiled.vectors import near_lanes, near_rows


@exported("int64(uint16*, int64, int64)")
def lanes_near(lanes_: Any, value: Any, most: Any) -> Any:
    return near_lanes(array(lanes_, (32,)).ctypes.data, value, most)


@exported("int64(uint64*, uint64*, int64)")
def rows_near(rows_: Any, query_: Any, most: Any) -> Any:
    query = array(query_, (4,))
    words = (query[0], query[1], query[2], query[3])
    return near_rows(array(rows_, (8, 4)).ctypes.data, words, most)


@exported("int64(uint64*, uint64*)")
def loaded(given_: Any, out_: Any) -> Any:
    at = array(given_, (2,)).ctypes.data
    out = array(out_, (3,))
    out[0] = u16_at(at + 3)
    out[1] = u32_at(at + 3)
    out[2] = u64_at(at + 3)
    return 0
