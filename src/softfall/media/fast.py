"""PDQ in `fast` mode: from a picture's luminance, by the linear form.

Guarantees: on every picture of the published experiment the hash lies within 8 bits of the exact
one, and the quality within 2; every answer says `fast`. On a grey picture, which is its own
luminance, only rounding differs: a bit or two, rarely.
Refuses: arrays that are not pixels, as NotPixels.
Limits: a JPEG's luminance is not that of its RGB pixels where colours had to be clipped, and its
picture at a part of its size is not an exact mean. So hashes of this mode are for looking pictures
up; lists, and devices that check each other's hashes, take `exact`.
Source: `pdq_linear`.
"""

from typing import Final

import numpy as np

from softfall.compiled.native import Native
from softfall.media import pdq_linear, pdq_oracle
from softfall.media.pdq import (
    MIN_SIDE_PIXELS,
    NotPixels,
    PdqHash,
    Unhashable,
    check_pixels,
    from_spectrum,
)
from softfall.media.pdq_oracle import PixelArray, Spectrum

MAX_DISTANCE_BITS: Final = 8  # between a picture's two hashes, on every picture that was tried
MAX_QUALITY_DISTANCE: Final = 2

_TURNED: Final = np.ascontiguousarray(pdq_oracle.DCT_MATRIX.T)
_measure: Final = Native("softfall.media.pdq_linear_kernel", "measure")


def luminance_pdq(plane: PixelArray) -> PdqHash | Unhashable:
    """The hash of a full-size (H, W) uint8 luminance plane, as of a video's frame.

    Rows may lie apart, as decoders leave them; within a row the pixels are neighbours.
    "tiny", "flat" and "low quality" as in `pdq`. Raises NotPixels.
    """
    check_pixels(plane)
    if plane.ndim != 2:
        raise NotPixels("luminance is one plane of shape (height, width)")
    return scaled_pdq(plane, plane.shape[1], plane.shape[0], 1)


def scaled_pdq(plane: PixelArray, width: int, height: int, scale: int) -> PdqHash | Unhashable:
    """The hash of a `width` by `height` picture by its luminance at 1/`scale` of its size.

    plane: (ceil(height / scale), ceil(width / scale)) uint8; scale: 1, 2, 4 or 8.
    """
    if min(width, height) < MIN_SIDE_PIXELS:
        return Unhashable("tiny", 0, "fast")
    down, along = pdq_linear.weights(height, scale), pdq_linear.weights(width, scale)
    return from_spectrum(spectrum(plane, down, along), "fast")


def spectrum(plane: PixelArray, down: pdq_linear.Weights, along: pdq_linear.Weights) -> Spectrum:
    """What PDQ measures of a (down.length, along.length) uint8 plane, by the kernel."""
    if plane.strides[1] != 1 or plane.strides[0] < plane.shape[1]:
        plane = np.ascontiguousarray(plane)
    small = np.empty((pdq_oracle.SMALL_SIDE, pdq_oracle.SMALL_SIDE), np.float32)
    coefficients = np.empty((pdq_oracle.DCT_SIDE, pdq_oracle.DCT_SIDE), np.float32)
    gradients = _measure(
        plane[0],  # the kernel goes on from row to row by itself
        plane.strides[0],
        along.length,
        *(down.starts, down.lengths, down.weights, down.weights.shape[1]),
        *(along.starts, along.lengths, along.weights, along.weights.shape[1]),
        _TURNED,
        np.empty(along.length, np.float32),
        np.empty(pdq_oracle.SMALL_SIDE, np.float32),
        small,
        coefficients,
    )
    return Spectrum(coefficients.reshape(-1), pdq_oracle.quality_of(gradients), small)
