"""The lines of a list file, one at a time, whatever the file holds.

Guarantees: memory for one line only (at most MAX_LINE_BYTES, a longer one is read past); every line
comes out, as text or as the reason why it is none; lines are numbered from 1 as editors do.
Refuses: files in UTF-16 or UTF-32 (`WrongEncoding`), files that can't be read (`UnreadableList`).
Accepts: UTF-8 with or without a byte order mark; line ends LF and CR LF.
"""

import codecs
from collections.abc import Iterator
from typing import BinaryIO

from softfall.errors import InputError
from softfall.lists.report import BadLine

MAX_LINE_BYTES = 8 * 1024 * 1024
_READ_PAST_BYTES = 64 * 1024

_WIDE_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)


class WrongEncoding(InputError):
    """A list file that is not UTF-8."""

    remedy = "Save the file as UTF-8 and import it again."


class UnreadableList(InputError):
    """A list file that can't be read to its end."""

    remedy = "Check the file, its path and its permissions; nothing was imported."


Line = tuple[int, str]


def split_lines(stream: BinaryIO) -> Iterator[Line | BadLine]:
    """Each line's number and text, or why it is not text. Blank lines are left out.

    Raises WrongEncoding or UnreadableList.
    """
    number = 0
    while True:
        raw = _read_line(stream)
        if raw is None:
            return
        number += 1
        if number == 1:
            raw = _without_mark(raw)
        if len(raw) > MAX_LINE_BYTES:
            yield BadLine(number, f"longer than {MAX_LINE_BYTES} bytes")
            continue
        try:
            text = raw.decode("utf-8").strip()
        except UnicodeDecodeError:
            yield BadLine(number, "not UTF-8 text")
            continue
        if "\0" in text:
            yield BadLine(number, "holds a NUL character")
        elif "\r" in text:
            yield BadLine(number, "holds a carriage return inside")
        elif text:
            yield number, text


def _read_line(stream: BinaryIO) -> bytes | None:
    """The next line, or None at the end; of an overlong one just enough to show that it is."""
    try:
        raw = stream.readline(MAX_LINE_BYTES + 2)
        if len(raw) > MAX_LINE_BYTES and not raw.endswith(b"\n"):
            while (rest := stream.readline(_READ_PAST_BYTES)) and not rest.endswith(b"\n"):
                pass
    except OSError as error:
        raise UnreadableList(f"the list can't be read: {error.strerror}") from None
    if not raw:
        return None
    return raw.removesuffix(b"\n")


def _without_mark(first: bytes) -> bytes:
    if first.startswith(_WIDE_MARKS):
        raise WrongEncoding("the list is in UTF-16 or UTF-32, not in UTF-8")
    return first.removeprefix(codecs.BOM_UTF8)
