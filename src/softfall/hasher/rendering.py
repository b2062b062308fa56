"""One picture in, one `rendered` message out: a region of it, small, grey, muted and blurred.

Guarantees: nothing of the picture is read before the process is confined (sandbox.py), as for a
hash; what leaves is at most `SIDE_PIXELS` a side, without colour or metadata, blurred in
proportion to it (so that nothing finer than the blur is in it), in half the contrast.
Refuses: files over the limits, and whatever media/decode.py refuses, with its reason in the answer.
Only an animation's first frame is shown; the answer says that there are more.
"""

import io
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from PIL import Image, ImageFilter
from PIL.AvifImagePlugin import AvifImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile
from pillow_heif import HeifImageFile

from softfall.config import MediaLimits
from softfall.errors import SoftfallError
from softfall.hasher.main import read_picture, write_answer
from softfall.hasher.sandbox import Bounds, lock_down
from softfall.media.decode import decode
from softfall.media.pdq_oracle import PixelArray
from softfall.media.rendered import (
    BLURS_PIXELS,
    GRID,
    SIDE_PIXELS,
    WHOLE,
    NotRendered,
    Rendered,
    encode,
)

_MIDDLE_GREY: Final = 128
Image.preinit()  # saving would look for plug-ins, which a confined process can't load
_MOVING: Final[dict[str, Callable[[io.BytesIO], Image.Image]]] = {
    "gif": GifImageFile,
    "png": PngImageFile,
    "webp": WebPImageFile,
    "avif": AvifImageFile,
    "heic": HeifImageFile,
}


def main(arguments: Sequence[str]) -> int:
    """arguments: as for a hash, then the region (0 to 8, or 9 for all of it) and the blur's step.

    Returns the exit status: 0 once the answer is written, whatever it says.
    """
    file_bytes, pixels, memory_bytes, cpu_seconds, region, blur = map(int, arguments)
    limits = MediaLimits(max_file_bytes=file_bytes, max_pixels=pixels)
    answer: Rendered | NotRendered
    try:
        lock_down(Bounds(memory_bytes, cpu_seconds))
        data = read_picture(file_bytes)
        picture = decode(data, limits)
        answer = Rendered(render(picture.pixels, region, blur), _has_more(data, picture.format))
    except SoftfallError as error:
        answer = NotRendered(f"{error.name}: {error.what}")
    except MemoryError:
        answer = NotRendered("the picture does not fit in the hasher's memory")
    write_answer(encode(answer))
    return 0


def render(pixels: PixelArray, region: int, blur: int) -> bytes:
    """A PNG of 8-bit grey. pixels: (H, W, 3) uint8 RGB; region, blur: as `main` takes them."""
    height, width = pixels.shape[:2]
    top, bottom = _span(height, region // GRID) if region != WHOLE else (0, height)
    left, right = _span(width, region % GRID) if region != WHOLE else (0, width)
    tile = Image.fromarray(np.ascontiguousarray(pixels[top:bottom, left:right])).convert("L")
    tile.thumbnail((SIDE_PIXELS, SIDE_PIXELS), Image.Resampling.BOX)
    radius = BLURS_PIXELS[blur] * max(tile.size) / SIDE_PIXELS
    tile = tile.filter(ImageFilter.GaussianBlur(radius))
    muted = tile.point([(level + _MIDDLE_GREY) // 2 for level in range(256)])
    file = io.BytesIO()
    muted.save(file, "PNG")
    return file.getvalue()


def _span(length: int, third: int) -> tuple[int, int]:
    """Where a third of a side begins and ends: the thirds cover it, and none is empty."""
    start = min(length * third // GRID, length - 1)
    return start, max(start + 1, length * (third + 1) // GRID)


def _has_more(data: bytes, kind: str) -> bool:
    """Whether the file holds frames beside the first; True where it can't be told."""
    if kind not in _MOVING:
        return False  # a JPEG file
    try:
        return bool(getattr(_MOVING[kind](io.BytesIO(data)), "is_animated", False))
    except Exception:  # parsers of hostile bytes throw anything
        return True
