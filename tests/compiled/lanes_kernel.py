"""Kernels that try every quotient that `lanes` promises, for its tests."""

from typing import Any

import numpy as np

from softfall.compiled.exported import exported
from softfall.compiled.lanes import LANES, slide_means, turn, turn_light


@exported("int64(int64, float32*, float32*, float32*, float32*, float32*)")
def wrong_quotients(
    divisor: int, rows: Any, sums: Any, divisors: Any, inverses: Any, means: Any
) -> int:
    """How many of all float32 mantissas are divided otherwise than by a division.

    rows: (2, 16); sums and means: 16; divisors and inverses: 1.
    """
    wrong = 0
    held = np.float32(divisor)
    divisors[0], inverses[0] = held, np.float32(1) / held
    for first in range(1 << 23, 1 << 24, LANES):
        for lane in range(LANES):
            rows[lane] = np.float32(0)
            rows[LANES + lane] = np.float32(first + lane)
            sums[lane] = np.float32(0)
        slide_means(rows, LANES, LANES, 1, sums, divisors, inverses, means)
        for lane in range(LANES):
            if means[lane] != np.float32(first + lane) / held:
                wrong += 1
    return wrong


@exported("int64(uint8*, int64, float32*)")
def lights(pixels: Any, blocks: int, out: Any) -> int:
    """The luminance of blocks of 16x16 RGB pixels, each block as columns."""
    for block in range(blocks):
        turn_light(pixels, block * 768, 48, out, block * 256)
    return 0


@exported("int64(float32*, float32*)")
def turned(rows: Any, out: Any) -> int:
    """16 rows of 20, their first 16, as columns 24 apart."""
    turn(rows, 0, 20, out, 0, 24)
    return 0
