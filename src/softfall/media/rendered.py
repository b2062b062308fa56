"""One small, grey, blurred region of a picture: how it is asked for, and the one message back.

Guarantees: what `decode` returns is a `Rendered` or a `NotRendered`, whatever a broken process may
have written: a PNG of 8-bit grey, by its own header, no side over `SIDE_PIXELS`, no byte over
`MAX_PNG_BYTES`, and nothing but header, pixels and end in it; or words. The PNG is not opened here.
Refuses: anything else, as MalformedMessage.
Source: PNG third edition (W3C), sections 5 and 11.
"""

import struct
import zlib
from dataclasses import dataclass, field
from typing import Final

from softfall.wire import Bytes, Field, MalformedMessage, Message, Party, Text, Uint, Value

VERSION: Final = 1
GRID: Final = 3
REGIONS: Final = GRID * GRID  # 0 is the upper left one, 8 the lower right
WHOLE: Final = REGIONS  # all of it, as one tiny tile
SIDE_PIXELS: Final = 192
# Radius of the blur by step, where a tile's longer side is SIDE_PIXELS; in proportion elsewhere.
BLURS_PIXELS: Final = (12, 6, 3)
STRONGEST: Final = 0
CLEAREST: Final = len(BLURS_PIXELS) - 1
MAX_PNG_BYTES: Final = 64 * 1024
MAX_REASON_BYTES: Final = 200
_OUTCOMES: Final = ("rendered", "refused")
_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_GREY_8_BIT: Final = (8, 0, 0, 0, 0)  # depth, colour type, compression, filter, interlace
_HEADER_BYTES: Final = b"\0\0\0\x0d"

RENDERED = Message(
    "rendered",
    Party.CONSOLE,
    (
        Field("version", Uint(VERSION), "1"),
        Field("outcome", Text(16), f"one of: {', '.join(_OUTCOMES)}"),
        Field("png", Bytes(0, MAX_PNG_BYTES), "8-bit grey PNG; empty if refused"),
        Field("more", Uint(1), "1 if the file holds frames beside the one that is shown"),
        Field("reason", Text(MAX_REASON_BYTES, may_be_empty=True), "empty if rendered"),
    ),
    max_bytes=MAX_PNG_BYTES + 500,
)


@dataclass(frozen=True, slots=True)
class Rendered:
    """A region to be shown. more: the file holds frames beside the first, which alone is shown."""

    png: bytes = field(repr=False)
    more: bool = False


@dataclass(frozen=True, slots=True)
class NotRendered:
    """The picture was not opened, and why; or nobody could try."""

    reason: str


def encode(answer: Rendered | NotRendered) -> bytes:
    """The `rendered` message's bytes."""
    values: dict[str, Value] = {"version": VERSION, "png": b"", "more": 0, "reason": ""}
    match answer:
        case Rendered():
            values |= {"outcome": "rendered", "png": answer.png, "more": int(answer.more)}
        case NotRendered():
            reason = answer.reason.encode()[:MAX_REASON_BYTES].decode(errors="ignore")
            values |= {"outcome": "refused", "reason": reason}
    return RENDERED.encode(values)


def decode(body: bytes) -> Rendered | NotRendered:
    """What the hasher says. Raises MalformedMessage."""
    values = RENDERED.decode(body)
    png, more, reason = values["png"], values["more"], values["reason"]
    assert isinstance(png, bytes)
    assert isinstance(reason, str)
    if values["version"] != VERSION or values["outcome"] not in _OUTCOMES:
        raise MalformedMessage("the hasher's answer is of another version or outcome")
    if values["outcome"] == "refused":
        if png or more:
            raise MalformedMessage("the hasher's answer has a picture and has none")
        return NotRendered(reason)
    if reason:
        raise MalformedMessage("the hasher's answer has a picture and has none")
    _check_png(png)
    return Rendered(png, bool(more))


def _check_png(png: bytes) -> None:
    """Only what is asked for reaches a browser. Raises MalformedMessage."""
    names, position = list[bytes](), len(_SIGNATURE)
    while position + 12 <= len(png):
        length, name = struct.unpack_from(">I4s", png, position)
        end = position + 12 + length
        if end > len(png) or zlib.crc32(png[position + 4 : end - 4]) != _last_word(png, end):
            break
        names.append(name)
        position = end
    whole = png.startswith(_SIGNATURE + _HEADER_BYTES) and position == len(png)
    plain = [b"IHDR", *[b"IDAT"] * max(1, len(names) - 2), b"IEND"]
    if not whole or names != plain:
        raise MalformedMessage("the hasher's answer is no plain PNG")
    width, height, *form = struct.unpack_from(">IIBBBBB", png, len(_SIGNATURE) + 8)
    sides_fit = 0 < width <= SIDE_PIXELS and 0 < height <= SIDE_PIXELS
    if not sides_fit or tuple(form) != _GREY_8_BIT:
        raise MalformedMessage("the hasher's picture is not small and grey")


def _last_word(data: bytes, end: int) -> int:
    return int.from_bytes(data[end - 4 : end], "big")
