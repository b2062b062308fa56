"""Harmless photographs, small, as files; and what a device would see in them."""

import io

import numpy as np
from PIL import Image

from softfall.config import MediaLimits
from softfall.media.decode import decode
from softfall.media.pdq import PdqHash, pdq
from tests.media.photographs import photograph


def jpeg(name: str, side: int = 160, quality: int = 85) -> bytes:
    """One of the wheels' photographs, at most `side` pixels wide and high."""
    image = Image.fromarray(photograph(name))
    image.thumbnail((side, side))
    return as_file(np.asarray(image), "JPEG", quality=quality)


def as_file(pixels, kind: str, **how) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **how)
    return file.getvalue()


def hash_of(data: bytes) -> PdqHash:
    found = pdq(decode(data, MediaLimits()).pixels)
    assert isinstance(found, PdqHash)
    return found


CHINA, FLOWER, ASTRONAUT = "china.jpg", "flower.jpg", "astronaut.png"
FLAT = as_file(np.full((64, 64, 3), 128, np.uint8), "PNG")
