"""The luminance of a decoded frame, as it lies in memory, and its PDQ hash.

Guarantees: where a frame holds luminance as a plane of its own (all YUV formats of common video,
8 to 16 bits), nothing is converted and, at 8 bits, nothing copied. Video mostly stores luminance
from 16 to 235; the 64x64 picture that PDQ measures is stretched to the 0 to 255 that vpdq, which
hashes RGB, sees: a linear step, after sums that are linear.
Refuses: nothing; what has no such plane (RGB, palettes) goes through FFmpeg's swscale.
Limits: as stored. A turn that a player applies from the file's metadata is not applied, pixels
are taken as square, and fields of interlaced video stay woven: vpdq does the same. Values outside
16 to 235 keep their place, where a conversion to RGB would clip them.
Source: ITU-R BT.601 and BT.709, the nominal ranges; `fast`.
"""

import re
from dataclasses import dataclass, field
from typing import Any, Final

import av
import numpy as np
import numpy.typing as npt

from softfall.media import fast, pdq_linear, pdq_oracle
from softfall.media.pdq import MIN_SIDE_PIXELS, PdqHash, Unhashable, from_spectrum
from softfall.media.pdq_oracle import PixelArray, Spectrum

BLACK: Final = 16
WHITE: Final = 235
_FULL: Final = 2  # AVCOL_RANGE_JPEG
_LIMITED: Final = 1  # AVCOL_RANGE_MPEG
_PLANAR: Final = re.compile(r"(?:yuva?|yuvj|gray)(?:4\d\dp)?(?P<bits>9|1[0-6])?(?P<order>[lb]e)?")
_SEMI_PLANAR: Final = {"nv12": 8, "nv21": 8, "nv16": 8, "nv24": 8, "p010le": 16, "p016le": 16}


@dataclass(frozen=True, slots=True, eq=False)
class Plane:
    """A frame's luminance: (H, W) uint8, rows perhaps apart.

    limited: whether black is 16 and white 235, rather than 0 and 255.
    """

    pixels: PixelArray = field(repr=False)
    limited: bool = False


def plane_pdq(plane: Plane) -> PdqHash | Unhashable:
    """The PDQ hash of a frame, in `fast` mode, by its luminance. Raises NotPixels."""
    height, width = plane.pixels.shape
    if not plane.limited or min(height, width) < MIN_SIDE_PIXELS:
        return fast.luminance_pdq(plane.pixels)
    measured = fast.spectrum(plane.pixels, pdq_linear.weights(height), pdq_linear.weights(width))
    return from_spectrum(_stretched(measured), "fast")


def plane_of(frame: av.VideoFrame) -> Plane:
    """The luminance of a decoded frame; a view of it wherever that is possible."""
    name = frame.format.name
    bits, big_endian = _layout(name)
    if bits == 0 or frame.planes[0].line_size <= 0:
        grey = frame.reformat(format="gray", dst_color_range="JPEG")
        return Plane(_rows(grey, np.uint8))
    if bits == 8:
        return Plane(_rows(frame, np.uint8), _is_limited(frame))
    deep = _rows(frame, ">u2" if big_endian else "<u2")
    return Plane((deep >> (bits - 8)).astype(np.uint8), _is_limited(frame))


def _layout(name: str) -> tuple[int, bool]:
    """Bits of a luminance sample, 0 where there is no such plane; whether it is big-endian."""
    if name in _SEMI_PLANAR:
        return _SEMI_PLANAR[name], False
    found = _PLANAR.fullmatch(name)
    if found is None:
        return 0, False
    return int(found["bits"] or 8), found["order"] == "be"


def _rows(frame: av.VideoFrame, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    plane = frame.planes[0]
    rows = np.frombuffer(memoryview(plane), np.uint8)[: plane.line_size * plane.height]
    return rows.reshape(plane.height, plane.line_size).view(dtype)[:, : plane.width]


def _is_limited(frame: av.VideoFrame) -> bool:
    if frame.format.name.startswith("yuvj"):
        return False
    if frame.format.name.startswith("gray"):
        return frame.color_range == _LIMITED
    return frame.color_range != _FULL


def _stretched(measured: Spectrum) -> Spectrum:
    gain = np.float32(255 / (WHITE - BLACK))
    small = np.clip((measured.small - np.float32(BLACK)) * gain, 0, 255)
    return Spectrum(measured.coefficients * gain, pdq_oracle.quality(small), small)
