"""What both forms of PDQ share: from the 64x64 picture to quality and DCT, as kernels' helpers.

Guarantees: every float32 sum keeps the reference's order; nothing is contracted. Arrays are plain
addresses of float32, row after row.
Source: `pdq_oracle.quality` and `pdq_oracle.dct`, the oracles.
"""

from typing import Any, Final

import numpy as np

from softfall.compiled.exported import helper

SIDE: Final = 64
DCT_SIDE: Final = 16


@helper
def _steps(small: Any, at: int, away: int) -> Any:
    """The quantised gradients of 63 points towards those `away` from them."""
    gradients = np.int64(0)
    for place in range(at, at + SIDE - 1):
        step = (small[place] - small[place + away]) * np.float32(100) / np.float32(255)
        gradients += abs(np.int64(np.int32(step)))
    return gradients


@helper
def _quality(small: Any) -> Any:
    gradients = 0
    for i in range(SIDE):
        gradients += _steps(small, i * SIDE, 1)
    for i in range(SIDE - 1):
        gradients += _steps(small, i * SIDE, SIDE)
        last = i * SIDE + SIDE - 1
        step = (small[last] - small[last + SIDE]) * np.float32(100) / np.float32(255)
        gradients += abs(np.int64(np.int32(step)))
    return gradients


@helper
def measured(small: Any, turned: Any, half: Any, coefficients: Any) -> Any:
    """The gradients of a 64x64 picture, from which its quality comes; fills `coefficients`, 16x16.

    turned: the DCT's matrix, 64x16; half: scratch for 64 float32, a row of the half-done DCT.
    """
    for i in range(DCT_SIDE):
        for j in range(SIDE):
            half[j] = np.float32(0)
        for k in range(SIDE):
            share = turned[k * DCT_SIDE + i]
            for j in range(SIDE):
                half[j] += share * small[k * SIDE + j]
        for j in range(DCT_SIDE):
            coefficients[i * DCT_SIDE + j] = np.float32(0)
        for k in range(SIDE):
            for j in range(DCT_SIDE):
                coefficients[i * DCT_SIDE + j] += half[k] * turned[k * DCT_SIDE + j]
    return _quality(small)
