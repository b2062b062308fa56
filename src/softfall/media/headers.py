"""What a file says it is, read from its first bytes alone: format, width, height.

Guarantees: nothing is expanded and nothing is believed of a file's name; the work is bounded by
the file's size. `decode` refuses a decompression bomb on these figures before any parser runs.
Refuses: no bytes at all (EmptyPicture), a format that Softfall does not open (UnsupportedPicture),
a header that ends early or contradicts itself (BrokenPicture).
Source: JPEG ITU-T T.81 annex B; PNG third edition; GIF89a; RFC 9649 (WebP); ISO/IEC 14496-12 and
23008-12 (HEIF: HEIC and AVIF).
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from softfall.errors import InputError

_DEFLATE_BEST: Final = 1032  # deflate can't expand a byte into more than this many
_PNG_SAMPLES: Final = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type
_FTYP_BRANDS: Final = {
    **dict.fromkeys((b"avif", b"avis"), "avif"),
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx"), "heic"),
}
_JPEG_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_HUFFMAN: Final = (0xC0, 0xC1, 0xC2)  # arithmetic coding may spend less than a bit a block
_JPEG_BARE: Final = frozenset({0x01, *range(0xD0, 0xD8)})  # markers without a length
_JPEG_NEXT_MARKER: Final = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_JPEG_SCAN: Final = b"\xff\xda"
_USUAL_SCANS: Final = 4
_MAX_PARTS: Final = 4096  # segments of a JPEG, boxes of a HEIF container; real files hold dozens


class EmptyPicture(InputError):
    """A file without a single byte."""

    remedy = "The file is empty: fetch or save it again."


class BrokenPicture(InputError):
    """A picture that is cut short, damaged, or that contradicts itself."""

    remedy = "Fetch or save the file again; if viewers open it, convert it to JPEG or PNG."


class UnsupportedPicture(InputError):
    """A file whose content is no picture, or a kind of picture that is not opened here."""

    remedy = "Convert it to JPEG, PNG, WebP, GIF, HEIC or AVIF; the file's name plays no part."


@dataclass(frozen=True, slots=True)
class Header:
    """What a file claims.

    scans: how many times a JPEG paints the picture.
    least_bytes: a file shorter than this can't hold a picture of this size (0 where unknown).
    """

    format: str
    width: int
    height: int
    scans: int = 1
    least_bytes: int = 0

    @property
    def pixels(self) -> int:
        """Width times height."""
        return self.width * self.height


def read_header(data: bytes) -> Header:
    """The header of a JPEG, PNG, WebP, GIF, HEIC or AVIF file, by its content.

    For HEIF the largest size that the file declares, thumbnails and tiles included.
    Raises EmptyPicture, UnsupportedPicture or BrokenPicture.
    """
    if not data:
        raise EmptyPicture("the file is empty")
    try:
        header = _by_magic(data)
    except (struct.error, IndexError):
        raise BrokenPicture("the picture's header ends early") from None
    if header.width < 1 or header.height < 1:
        raise BrokenPicture(f"the {header.format} header gives a side of 0 pixels")
    return header


def _by_magic(data: bytes) -> Header:
    if data.startswith(b"\xff\xd8\xff"):
        return _jpeg(data)
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return _png(data)
    if data.startswith((b"GIF87a", b"GIF89a")):
        return Header("gif", *struct.unpack_from("<HH", data, 6))
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _webp(data)
    if data[4:8] == b"ftyp":
        return _heif(data)
    raise UnsupportedPicture("the content is no JPEG, PNG, WebP, GIF, HEIC or AVIF picture")


def _jpeg(data: bytes) -> Header:
    position, size, least = 2, None, 0
    for _ in range(_MAX_PARTS):
        position = data.find(b"\xff", position)
        if position < 0:
            raise BrokenPicture("the JPEG file ends before its picture starts")
        marker = data[position + 1]
        if marker == 0xFF:
            position += 1
            continue
        if marker == 0x00 or marker in _JPEG_BARE:
            position += 2
            continue
        if marker == 0xD9 or (marker == 0xDA and size is None):
            raise BrokenPicture("the JPEG file holds no frame header")
        if marker == 0xDA and size is not None:
            return Header("jpeg", *size, _count_scans(data, position), least)
        if marker in _JPEG_FRAMES and size is None:
            precision, height, width = struct.unpack_from(">BHH", data, position + 4)
            if precision != 8:
                raise UnsupportedPicture(f"a JPEG of {precision} bits a sample is not opened")
            size = (width, height)
            least = _least_bytes(data, position) if marker in _JPEG_HUFFMAN else 0
        position += 2 + struct.unpack_from(">H", data, position + 2)[0]
    raise BrokenPicture(f"the JPEG file holds over {_MAX_PARTS} segments before its picture")


def _least_bytes(data: bytes, frame: int) -> int:
    """Each 8x8 block of each colour takes a bit of the file or more.

    A colour whose share of the pixels makes no sense counts for nothing.
    """
    height, width, colours = struct.unpack_from(">HHB", data, frame + 5)
    shares = [divmod(data[frame + 11 + 3 * i], 16) for i in range(colours)]
    widest, tallest = (max((share[axis] for share in shares), default=0) for axis in (0, 1))
    if not widest or not tallest:
        return 0
    blocks = [
        int(width * across // (8 * widest) * (height * down // (8 * tallest)))
        for across, down in shares
    ]
    return sum(blocks) // 8


def _count_scans(data: bytes, first: int) -> int:
    bound = _count_pairs(data, _JPEG_SCAN, first)  # an appended film may hold some by chance
    if bound <= _USUAL_SCANS:
        return bound
    scans, position = 0, first
    for _ in range(_MAX_PARTS):
        found = _JPEG_NEXT_MARKER.search(data, position)
        if found is None or found.group()[1] == 0xD9:
            return scans
        scans += found.group()[1] == 0xDA
        position = found.start() + 2
        if len(data) >= position + 2:
            position += struct.unpack_from(">H", data, position)[0]
    raise BrokenPicture(f"the JPEG file holds over {_MAX_PARTS} segments")


def _count_pairs(data: bytes, pair: bytes, first: int) -> int:
    """How often two different bytes stand side by side: `bytes.count`, in a tenth of the time."""
    value = int.from_bytes(pair, "little")
    starts = (first, first + 1)
    words = (np.frombuffer(data, "<u2", (len(data) - at) // 2, at) for at in starts)
    return sum(int(np.count_nonzero(each == value)) for each in words)


def _png(data: bytes) -> Header:
    length, name, width, height, depth, colour = struct.unpack_from(">I4sIIBB", data, 8)
    if name != b"IHDR" or length != 13:
        raise BrokenPicture("the PNG file does not start with its header")
    row_bytes = width * depth * _PNG_SAMPLES.get(colour, 0) // 8
    return Header("png", width, height, least_bytes=height * row_bytes // _DEFLATE_BEST)


def _webp(data: bytes) -> Header:
    kind = data[12:16]
    if kind == b"VP8X":
        width = 1 + int.from_bytes(_exactly(data, 24, 3), "little")
        return Header("webp", width, 1 + int.from_bytes(_exactly(data, 27, 3), "little"))
    if kind == b"VP8L":
        packed = struct.unpack_from("<I", data, 21)[0]
        return Header("webp", (packed & 0x3FFF) + 1, (packed >> 14 & 0x3FFF) + 1)
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return Header("webp", width & 0x3FFF, height & 0x3FFF)
    raise BrokenPicture("the WebP file does not start with a picture")


def _heif(data: bytes) -> Header:
    boxes = _heif_parts(data)
    brands = data[8 : boxes[b"ftyp"][1]]
    kinds = [brands[at : at + 4] for at in (0, *range(8, len(brands), 4))]
    known = [_FTYP_BRANDS[kind] for kind in kinds if kind in _FTYP_BRANDS]
    if not known:
        raise UnsupportedPicture("an ISO media file that is neither HEIC nor AVIF")
    if b"meta" not in boxes:
        raise BrokenPicture(f"the {known[0]} file has no description of its picture")
    sizes = [*_declared_sizes(data, *boxes[b"meta"])]
    if not sizes:
        raise BrokenPicture(f"the {known[0]} file does not say how large its picture is")
    return Header(known[0], *max(sizes, key=lambda size: size[0] * size[1]))


def _heif_parts(data: bytes) -> dict[bytes, tuple[int, int]]:
    """The outer boxes up to description and content, both whole; what is appended is not read."""
    parts: dict[bytes, tuple[int, int]] = {}
    for name, place in _boxes(data, 0, len(data)):
        parts.setdefault(name, place)
        if {b"meta", b"mdat"} <= parts.keys():
            break
    return parts


def _declared_sizes(data: bytes, start: int, end: int) -> Iterator[tuple[int, int]]:
    for name, (properties, properties_end) in _boxes(data, start + 4, end):
        if name != b"iprp":
            continue
        for inner, (first, last) in _boxes(data, properties, properties_end):
            if inner != b"ipco":
                continue
            for kind, (at, _) in _boxes(data, first, last):
                if kind == b"ispe":
                    yield struct.unpack_from(">II", data, at + 4)


def _boxes(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, tuple[int, int]]]:
    """Each box between two offsets: its name, and where its body starts and ends."""
    for _ in range(_MAX_PARTS):
        if start >= end:
            return
        size, name = struct.unpack_from(">I4s", data, start)
        body = start + 8
        if size == 1:
            size = struct.unpack_from(">Q", data, body)[0]
            body += 8
        stop = end if size == 0 else start + size
        if stop > end or stop < body:
            raise BrokenPicture("the HEIF file is cut short, or one of its boxes is damaged")
        yield name, (body, stop)
        start = stop
    raise BrokenPicture(f"the HEIF file holds over {_MAX_PARTS} boxes")


def _exactly(data: bytes, start: int, size_bytes: int) -> bytes:
    piece = data[start : start + size_bytes]
    if len(piece) < size_bytes:
        raise IndexError(start)
    return piece
