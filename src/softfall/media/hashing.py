"""A picture file's bytes to its PDQ hash, in either mode.

Guarantees: the answer names the mode by which the hash was taken. `exact` is python `pdqhash` of
the full-size RGB pixels, bit for bit. `fast` reads only a JPEG's luminance, at a 1/2, 1/4 or 1/8 of
its size where the short side stays 256 pixels or more; where that would not do, the answer is the
exact one, and says so.
Refuses: what `decode` refuses, by the same names, in both modes.
Source: `pdq`, `fast`, `decode`.
"""

from dataclasses import dataclass
from typing import Final

from softfall.config import MediaLimits
from softfall.media.decode import decode, decode_luminance
from softfall.media.fast import pixels_pdq, scaled_pdq
from softfall.media.pdq import Mode, PdqHash, Unhashable, pdq

LEAST_SIDE_PIXELS: Final = 256


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
    if mode == "fast":
        light = decode_luminance(data, limits, LEAST_SIDE_PIXELS)
        if light is not None:
            found = scaled_pdq(light.plane, light.width, light.height, light.scale)
            return PictureHash("jpeg", light.width, light.height, found)
    picture = decode(data, limits)
    found = pixels_pdq(picture.pixels) if mode == "fast" else pdq(picture.pixels)
    return PictureHash(picture.format, picture.width, picture.height, found)
