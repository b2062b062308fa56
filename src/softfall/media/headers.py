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

from softfall.errors import InputError

_FTYP_BRANDS: Final = {
    **dict.fromkeys((b"avif", b"avis"), "avif"),
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx"), "heic"),
}
_JPEG_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
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
    """What a file claims. `scans` is the number of times a JPEG paints the whole picture."""

    format: str
    width: int
    height: int
    scans: int = 1

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
    position, size = 2, None
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
        if marker == 0xDA:
            return Header("jpeg", *size, scans=_count_scans(data, position))  # type: ignore[misc]  # size is set: the line above
        if marker in _JPEG_FRAMES and size is None:
            precision, height, width = struct.unpack_from(">BHH", data, position + 4)
            if precision != 8:
                raise UnsupportedPicture(f"a JPEG of {precision} bits a sample is not opened")
            size = (width, height)
        position += 2 + struct.unpack_from(">H", data, position + 2)[0]
    raise BrokenPicture(f"the JPEG file holds over {_MAX_PARTS} segments before its picture")


def _count_scans(data: bytes, first: int) -> int:
    bound = data.count(_JPEG_SCAN, first)  # an appended film may hold some by chance
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


def _png(data: bytes) -> Header:
    length, name, width, height = struct.unpack_from(">I4sII", data, 8)
    if name != b"IHDR" or length != 13:
        raise BrokenPicture("the PNG file does not start with its header")
    return Header("png", width, height)


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
    boxes = dict(reversed([*_boxes(data, 0, len(data), stop_after=b"meta")]))
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


def _boxes(
    data: bytes, start: int, end: int, stop_after: bytes = b""
) -> Iterator[tuple[bytes, tuple[int, int]]]:
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
        if name == stop_after:
            return
        start = stop
    raise BrokenPicture(f"the HEIF file holds over {_MAX_PARTS} boxes")


def _exactly(data: bytes, start: int, size_bytes: int) -> bytes:
    piece = data[start : start + size_bytes]
    if len(piece) < size_bytes:
        raise IndexError(start)
    return piece
