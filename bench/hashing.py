"""A photograph's bytes to its PDQ hash, and its pixels to its PDQ hash.

Peers: `threatexchange`, whose pipeline (Pillow, then pdqhash) platforms run today, and `pdqhash`
itself on pixels that are already there. The photographs are those in scikit-image, scaled to size;
both sides get the same bytes, and must give the same hash and quality.
"""

import importlib.util
import io
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pdqhash
from PIL import Image
from threatexchange.signal_type.pdq.pdq_hasher import pdq_from_bytes

from bench.rows import Row, compare
from softfall.config import MediaLimits
from softfall.media import pdq_kernels  # noqa: F401 # loaded as in any process that hashes for long
from softfall.media.decode import decode
from softfall.media.pdq import PdqHash, pdq

SIZES = {"0.3 MP": (640, 480), "2 MP": (1632, 1224), "12 MP": (4000, 3000)}
Hashed = tuple[str, int]


def rows() -> list[Row]:
    return [make(size, *SIZES[size]) for make in (_from_jpeg, _from_pixels) for size in SIZES]


def _from_jpeg(name: str, width: int, height: int) -> Row:
    data = photograph(width, height)
    return _row(
        f"JPEG bytes to PDQ, {name}",
        "threatexchange",
        partial(_hash_file, data, MediaLimits()),
        partial(pdq_from_bytes, data),
    )


def _from_pixels(name: str, width: int, height: int) -> Row:
    pixels = np.array(_photograph(width, height))
    return _row(
        f"pixels to PDQ, {name}",
        "pdqhash",
        partial(_hash_pixels, pixels),
        partial(_hash_pixels_by_pdqhash, pixels),
    )


def _row(work: str, peer: str, ours: Callable[[], Hashed], theirs: Callable[[], Hashed]) -> Row:
    return compare(
        work,
        peer=peer,
        ours=ours,
        theirs=theirs,
        same="same hash and quality",
        differ=lambda our, their: "" if our == their else f"{our} is not {their}",
    )


def _hash_file(data: bytes, limits: MediaLimits) -> Hashed:
    return _hash_pixels(decode(data, limits).pixels)


def _hash_pixels(pixels: npt.NDArray[np.uint8]) -> Hashed:
    found = pdq(pixels)
    assert isinstance(found, PdqHash)
    return found.hex, found.quality


def _hash_pixels_by_pdqhash(pixels: npt.NDArray[np.uint8]) -> Hashed:
    bits, quality = pdqhash.compute(pixels)
    return np.packbits(bits.astype(np.uint8)).tobytes().hex(), quality


def photograph(width: int, height: int) -> bytes:
    """A photograph of this size, as a JPEG."""
    stream = io.BytesIO()
    _photograph(width, height).save(stream, "JPEG", quality=90)
    return stream.getvalue()


def _photograph(width: int, height: int) -> Image.Image:
    spec = importlib.util.find_spec("skimage")
    assert spec is not None
    assert spec.origin is not None
    with Image.open(Path(spec.origin).parent / "data" / "coffee.png") as image:
        return image.convert("RGB").resize((width, height), Image.Resampling.LANCZOS)
