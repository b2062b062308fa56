"""PDQ by numba kernels: what `pdq_oracle` computes, bit for bit, in one pass over the picture.

Guarantees: every float32 sum keeps the reference's order, so the result is bit-identical; nothing
is contracted into fused multiply-adds or reordered. Beside the picture it needs memory for about
1/32 of its pixels and a few rows, because the rows stream through both filters; the second filter
is divided and kept only where the 64x64 picture samples it.
Luminance: 299 r + 587 g + 114 b is a whole number under 2^18, and its float32 quotient by 1000 is
the reference's float64 sum rounded to float32, as no value lies near enough to a rounding border
(the tests try all 16.7 million colours).
Loading this module compiles the kernels once (seconds), then takes them from numba's cache.
Source: see `pdq_oracle`, the oracle that the tests hold against this.
"""

from typing import Any, Final

import numba
import numpy as np
import numpy.typing as npt

from softfall.compiled.jit import kernel
from softfall.media import pdq_oracle
from softfall.media.pdq_oracle import F32Array, PixelArray, Spectrum

_LANES: Final = 8  # rows whose running sums go side by side: a single sum waits for itself
_SIDE: Final = pdq_oracle.SMALL_SIDE
_DCT_SIDE: Final = pdq_oracle.DCT_SIDE

_TYPES: Final[Any] = numba.types  # (their constructors carry no annotations)
I64Array = npt.NDArray[np.int64]
Pair = tuple[int, int]


def spectrum(pixels: PixelArray) -> Spectrum:
    """The spectrum of (H, W, 3) uint8 RGB, or (H, W) uint8 grey; bit-identical to the oracle's."""
    height, width = pixels.shape[:2]
    coefficients = np.zeros((_DCT_SIDE, _DCT_SIDE), np.float32)
    small = np.empty((_SIDE, _SIDE), np.float32)
    quality = _measure(
        np.ascontiguousarray(pixels).reshape(height, -1),
        (_window(width), _window(height)),
        _held(width),
        (pdq_oracle.sample_points(width), pdq_oracle.sample_points(height)),
        pdq_oracle.DCT_MATRIX,
        small,
        coefficients,
    )
    return Spectrum(coefficients.reshape(-1), int(quality), small)


def _window(side: int) -> Pair:
    """The filter's width, and how far it looks ahead of the pixel that it writes."""
    width = pdq_oracle.window(side)
    return width, (width + 2) // 2 - 1


def _held(side: int) -> F32Array:
    """How many pixels the filter holds at each of a row's pixels: fewer near the ends."""
    width, ahead = _window(side)
    edge = np.arange(ahead, side + ahead)
    return (np.minimum(edge, side - 1) - np.maximum(edge - width, -1)).astype(np.float32)


@kernel()
def _luminance(row: PixelArray, light: F32Array) -> None:
    thousand = np.float32(1000)
    for x in range(light.size):
        red, green, blue = np.int32(row[3 * x]), np.int32(row[3 * x + 1]), np.int32(row[3 * x + 2])
        weighed = np.int32(299) * red + np.int32(587) * green + np.int32(114) * blue
        light[x] = np.float32(np.int32(weighed)) / thousand


@kernel()
def _luminances(rows: PixelArray, top: int, light: F32Array) -> None:
    """The luminance of the rows from `top` on, as many as there are and `light` can take."""
    grey = rows.shape[1] == light.shape[1]
    for lane in range(min(light.shape[0], rows.shape[0] - top)):
        if grey:
            for x in range(light.shape[1]):
                light[lane, x] = rows[top + lane, x]
        else:
            _luminance(rows[top + lane], light[lane])


@kernel()
def _sums_between(light: F32Array, width: int, ahead: int, sums: F32Array) -> None:
    """The long middle of a running sum: eight sums in registers, one in and one out each."""
    i0, i1, i2, i3 = light[0], light[1], light[2], light[3]
    i4, i5, i6, i7 = light[4], light[5], light[6], light[7]
    o0, o1, o2, o3 = sums[0], sums[1], sums[2], sums[3]
    o4, o5, o6, o7 = sums[4], sums[5], sums[6], sums[7]
    at = width - 1 - ahead
    t0, t1, t2, t3 = o0[at], o1[at], o2[at], o3[at]
    t4, t5, t6, t7 = o4[at], o5[at], o6[at], o7[at]
    for leaving in range(light.shape[1] - width):
        entering = leaving + width
        at = entering - ahead
        o0[at] = t0 = t0 + i0[entering] - i0[leaving]
        o1[at] = t1 = t1 + i1[entering] - i1[leaving]
        o2[at] = t2 = t2 + i2[entering] - i2[leaving]
        o3[at] = t3 = t3 + i3[entering] - i3[leaving]
        o4[at] = t4 = t4 + i4[entering] - i4[leaving]
        o5[at] = t5 = t5 + i5[entering] - i5[leaving]
        o6[at] = t6 = t6 + i6[entering] - i6[leaving]
        o7[at] = t7 = t7 + i7[entering] - i7[leaving]


@kernel()
def _sums_along(light: F32Array, window: Pair, sums: F32Array) -> None:
    """The filter's running sum along each of eight rows, undivided."""
    (width, ahead), length = window, light.shape[1]
    for lane in range(_LANES):
        total = np.float32(0)
        for x in range(width):
            total += light[lane, x]
            if x >= ahead:
                sums[lane, x - ahead] = total
        sums[lane, width - 1 - ahead] = total
    _sums_between(light, width, ahead, sums)
    for lane in range(_LANES):
        total = sums[lane, length - 1 - ahead]
        for x in range(length - width, length - width + ahead):
            total -= light[lane, x]
            sums[lane, x + width - ahead] = total


@kernel()
def _slide(total: F32Array, ring: F32Array, step: int, length: int, width: int) -> int:
    """Move the filter along the columns by one row; returns how many rows it then holds."""
    if step < length:
        entering = ring[step % ring.shape[0]]
        for x in range(total.size):
            total[x] += entering[x]
    if step >= width:
        leaving = ring[(step - width) % ring.shape[0]]
        for x in range(total.size):
            total[x] -= leaving[x]
    return min(step, length - 1) - max(step - width, -1)


@kernel()
def _sample(
    total: F32Array,
    ring: F32Array,
    step: int,
    length: int,
    window: Pair,
    rows: I64Array,
    small: F32Array,
) -> None:
    """One step of the last filter; its rows are divided only where the small picture has one."""
    width, ahead = window
    held = np.float32(_slide(total, ring, step, length, width))
    for i in range(_SIDE):
        if rows[i] == step - ahead:
            for j in range(_SIDE):
                small[i, j] = total[j] / held


@kernel()
def _means_along(light: F32Array, window: Pair, held: F32Array, top: int, ring: F32Array) -> None:
    """The filtered rows `top` to `top + 7`, in their places of the ring."""
    sums = np.empty(light.shape, np.float32)
    _sums_along(light, window, sums)
    for lane in range(_LANES):
        mean = ring[(top + lane) % ring.shape[0]]
        for x in range(held.size):
            mean[x] = sums[lane, x] / held[x]


@kernel()
def _samples_along(
    light: F32Array, window: Pair, held: F32Array, points: I64Array, top: int, ring: F32Array
) -> None:
    """Like `_means_along`, but only at the pixels that the small picture samples."""
    sums = np.empty(light.shape, np.float32)
    _sums_along(light, window, sums)
    for lane in range(_LANES):
        mean = ring[(top + lane) % ring.shape[0]]
        for j in range(_SIDE):
            mean[j] = sums[lane, points[j]] / held[points[j]]


@kernel()
def _shrink(
    rows: PixelArray,
    windows: tuple[Pair, Pair],
    held_along: F32Array,
    points: tuple[I64Array, I64Array],
    small: F32Array,
) -> None:
    """Rows in, eight at a time; both filters along rows and columns; (64, 64) out."""
    height, length = rows.shape[0], held_along.size
    along, down = windows
    width, ahead = down
    light = np.zeros((_LANES, length), np.float32)
    middle = np.zeros((_LANES, length), np.float32)
    first = np.empty((width + _LANES, length), np.float32)
    second = np.empty((width + _LANES, _SIDE), np.float32)
    first_total, second_total = np.zeros(length, np.float32), np.zeros(_SIDE, np.float32)
    for step in range(height + ahead):
        if step % _LANES == 0 and step < height:
            _luminances(rows, step, light)
            _means_along(light, along, held_along, step, first)
        held = np.float32(_slide(first_total, first, step, height, width))
        y = step - ahead
        if y < 0:
            continue
        for x in range(length):
            middle[y % _LANES, x] = first_total[x] / held
        if y % _LANES == _LANES - 1 or y == height - 1:
            top = y - y % _LANES
            _samples_along(middle, along, held_along, points[0], top, second)
            for z in range(top, y + 1):
                _sample(second_total, second, z, height, down, points[1], small)
    for step in range(height, height + ahead):
        _sample(second_total, second, step, height, down, points[1], small)


@kernel()
def _quality(small: F32Array) -> int:
    gradients = 0
    hundred, full = np.float32(100), np.float32(255)
    for i in range(_SIDE):
        for j in range(_SIDE):
            if i + 1 < _SIDE:
                gradients += int(abs(np.int32((small[i, j] - small[i + 1, j]) * hundred / full)))
            if j + 1 < _SIDE:
                gradients += int(abs(np.int32((small[i, j] - small[i, j + 1]) * hundred / full)))
    return min(gradients // 90, 100)


@kernel()
def _dct(small: F32Array, matrix: F32Array, coefficients: F32Array) -> None:
    half = np.zeros((_DCT_SIDE, _SIDE), np.float32)
    for i in range(_DCT_SIDE):
        for k in range(_SIDE):
            weight = matrix[i, k]
            for j in range(_SIDE):
                half[i, j] += weight * small[k, j]
    for i in range(_DCT_SIDE):
        for j in range(_DCT_SIDE):
            total = np.float32(0)
            for k in range(_SIDE):
                total += half[i, k] * matrix[j, k]
            coefficients[i, j] = total


_POINTS: Final = _TYPES.Array(_TYPES.int64, 1, "C")
_PLANE: Final = _TYPES.Array(_TYPES.float32, 2, "C")
_PAIR: Final = _TYPES.Tuple((_TYPES.int64, _TYPES.int64))


@kernel(
    _TYPES.int64(
        _TYPES.Array(_TYPES.uint8, 2, "C", readonly=True),
        _TYPES.Tuple((_PAIR, _PAIR)),
        _TYPES.Array(_TYPES.float32, 1, "C"),
        _TYPES.Tuple((_POINTS, _POINTS)),
        _PLANE,
        _PLANE,
        _PLANE,
    )
)
def _measure(
    rows: PixelArray,
    windows: tuple[Pair, Pair],
    held_along: F32Array,
    points: tuple[I64Array, I64Array],
    matrix: F32Array,
    small: F32Array,
    coefficients: F32Array,
) -> int:
    """The whole way: fills `small` and `coefficients`, and returns the quality."""
    if rows.shape[0] == _SIDE and held_along.size == _SIDE:
        _luminances(rows, 0, small)  # the reference takes a 64x64 picture as it is
    else:
        _shrink(rows, windows, held_along, points, small)
    _dct(small, matrix, coefficients)
    quality: int = _quality(small)
    return quality
