"""PDQ by machine code: what `pdq_oracle` computes, bit for bit, in one pass over the picture.

Guarantees: the result is bit-identical to the oracle's. Beside the picture it takes memory for
about 1/32 of its pixels and a few rows, because the rows stream through both filters.
Luminance: 299 r + 587 g + 114 b is a whole number under 2^18, and its float32 quotient by 1000 is
the reference's float64 sum rounded to float32, as no value lies near enough to a rounding border
(the tests try all 16.7 million colours).
Pictures with a side over `MAX_SIDE_PIXELS` are the oracle's: the quick quotients end there.
Source: `pdq_exact_kernel`, which is compiled once on a machine.
"""

from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from softfall.compiled.native import Native
from softfall.media import pdq_oracle
from softfall.media.pdq_oracle import F32Array, PixelArray, Spectrum

MAX_SIDE_PIXELS: Final = 65_408  # the filter's width is 511 then

_LANES: Final = 16
_SIDE: Final = pdq_oracle.SMALL_SIDE
_ALIGNED: Final = 16  # float32 in 64 bytes, which a processor fetches at once
_TURNED: Final = np.ascontiguousarray(pdq_oracle.DCT_MATRIX.T)
_measure: Final = Native("softfall.media.pdq_exact_kernel", "measure")
_measure_small: Final = Native("softfall.media.pdq_exact_kernel", "measure_small")


def ready() -> None:
    """Load the kernels, or compile them: before a service answers, or a process is confined.

    Wherever this module is loaded, `pdq` takes the kernels.
    """
    _measure.ready()
    _measure_small.ready()


def spectrum(pixels: PixelArray) -> Spectrum:
    """The spectrum of (H, W, 3) uint8 RGB, or (H, W) uint8 grey; bit-identical to the oracle's."""
    height, width = pixels.shape[:2]
    if max(height, width) > MAX_SIDE_PIXELS:
        return pdq_oracle.spectrum(pixels)
    coefficients = np.empty((pdq_oracle.DCT_SIDE, pdq_oracle.DCT_SIDE), np.float32)
    half = np.empty(_SIDE, np.float32)
    if height == width == _SIDE:  # the reference takes such a picture as it is
        small = pdq_oracle.luminance(pixels)
        gradients = _measure_small(small, _TURNED, half, coefficients)
    else:
        small = np.empty((_SIDE, _SIDE), np.float32)
        gradients = _shrink_and_measure(pixels, half, small, coefficients)
    return Spectrum(coefficients.reshape(-1), pdq_oracle.quality_of(gradients), small)


def _shrink_and_measure(
    pixels: PixelArray, half: F32Array, small: F32Array, coefficients: F32Array
) -> int:
    height, width = pixels.shape[:2]
    rows, rest = _rows(pixels)
    wide = max(width, _LANES)
    padded = -(-wide // _LANES) * _LANES
    (along, along_ahead), (down, down_ahead) = window(width), window(height)
    ring_rows = -(-(down + _LANES) // _LANES) * _LANES
    column = (along + padded + along_ahead) * _LANES
    light, means, middle, ring, totals, lanes, sampled, sampled_rows, second, sums = _scratch(
        column, padded * _LANES, column, (ring_rows + 1) * padded, padded,
        _LANES, _SIDE * _LANES, _SIDE * _LANES, (down + 1) * _SIDE, _SIDE,
    )  # fmt: skip
    gradients: int = _measure(
        rows,
        rest,
        *(height, width, wide, along, along_ahead, down, down_ahead),
        *_divisors(width, 0, width),
        *_divisors(height, down_ahead, height + 2 * down_ahead + _LANES),
        *(_points(width), _points(height), _TURNED),
        *(light, means, middle, ring, ring_rows, np.empty(_LANES, np.int64), totals, lanes),
        *(sampled, sampled_rows, second, down + 1, sums),
        *(half, small, coefficients),
    )
    return gradients


def _rows(pixels: PixelArray) -> tuple[PixelArray, PixelArray]:
    """The rows as the kernel reads them, and those behind the last whole sixteen with zeros."""
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[:, :, None], 3, axis=2)  # grey is its own luminance
    height, width = pixels.shape[:2]
    if width < _LANES:
        pixels = np.pad(pixels, ((0, 0), (0, _LANES - width), (0, 0)))
    rows = np.ascontiguousarray(pixels)
    rest = np.zeros((_LANES, *rows.shape[1:]), np.uint8)
    left = height % _LANES
    if left:
        rest[:left] = rows[-left:]
    return rows, rest


def window(side: int) -> tuple[int, int]:
    """The filter's width, and how far it looks ahead of the pixel that it writes."""
    width = pdq_oracle.window(side)
    return width, (width + 2) // 2 - 1


@lru_cache(256)
def _points(side: int) -> npt.NDArray[np.int64]:
    return pdq_oracle.sample_points(side)


@lru_cache(256)
def _divisors(side: int, first: int, length: int) -> tuple[F32Array, F32Array]:
    """How many pixels the filter holds, and 1 over it, for places -first to length - first.

    Fewer near the ends; 1 where there is no pixel.
    """
    width, ahead = window(side)
    edge = np.arange(length) - first + ahead
    held = np.minimum(edge, side - 1) - np.maximum(edge - width, -1)
    inside = (edge >= ahead) & (edge < side + ahead)
    divisors = np.where(inside, held, 1).astype(np.float32)
    return divisors, np.float32(1) / divisors


def _scratch(*lengths: int) -> list[F32Array]:
    """Zeros of these lengths, each at the start of a cache line."""
    starts = np.cumsum([0, *(-(-length // _ALIGNED) * _ALIGNED for length in lengths)])
    whole = np.zeros(int(starts[-1]) + _ALIGNED, np.float32)
    shift = -(whole.ctypes.data // 4) % _ALIGNED
    return [
        whole[shift + start : shift + start + length]
        for start, length in zip(starts.tolist(), lengths, strict=False)
    ]
