"""PDQ in plain numpy, step for step as the reference does it: the oracle beside `pdq_kernels`.

Guarantees: on the same full-size pixels, coefficients and quality are bit-identical to those of
python `pdqhash` 0.2.8 built without fused multiply-add (its x86-64 wheels): each sum keeps the
reference's order and its float32 (luminance: float64, then rounded) at every step.
Refuses: nothing but what has no pixels; whether a hash is dependable is decided in `pdq`.
Source: "The TMK+PDQF Video-Hashing Algorithm and the PDQ Image-Hashing Algorithm", Meta 2019, and
the reference implementation in facebook/ThreatExchange (pdq/cpp, BSD).
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

F32Array = npt.NDArray[np.float32]
PixelArray = npt.NDArray[np.uint8]

SMALL_SIDE: Final = 64  # the picture is brought down to 64x64 before the DCT
DCT_SIDE: Final = 16
HASH_BITS: Final = DCT_SIDE * DCT_SIDE
MEDIAN_RANK: Final = (HASH_BITS - 1) // 2  # the lower median, as the reference's Torben search
LUMINANCE_WEIGHTS: Final = (0.299, 0.587, 0.114)
ROWS_AT_ONCE: Final = 256  # bounds the float64 copy that the luminance needs


@dataclass(frozen=True, slots=True, eq=False)
class Spectrum:
    """What PDQ measures of a picture before it cuts at the median.

    coefficients: (256,) float32, row by row of the 16x16 DCT (`pdq` reverses them into bit order).
    quality: 0 to 100, from the gradients of the 64x64 picture.
    small: (64, 64) float32, that picture.
    """

    coefficients: F32Array
    quality: int
    small: F32Array


def spectrum(pixels: PixelArray) -> Spectrum:
    """The spectrum of (H, W, 3) uint8 RGB, or (H, W) uint8 grey, of any size from 1x1 up."""
    small = shrink(luminance(pixels))
    return Spectrum(dct(small), quality(small), small)


def luminance(pixels: PixelArray) -> F32Array:
    """(H, W) float32 luminance of (H, W, 3) RGB; grey pixels are their own luminance."""
    if pixels.ndim == 2:
        return pixels.astype(np.float32)
    red, green, blue = LUMINANCE_WEIGHTS
    light = np.empty(pixels.shape[:2], np.float32)
    for top in range(0, pixels.shape[0], ROWS_AT_ONCE):
        rows = pixels[top : top + ROWS_AT_ONCE]
        light[top : top + ROWS_AT_ONCE] = (
            rows[:, :, 0] * red + rows[:, :, 1] * green + rows[:, :, 2] * blue
        )
    return light


def shrink(light: F32Array) -> F32Array:
    """(64, 64) float32: two passes of a box filter along rows and columns, then every n/64th."""
    if light.shape == (SMALL_SIDE, SMALL_SIDE):
        return light  # the reference takes a 64x64 picture as it is
    height, width = light.shape
    for _ in range(2):
        along_rows = box(np.ascontiguousarray(light.T), window(width))
        light = box(np.ascontiguousarray(along_rows.T), window(height))
    rows, columns = sample_points(height), sample_points(width)
    return np.ascontiguousarray(light[np.ix_(rows, columns)])


def window(side: int) -> int:
    """The box filter's width for a side of this many pixels: half a cell of the 64x64 grid."""
    return (side + 2 * SMALL_SIDE - 1) // (2 * SMALL_SIDE)


def sample_points(side: int) -> npt.NDArray[np.int64]:
    """(64,) int64: which pixels along a side the 64x64 picture keeps (centres of cells)."""
    return np.array([int(((i + 0.5) * side) / SMALL_SIDE) for i in range(SMALL_SIDE)], np.int64)


def box(light: F32Array, width: int) -> F32Array:
    """Mean of the `width` neighbours along the first axis, by the reference's running sum.

    The sum's float32 rounding depends on its order, so it is kept: first only additions, then
    additions with output, then one addition and one subtraction each, then only subtractions.
    """
    length = light.shape[0]
    ahead = (width + 2) // 2 - 1
    out = np.empty_like(light)
    total = np.zeros(light.shape[1], np.float32)
    held = 0
    for step in range(length + ahead):
        if step < length:
            total += light[step]
            held += 1
        if step >= width:
            total -= light[step - width]
            held -= 1
        if step >= ahead:
            np.divide(total, np.float32(held), out=out[step - ahead])
    return out


def quality(small: F32Array) -> int:
    """0 to 100: how much (quantised) gradient the (64, 64) picture holds."""
    down = np.abs(((small[:-1] - small[1:]) * np.float32(100) / np.float32(255)).astype(np.int32))
    across = np.abs(
        ((small[:, :-1] - small[:, 1:]) * np.float32(100) / np.float32(255)).astype(np.int32)
    )
    return quality_of(int(down.sum() + across.sum()))


def quality_of(gradients: int) -> int:
    """0 to 100, from the sum of all gradients."""
    return min(gradients // 90, 100)


def dct_matrix() -> F32Array:
    """(16, 64) float32: the DCT's rows 1 to 16 (row 0, the mean, is left out)."""
    scale = float(np.float32(math.sqrt(2.0 / SMALL_SIDE)))
    step = math.pi / 2.0 / SMALL_SIDE
    rows = [
        [scale * math.cos(step * (i + 1) * (2 * j + 1)) for j in range(SMALL_SIDE)]
        for i in range(DCT_SIDE)
    ]
    return np.array(rows, np.float32)


DCT_MATRIX: Final = dct_matrix()


def dct(small: F32Array) -> F32Array:
    """(256,) float32: the lowest 16x16 frequencies of a (64, 64) picture, row by row."""
    half = np.zeros((DCT_SIDE, SMALL_SIDE), np.float32)
    for k in range(SMALL_SIDE):
        half += DCT_MATRIX[:, k, None] * small[None, k, :]
    full = np.zeros((DCT_SIDE, DCT_SIDE), np.float32)
    for k in range(SMALL_SIDE):
        full += half[:, k, None] * DCT_MATRIX[None, :, k]
    return full.reshape(HASH_BITS)
