"""The linear form of PDQ as machine code: the picture is read about once, row by row.

Guarantees: within float32 rounding of `pdq_linear.shrink`, its oracle (sums may be reordered and
contracted: nothing here is a reference's bits); gradients and DCT are the reference's own steps.
Refuses: nothing; the caller sees to it that every row and column lies within the plane.
Source: see `pdq_linear`.
"""

from typing import Any

import numpy as np

from softfall.compiled.exported import exported, fused
from softfall.media.pdq_tail_kernel import SIDE, measured


@fused
def _sum_rows(
    plane: Any, at: int, stride: int, width: int, shares: Any, first: int, rows: int, total: Any
) -> None:
    """total: the weighted sum of some rows of the plane, four at a time."""
    for x in range(width):
        total[x] = np.float32(0)
    whole = rows - rows % 4
    for k in range(0, whole, 4):
        a, b = shares[first + k], shares[first + k + 1]
        c, d = shares[first + k + 2], shares[first + k + 3]
        for x in range(width):
            total[x] += (
                a * np.float32(plane[at + x])
                + b * np.float32(plane[at + stride + x])
                + c * np.float32(plane[at + 2 * stride + x])
                + d * np.float32(plane[at + 3 * stride + x])
            )
        at += 4 * stride
    for k in range(whole, rows):
        share = shares[first + k]
        for x in range(width):
            total[x] += share * np.float32(plane[at + x])
        at += stride


@fused
def _sum_along(total: Any, start: int, shares: Any, first: int, length: int) -> Any:
    value = np.float32(0)
    for k in range(length):
        value += shares[first + k] * total[start + k]
    return value


@exported(
    "int64(uint8*, int64, int64, int64*, int64*, float32*, int64, "
    "int64*, int64*, float32*, int64, float32*, float32*, float32*, float32*, float32*)"
)
def measure(
    plane: Any,
    stride: int,
    width: int,
    tops: Any,
    heights: Any,
    down: Any,
    most_down: int,
    lefts: Any,
    widths: Any,
    along: Any,
    most_along: int,
    turned: Any,
    total: Any,
    half: Any,
    small: Any,
    coefficients: Any,
) -> int:
    """Fills `small` (64x64) and `coefficients` (16x16); returns the sum of the gradients.

    plane: rows of `width` uint8, `stride` bytes apart; total: scratch for `width` float32.
    turned, half: as `pdq_tail_kernel.measured` takes them.
    """
    for i in range(SIDE):
        rows = heights[i]
        _sum_rows(plane, tops[i] * stride, stride, width, down, i * most_down, rows, total)
        for j in range(SIDE):
            small[i * SIDE + j] = _sum_along(total, lefts[j], along, j * most_along, widths[j])
    gradients: int = measured(small, turned, half, coefficients)
    return gradients
