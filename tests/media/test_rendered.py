"""The `rendered` message: what may come back of a picture, and what can't."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softfall.media.rendered import (
    MAX_PNG_BYTES,
    MAX_REASON_BYTES,
    RENDERED,
    SIDE_PIXELS,
    NotRendered,
    Rendered,
    decode,
    encode,
)
from softfall.wire import MalformedMessage
from tests.media.picture_files import chunk, png, saved, scene


def grey(width: int, height: int) -> bytes:
    """A plain grey PNG."""
    return png(width, height, bytes(height * (width + 1)), colour=0)


def said(body: bytes, outcome: str = "rendered", more: int = 0, reason: str = "") -> bytes:
    """The message as a process that was taken over may write it."""
    return RENDERED.encode(
        {"version": 1, "outcome": outcome, "png": body, "more": more, "reason": reason}
    )


@given(width=st.integers(1, SIDE_PIXELS), height=st.integers(1, SIDE_PIXELS), more=st.booleans())
def test_a_small_grey_picture_comes_through(width: int, height: int, more: bool) -> None:
    told = Rendered(grey(width, height), more)
    assert decode(encode(told)) == told


@given(reason=st.text(max_size=300))
def test_a_reason_comes_through_as_far_as_it_fits(reason: str) -> None:
    told = decode(encode(NotRendered(reason)))
    assert isinstance(told, NotRendered)
    assert reason.startswith(told.reason)
    assert len(told.reason.encode()) <= MAX_REASON_BYTES


PLAIN = grey(4, 4)
HEADER = struct.pack(">IIBBBBB", 4, 4, 8, 0, 0, 0, 0)
WRONG = {
    "nothing": b"",
    "no PNG": b"<svg onload='harmless()'/>",
    "JPEG": saved(scene(), "JPEG"),
    "colour": png(4, 4, bytes(52), colour=2),
    "palette": saved(scene().quantize(4), "PNG"),
    "16 bits": png(4, 4, bytes(36), depth=16, colour=0),
    "too wide": grey(SIDE_PIXELS + 1, 4),
    "too high": grey(4, SIDE_PIXELS + 1),
    "no width": grey(0, 4),
    "negative": png(2**32 - 1, 4, b"", colour=0),
    "text inside": png(4, 4, bytes(20), colour=0, extra=(chunk(b"tEXt", b"Comment\0hidden"),)),
    "more behind": PLAIN + b"hidden",
    "a second picture": PLAIN + PLAIN,
    "a second header": PLAIN[:33] + PLAIN[8:],
    "no pixels": PLAIN[:33] + chunk(b"IEND", b""),
    "no end": PLAIN[:-12],
    "two ends": PLAIN + chunk(b"IEND", b""),
    "a wrong checksum": PLAIN[:-1] + b"\0",
    "a long header": PLAIN[:8] + chunk(b"IHDR", HEADER + b"hidden") + PLAIN[33:],
    "a chunk beyond the end": PLAIN[:33] + struct.pack(">I", 2**31) + PLAIN[37:],
    "too many bytes": png(4, 4, bytes(20), colour=0)[:33]
    + chunk(b"IDAT", bytes(MAX_PNG_BYTES - 100))
    + chunk(b"IEND", b"")
    + bytes(60),
}


@pytest.mark.parametrize("body", WRONG.values(), ids=WRONG)
def test_whatever_is_not_a_small_plain_grey_png_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedMessage):
        decode(said(body))


def test_what_contradicts_itself_is_refused() -> None:
    for message in (
        said(PLAIN, "refused"),
        said(b"", "refused", more=1),
        said(PLAIN, reason="and yet"),
        said(PLAIN, "shown"),
    ):
        with pytest.raises(MalformedMessage):
            decode(message)


@given(position=st.integers(0, len(PLAIN) - 1), bit=st.integers(0, 7))
def test_no_altered_bit_gets_past(position: int, bit: int) -> None:
    altered = bytearray(PLAIN)
    altered[position] ^= 1 << bit
    with pytest.raises(MalformedMessage):
        decode(said(bytes(altered)))


@given(body=st.binary(max_size=400))
def test_junk_is_refused_by_name(body: bytes) -> None:
    try:
        decode(body)
    except MalformedMessage:
        return
    assert encode(decode(body)) == body
