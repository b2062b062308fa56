"""A picture file's bytes to its PDQ hash, in either mode.

Guarantees: the answer names the mode by which the hash was taken. `exact` is python `pdqhash` of
the full-size RGB pixels, bit for bit. `fast` reads only a JPEG's luminance, at a 1/2, 1/4 or 1/8 of
its size where the short side stays 256 pixels or more. That a picture has no hash is always the
exact mode's own answer. Hashed exactly in either mode, and the answer says so: other formats
(opening them is the work), small pictures, JPEGs without a luminance of their own (CMYK), damage
that `exact` forgives, and pictures that luminance alone does not settle: those of low quality, and
those of which many bits lie at the median.
Refuses: what `decode` refuses, by the same names, in both modes.
Source: `pdq`, `fast`, `decode`.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from softfall.config import MediaLimits
from softfall.media.decode import Luminance, decode, decode_luminance
from softfall.media.fast import scaled_pdq
from softfall.media.pdq import Mode, PdqHash, Unhashable, pdq

LEAST_SIDE_PIXELS: Final = 256  # of a JPEG that is decoded at a part of its size
FAST_SIDE_PIXELS: Final = 128  # smaller pictures cost nothing, and differ by more bits
SURE_QUALITY: Final = 95  # from here on every hash is dependable by either mode's quality
MOST_BITS_IN_DOUBT: Final = 16
DOUBT_MARGIN: Final = 1.0  # in units of the DCT's coefficients


@dataclass(frozen=True, slots=True)
class PictureHash:
    """What a picture file is, and its hash, or why there is none. Sides are in pixels, full size.

    format: "jpeg", "png", "webp", "gif", "heic" or "avif". `found.mode` is how it was hashed.
    """

    format: str
    width: int
    height: int
    found: PdqHash | Unhashable


def hash_picture(data: bytes, limits: MediaLimits, mode: Mode = "exact") -> PictureHash:
    """The hash of a picture file's bytes.

    Raises EmptyPicture, UnsupportedPicture or BrokenPicture (the file's fault), or TooManyBytes,
    TooManyPixels or TooManyScans (a limit of `limits`, checked before anything is expanded).
    """
    fast = by_luminance(data, limits) if mode == "fast" else None
    if fast is not None:
        light, found = fast
        return PictureHash("jpeg", light.width, light.height, found)
    picture = decode(data, limits)
    return PictureHash(picture.format, picture.width, picture.height, pdq(picture.pixels))


def by_luminance(data: bytes, limits: MediaLimits) -> tuple[Luminance, PdqHash | Unhashable] | None:
    """A picture's luminance and its `fast` hash; None where `fast` takes the exact hash.

    Raises what `hash_picture` raises.
    """
    light = decode_luminance(data, limits, LEAST_SIDE_PIXELS)
    if light is None or min(light.width, light.height) < FAST_SIDE_PIXELS:
        return None
    found = scaled_pdq(light.plane, light.width, light.height, light.scale)
    return None if _is_in_doubt(found) else (light, found)


def _is_in_doubt(found: PdqHash | Unhashable) -> bool:
    """Whether the exact answer may be none, or further from this one than `fast` promises."""
    if isinstance(found, Unhashable) or found.quality < SURE_QUALITY:
        return True
    return int(np.count_nonzero(found.margins < DOUBT_MARGIN)) > MOST_BITS_IN_DOUBT
