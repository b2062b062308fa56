"""Kernels that do one step of `residues` each, over many numbers."""

from typing import Any

import numpy as np

from softfall.compiled.exported import exported
from softfall.compiled.residues import LANES, WIDE, backward, forward, inner, narrow, scale, widen


@exported("void(uint16*, int64, uint64, uint64, uint64)")
def scale_all(rows: Any, count: Any, factor: Any, quotient: Any, prime: Any) -> None:
    w, times, p = np.uint16(factor), np.uint16(quotient), np.uint16(prime)
    for at in range(0, count, LANES):
        scale(rows, at, w, times, p)


@exported("void(uint16*, int64, int64, uint64, uint64, uint64)")
def butterfly(
    rows: Any, half: Any, is_forward: Any, factor: Any, quotient: Any, prime: Any
) -> None:
    w, times, p = np.uint16(factor), np.uint16(quotient), np.uint16(prime)
    for at in range(0, half, LANES):
        if is_forward != 0:
            forward(rows, at, at + half, w, times, p)
        else:
            backward(rows, at, at + half, w, times, p)


@exported("void(uint16*, uint8*, int16*)")
def narrow_and_widen(rows: Any, octets: Any, widened: Any) -> None:
    for at in range(0, WIDE, LANES):
        narrow(rows, at, WIDE + at, octets, at)
    widen(octets, 0, widened)


@exported("int64(int16*, int16*)")
def inner_product(left: Any, right: Any) -> Any:
    return inner(left, 0, right, 0)
