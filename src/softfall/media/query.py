"""What to ask a list about one picture: its hash as it is, and without its borders if it has any.

Guarantees: the whole picture's hash always comes first, bit for bit that of `hash_picture`, so
nothing that plain PDQ finds is lost; a second hash is there only where `content_box` finds a
border. Two questions at most, whatever the picture.
Why both: a border is told by looking, and looking errs. A picture of a white table seems to have
one. Asked for both ways it is found whether the list holds it with the white or without.
Refuses: what `decode` refuses, by the same names.
Limits: each question is one more chance for an unrelated entry to lie within the radius; the
experiment on robustness (docs/experiments/robustness.md) counts them.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from softfall.config import MediaLimits
from softfall.media.borders import content_box, whole_box
from softfall.media.decode import Luminance, decode
from softfall.media.fast import scaled_pdq
from softfall.media.hashing import by_luminance
from softfall.media.pdq import Mode, PdqHash, Unhashable, pdq
from softfall.media.pdq_oracle import PixelArray

Seen = Literal["whole", "stripped"]


@dataclass(frozen=True, slots=True)
class QueryHash:
    """One question: the hash of the picture as it is ("whole") or without borders ("stripped")."""

    view: Seen
    found: PdqHash | Unhashable


@dataclass(frozen=True, slots=True)
class PictureQueries:
    """What a picture file is, and the questions to ask of it: the whole one first, always.

    Sides are in pixels, of the whole picture. `hashes` has one item, or two.
    """

    format: str
    width: int
    height: int
    hashes: tuple[QueryHash, ...]


def query_hashes(data: bytes, limits: MediaLimits, mode: Mode = "exact") -> PictureQueries:
    """The questions to ask of a picture file's bytes. Raises what `hash_picture` raises."""
    if mode == "fast":
        fast = by_luminance(data, limits)
        if fast is not None:
            light, found = fast
            return PictureQueries("jpeg", light.width, light.height, _of_luminance(light, found))
    picture = decode(data, limits)
    hashes = pixels_hashes(picture.pixels)
    return PictureQueries(picture.format, picture.width, picture.height, hashes)


def pixels_hashes(pixels: PixelArray) -> tuple[QueryHash, ...]:
    """The exact questions to ask of full-size pixels: (H, W, 3) uint8 RGB or (H, W) grey.

    Raises NotPixels.
    """
    whole = QueryHash("whole", pdq(pixels))
    box = content_box(pixels)
    if box == whole_box(pixels):
        return (whole,)
    return (whole, QueryHash("stripped", pdq(np.ascontiguousarray(box.cut(pixels)))))


def _of_luminance(light: Luminance, found: PdqHash | Unhashable) -> tuple[QueryHash, ...]:
    scale = light.scale
    whole = QueryHash("whole", found)
    box = content_box(light.plane)
    if box == whole_box(light.plane):
        return (whole,)
    inner = np.ascontiguousarray(box.cut(light.plane))
    width = min(inner.shape[1] * scale, light.width - box.left * scale)
    height = min(inner.shape[0] * scale, light.height - box.top * scale)
    return (whole, QueryHash("stripped", scaled_pdq(inner, width, height, scale)))
