"""A photograph's bytes to its PDQ hash, in both modes, and its pixels to its PDQ hash.

Peers: `threatexchange`, whose pipeline (Pillow, then pdqhash) platforms run today; `pdqhash` itself
on pixels that are already there; and, for `fast`, libjpeg-turbo by `simplejpeg`, which only decodes
the same luminance at the same part of its size, and hashes nothing. The photographs are those in
scikit-image, scaled to size; both sides get the same bytes. `exact` must give the peer's hash and
quality, `fast` one within its promise.
"""

import importlib.util
import io
from functools import partial
from pathlib import Path
from typing import Any, get_args

import numpy as np
import numpy.typing as npt
import pdqhash
import simplejpeg
from PIL import Image
from threatexchange.signal_type.pdq.pdq_hasher import pdq_from_bytes

from bench.rows import Row, compare
from softfall.config import MediaLimits
from softfall.media import pdq_kernels
from softfall.media.decode import decode_luminance
from softfall.media.fast import MAX_DISTANCE_BITS, MAX_QUALITY_DISTANCE
from softfall.media.hashing import LEAST_SIDE_PIXELS, hash_picture
from softfall.media.pdq import Mode, PdqHash, pdq

Pixels = npt.NDArray[np.uint8]
SIZES = {"0.3 MP": (640, 480), "2 MP": (1632, 1224), "12 MP": (4000, 3000)}
LIMITS = MediaLimits()
Hashed = tuple[str, int]


def rows() -> list[Row]:
    pdq_kernels.ready()  # as in any process that hashes for long
    return [
        *(_from_jpeg(name, mode) for mode in get_args(Mode) for name in SIZES),
        *map(_from_pixels, SIZES),
        *map(_beside_decoding, SIZES),
    ]


def _from_jpeg(name: str, mode: Mode) -> Row:
    data = photograph(*SIZES[name])
    return compare(
        f"JPEG bytes to PDQ, {mode}, {name}",
        peer="threatexchange",
        ours=partial(_hash_file, data, mode),
        theirs=partial(pdq_from_bytes, data),
        **_CHECKS[mode],
    )


def _from_pixels(name: str) -> Row:
    pixels = np.array(_photograph(*SIZES[name]))
    return compare(
        f"pixels to PDQ, {name}",
        peer="pdqhash",
        ours=partial(_hash_pixels, pixels),
        theirs=partial(_hash_pixels_by_pdqhash, pixels),
        **_CHECKS["exact"],
    )


def _beside_decoding(name: str) -> Row:
    data = photograph(*SIZES[name])
    light = decode_luminance(data, LIMITS, LEAST_SIDE_PIXELS)
    assert light is not None
    height, width = light.plane.shape
    return compare(
        f"JPEG bytes to PDQ, fast, beside decoding luminance alone, {name}",
        peer="simplejpeg",
        ours=partial(_hash_file, data, "fast"),
        theirs=partial(simplejpeg.decode_jpeg, data, "GRAY", min_height=height, min_width=width),
        same=_CHECKS["fast"]["same"],
        differ=lambda our, _plane: _is_near(our, pdq_from_bytes(data)),
    )


def _hash_file(data: bytes, mode: Mode) -> Hashed:
    found = hash_picture(data, LIMITS, mode).found
    assert isinstance(found, PdqHash)
    assert found.mode == mode
    return found.hex, found.quality


def _hash_pixels(pixels: Pixels) -> Hashed:
    found = pdq(pixels)
    assert isinstance(found, PdqHash)
    return found.hex, found.quality


def _hash_pixels_by_pdqhash(pixels: Pixels) -> Hashed:
    bits, quality = pdqhash.compute(pixels)
    return np.packbits(bits.astype(np.uint8)).tobytes().hex(), quality


def _apart(our: Hashed, their: Hashed) -> tuple[int, int]:
    """Bits and quality between two hashes."""
    return (int(our[0], 16) ^ int(their[0], 16)).bit_count(), abs(our[1] - their[1])


def _is_same(our: Hashed, their: Hashed) -> str:
    return "" if our == their else f"{our} is not {their}"


def _is_near(our: Hashed, their: Hashed) -> str:
    bits, quality = _apart(our, their)
    near = bits <= MAX_DISTANCE_BITS and quality <= MAX_QUALITY_DISTANCE
    return "" if near else f"{bits} bits and {quality} of quality apart"


_CHECKS: dict[Mode, Any] = {
    "exact": {"same": "same hash and quality", "differ": _is_same},
    "fast": {
        "same": f"within {MAX_DISTANCE_BITS} bits, quality within {MAX_QUALITY_DISTANCE}",
        "differ": _is_near,
    },
}


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
