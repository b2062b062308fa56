"""Opens a picture file of any supported format as plain RGB pixels, within limits.

Guarantees: the format is told by content, never by name; bytes, pixels and JPEG scans are checked
from the header before anything is expanded; whatever a parser throws comes out as a named error.
Refuses: empty, unsupported and broken files (`headers`), files over the limits, and JPEG and PNG
files that are too short to hold the picture that their header claims.

What the pixels are:
- As stored. An EXIF orientation is not applied, because the reference hashes that lists are made
  of were taken so. HEIC and AVIF turn and mirror by their own boxes (irot, imir), which are part
  of the picture: these are applied.
- Transparent pictures are laid on white, as a viewer shows them; hidden colours play no part.
- 16-bit samples keep their high byte; a single transparent colour of theirs is not honoured.
- Grey is repeated into R, G and B; palettes are looked up.
- CMYK is converted by Pillow's plain formula. Colour profiles are ignored, as the reference does.
- Of an animation, the first frame. Metadata is never read.

Limits: a picture within `max_pixels` may take up to 22 bytes a pixel while it is opened (WebP). An
AVIF frame that is larger than its container says is bounded by libavif alone (16384x16384), before
it is scaled to what was said. A memory fault in a parser ends this process. So strangers' files
belong in a sandbox.
"""

import io
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, TypeVar

import numpy as np
import pillow_heif
import simplejpeg
from PIL import Image, ImageOps
from PIL.AvifImagePlugin import AvifImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from softfall.config import MediaLimits
from softfall.errors import RefusedError, SoftfallError
from softfall.media.headers import BrokenPicture, Header, read_header
from softfall.media.pdq_oracle import PixelArray

MAX_JPEG_SCANS: Final = 100
_SCANNED_PER_PIXEL: Final = 16  # scans times pixels may be this many times max_pixels
_JPEG_SCALES: Final = (1, 2, 4, 8)
_PNG_KEPT: Final = (b"IHDR", b"PLTE", b"tRNS", b"IDAT")
_REASON_CHARACTERS: Final = 160
_JPEG_HARMLESS: Final = ("extraneous bytes before marker", "Invalid SOS parameters")

_Opened = TypeVar("_Opened")


class TooManyBytes(RefusedError):
    """A file over `media.max_file_bytes`."""

    remedy = "Send a smaller file, or raise media.max_file_bytes."


class TooManyPixels(RefusedError):
    """A picture over `media.max_pixels`; it was not expanded."""

    remedy = "Scale the picture down, or raise media.max_pixels."


class TooManyScans(RefusedError):
    """A JPEG that repaints itself so often that opening it is an attack."""

    remedy = "Save the picture again as an ordinary JPEG."


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """An opened picture: (H, W, 3) uint8 RGB, and "jpeg", "png", "webp", "gif", "heic", "avif"."""

    pixels: PixelArray = field(repr=False)
    format: str

    @property
    def width(self) -> int:
        """In pixels."""
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        """In pixels."""
        return int(self.pixels.shape[0])


@dataclass(frozen=True, slots=True, eq=False)
class Luminance:
    """A JPEG's luminance, perhaps at a part of its size.

    plane: (ceil(height / scale), ceil(width / scale)) uint8; width and height are the picture's,
    scale is 1, 2, 4 or 8.
    """

    plane: PixelArray = field(repr=False)
    width: int
    height: int
    scale: int


def decode(data: bytes, limits: MediaLimits) -> Picture:
    """The picture in a file's bytes.

    Raises EmptyPicture, UnsupportedPicture or BrokenPicture (the file's fault), or TooManyBytes,
    TooManyPixels or TooManyScans (a limit of `limits`, checked before anything is expanded).
    """
    header = _checked_header(data, limits)
    opener = _OPENERS[header.format]
    return Picture(_opened(header.format, lambda: opener(data, limits)), header.format)


def decode_luminance(data: bytes, limits: MediaLimits, least_side: int) -> Luminance | None:
    """A JPEG's luminance alone, as small as its short side stays `least_side` pixels or more.

    None for what has no luminance of its own: other formats, CMYK, and the damage that `decode`
    forgives. Raises what `decode` raises.
    """
    header = _checked_header(data, limits)
    if header.format != "jpeg":
        return None
    return _opened("jpeg", lambda: _open_luminance(data, limits, least_side))


def _checked_header(data: bytes, limits: MediaLimits) -> Header:
    check_size(len(data), limits)
    header = read_header(data)
    _check_pixels(header.width, header.height, limits)
    _check_scans(header, limits)
    _check_length(len(data), header)
    return header


def _opened(name: str, opening: Callable[[], _Opened]) -> _Opened:
    """What a parser makes of a file; whatever it throws, by a name of ours."""
    try:
        return opening()
    except SoftfallError:
        raise
    except (MemoryError, Image.DecompressionBombError):
        raise TooManyPixels("the picture does not fit in memory") from None
    except Exception as error:  # parsers of hostile bytes throw anything
        reason = " ".join(str(error).split())[:_REASON_CHARACTERS] or type(error).__name__
        raise BrokenPicture(f"the {name} picture can't be opened: {reason}") from None


def check_size(size_bytes: int, limits: MediaLimits) -> None:
    """Raises TooManyBytes if a file of this size is over the limit."""
    if size_bytes > limits.max_file_bytes:
        raise TooManyBytes(f"the file is over {limits.max_file_bytes} bytes")


def _check_pixels(width: int, height: int, limits: MediaLimits) -> None:
    if width * height > limits.max_pixels:
        raise TooManyPixels(f"{width}x{height} is over {limits.max_pixels} pixels")


def _check_scans(header: Header, limits: MediaLimits) -> None:
    painted = header.scans * header.pixels
    if header.scans > MAX_JPEG_SCANS or painted > _SCANNED_PER_PIXEL * limits.max_pixels:
        raise TooManyScans(f"the JPEG paints its picture {header.scans} times")


def _check_length(size_bytes: int, header: Header) -> None:
    if size_bytes < header.least_bytes:
        raise BrokenPicture(f"the {header.format} file is too short for the size that it claims")


def _open_jpeg(data: bytes, limits: MediaLimits) -> PixelArray:
    height, width, colours, _ = simplejpeg.decode_jpeg_header(data, strict=False)
    _check_pixels(int(width), int(height), limits)
    if colours in ("CMYK", "YCCK"):
        return _open_pillow(JpegImageFile, data, limits)
    try:
        return np.asarray(simplejpeg.decode_jpeg(data, "RGB"))
    except ValueError as error:
        if not _is_harmless(error):
            raise
        # Every viewer opens these; Pillow, which goes on, still refuses one that is cut short.
        return _open_pillow(JpegImageFile, data, limits)


def _open_luminance(data: bytes, limits: MediaLimits, least_side: int) -> Luminance | None:
    height, width, colours, _ = simplejpeg.decode_jpeg_header(data, strict=False)
    _check_pixels(int(width), int(height), limits)
    if colours in ("CMYK", "YCCK"):
        return None
    short = min(width, height)
    scale = max(scale for scale in _JPEG_SCALES if scale == 1 or -(-short // scale) >= least_side)
    try:
        plane = simplejpeg.decode_jpeg(
            data, "GRAY", min_height=-(-height // scale), min_width=-(-width // scale)
        )
    except ValueError as error:
        if not _is_harmless(error):
            raise
        return None
    return Luminance(np.asarray(plane)[:, :, 0], int(width), int(height), scale)


def _is_harmless(error: ValueError) -> bool:
    return any(harmless in str(error) for harmless in _JPEG_HARMLESS)


def _open_png(data: bytes, limits: MediaLimits) -> PixelArray:
    return _open_pillow(PngImageFile, _picture_chunks(data), limits)


def _picture_chunks(data: bytes) -> bytes:
    """The PNG without metadata, so that no profile or text is ever inflated."""
    kept, wanted = [data[:8]], set(_PNG_KEPT)
    for name, chunk in _png_chunks(data):
        if name in wanted:
            kept.append(chunk)
        if name != b"IDAT":
            wanted.discard(name)  # a second header or palette would contradict the first
    picture = b"".join([*kept, b"\0\0\0\0IEND\xaeB`\x82"])
    _check_length(len(picture), read_header(picture))  # metadata must not make up the length
    return picture


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    position = 8
    while True:
        if position + 12 > len(data):
            raise BrokenPicture("the PNG file is cut short")
        length, name = struct.unpack_from(">I4s", data, position)
        if name == b"IEND":
            return
        end = position + 12 + length
        yield name, data[position:end]
        position = end


def _open_heic(data: bytes, limits: MediaLimits) -> PixelArray:
    picture = pillow_heif.open_heif(data, convert_hdr_to_8bit=True)
    width, height = picture.size
    _check_pixels(width, height, limits)
    return _to_rgb(picture.to_pillow())


def _open_avif(data: bytes, limits: MediaLimits) -> PixelArray:
    # Pillow hands the turn and mirror boxes of AVIF over as an orientation.
    return _open_pillow(AvifImageFile, data, limits, ImageOps.exif_transpose)


def _open_pillow(
    plugin: type[Image.Image],
    data: bytes,
    limits: MediaLimits,
    turn: Callable[[Image.Image], Image.Image] = lambda image: image,
) -> PixelArray:
    # Not Image.open: it would guess among formats, and its own pixel limit is the process's.
    image = plugin(io.BytesIO(data))  # type: ignore[call-arg]  # every plugin takes a stream
    _check_pixels(image.width, image.height, limits)
    image.load()
    return _to_rgb(turn(image))


def _to_rgb(image: Image.Image) -> PixelArray:
    if image.mode.startswith("I"):  # 16-bit grey: Pillow's own conversion would clip it
        high = (np.asarray(image).astype(np.uint32) >> 8).astype(np.uint8)
        return np.repeat(high[:, :, None], 3, axis=2)
    if image.has_transparency_data:
        layer = image if image.mode == "RGBA" else image.convert("RGBA")
        image = Image.new("RGB", image.size, "white")
        image.paste(layer, mask=layer.getchannel("A"))
    return np.asarray(image if image.mode == "RGB" else image.convert("RGB"))


_OPENERS: Final[dict[str, Callable[[bytes, MediaLimits], PixelArray]]] = {
    "jpeg": _open_jpeg,
    "png": _open_png,
    "gif": lambda data, limits: _open_pillow(GifImageFile, data, limits),
    "webp": lambda data, limits: _open_pillow(WebPImageFile, data, limits),
    "heic": _open_heic,
    "avif": _open_avif,
}
