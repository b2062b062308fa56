"""What `softfall hash` says of one file, and the three forms in which it says it.

Guarantees: one file, one line, whatever its name holds: control characters and undecodable bytes
are written as escapes, and `path_hex` then gives the name's exact bytes. No CSV cell starts like a
formula. JSON lines are plain ASCII. Every line of a run has the same columns; those of
`STRIPPED_COLUMNS` are there only in a run that strips borders, so that each line tells the choice.
Source: the OWASP note on CSV injection; RFC 4180; JSON Lines.
"""

import csv
import io
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Final

from softfall.cli.video_rows import fill_video, is_video_file
from softfall.config import MediaLimits
from softfall.errors import SoftfallError

if TYPE_CHECKING:
    from softfall.media.pdq import Mode
    from softfall.media.query import PictureQueries

_FORMULA_STARTS: Final = ("=", "+", "-", "@")  # of all cells only a name can start so


@dataclass(slots=True)
class FileHashes:
    """One line: what could be told of a file; None where it could not. Digests are hex.

    Of a video: duration_ms, frames_hashed, coverage (the share of its time that they stand for, 0
    to 1), damage in words, and vpdq, all frames in the text form that vPDQ tools exchange.

    pdq_stripped, quality_stripped: of a picture with a border, where borders are stripped, by the
    mode of `pdq`. A quality without a hash: what lies within the border has no dependable one.
    """

    path: str
    path_hex: str | None = None
    pdq: str | None = None
    quality: int | None = None
    pdq_stripped: str | None = None
    quality_stripped: int | None = None
    mode: str | None = None
    unhashable: str | None = None
    format: str | None = None
    width: int | None = None
    height: int | None = None
    size_bytes: int | None = None
    sha256: str | None = None
    md5: str | None = None
    duration_ms: int | None = None
    frames_hashed: int | None = None
    coverage: float | None = None
    damage: str | None = None
    vpdq: str | None = None
    error: str | None = None
    what: str | None = None
    remedy: str | None = None


_ALL_COLUMNS: Final = tuple(field.name for field in fields(FileHashes))
STRIPPED_COLUMNS: Final = ("pdq_stripped", "quality_stripped")
_PLAIN_COLUMNS: Final = tuple(name for name in _ALL_COLUMNS if name not in STRIPPED_COLUMNS)


class Form(Enum):
    """How the lines are written."""

    TEXT = "text"
    JSONL = "jsonl"
    CSV = "csv"


def hash_file(
    path: Path, limits: MediaLimits, mode: str = "exact", strip_borders: bool = False
) -> FileHashes:
    """Everything that can be told of one file; what goes wrong is told as well, never raised.

    mode: "exact" or "fast", and strip_borders: for pictures.
    """
    from softfall.media.digests import md5, sha256
    from softfall.media.files import check_not_empty, read_file

    row = FileHashes(*shown_name(path), mode=mode)
    try:
        if is_video_file(path):
            fill_video(row, path, limits)
            return row
        data = read_file(path, limits)
        row.size_bytes, row.sha256, row.md5 = len(data), sha256(data).hex(), md5(data).hex()
        check_not_empty(len(data))
        _fill_picture(row, data, limits, "fast" if mode == "fast" else "exact", strip_borders)
    except SoftfallError as error:
        row.error, row.what, row.remedy = error.name, error.what, error.remedy
    return row


def _fill_picture(
    row: FileHashes, data: bytes, limits: MediaLimits, mode: "Mode", strip_borders: bool
) -> None:
    """Raises what `hash_picture` raises."""
    from softfall.media.hashing import PictureHash, hash_picture
    from softfall.media.pdq import PdqHash

    picture: PictureHash | PictureQueries
    if strip_borders:
        from softfall.media.query import query_hashes

        picture = query_hashes(data, limits, mode)
        found, *stripped = (each.found for each in picture.hashes)
    else:
        picture = hash_picture(data, limits, mode)
        found, stripped = picture.found, []
    row.format, row.width, row.height = picture.format, picture.width, picture.height
    row.quality, row.mode = found.quality, found.mode
    if isinstance(found, PdqHash):
        row.pdq = found.hex
    else:
        row.unhashable = found.reason
    for inner in stripped:
        row.quality_stripped = inner.quality
        row.pdq_stripped = inner.hex if isinstance(inner, PdqHash) else None


def failed_row(path: Path, mode: str, error: SoftfallError) -> FileHashes:
    """The line of a file of which nothing can be told but an error."""
    row = FileHashes(*shown_name(path), mode=mode)
    row.error, row.what, row.remedy = error.name, error.what, error.remedy
    return row


def columns(*, strip_borders: bool = False) -> tuple[str, ...]:
    """The names of what every line of a run has."""
    return _ALL_COLUMNS if strip_borders else _PLAIN_COLUMNS


def header(form: Form, *, strip_borders: bool = False) -> str:
    """What stands before the first line: the column names, for CSV."""
    return _csv_line(list(columns(strip_borders=strip_borders))) if form is Form.CSV else ""


def line(row: FileHashes, form: Form, *, strip_borders: bool = False) -> str:
    """One file's line, with its line end."""
    return _WRITERS[form](row, columns(strip_borders=strip_borders))


def shown_name(path: Path) -> tuple[str, str | None]:
    """A name safe to print, and the hex of its bytes where that is not the name itself."""
    name = str(path)
    shown = "".join(_escape(char) for char in name)
    return shown, None if shown == name else os.fsencode(name).hex()


def _escape(char: str) -> str:
    if char.isprintable():
        return char
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:  # how Python carries a byte that is not UTF-8
        code -= 0xDC00
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _json(row: FileHashes, names: tuple[str, ...]) -> str:
    return json.dumps({name: getattr(row, name) for name in names}) + "\n"


def _csv(row: FileHashes, names: tuple[str, ...]) -> str:
    if row.path.startswith(_FORMULA_STARTS):
        name_hex = row.path_hex or os.fsencode(row.path).hex()
        row = replace(row, path=f"'{row.path}", path_hex=name_hex)
    values = (getattr(row, name) for name in names)
    return _csv_line(["" if value is None else str(value) for value in values])


def _csv_line(cells: list[str]) -> str:
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\r\n").writerow(cells)
    return stream.getvalue()


def _text(row: FileHashes, _: tuple[str, ...]) -> str:
    if row.frames_hashed is not None:
        told = _video_text(row)
    elif row.pdq:
        told = f"pdq {row.pdq} quality {row.quality}"
    elif row.unhashable:
        told = f"unhashable: {row.unhashable} (quality {row.quality})"
    else:
        told = f"{row.error}: {row.what}. What to do: {row.remedy}"
    if row.quality_stripped is not None:
        inner = f"pdq {row.pdq_stripped}" if row.pdq_stripped else "unhashable"
        told += f", without its border {inner} quality {row.quality_stripped}"
    if row.format:
        told += f" {row.format} {row.width}x{row.height}"
    if row.sha256:
        told += f" sha256 {row.sha256} md5 {row.md5}"
    return f"{row.path}: {told}\n"


def _video_text(row: FileHashes) -> str:
    seconds, coverage = (row.duration_ms or 0) / 1000, 100 * (row.coverage or 0.0)
    frames = "1 frame" if row.frames_hashed == 1 else f"{row.frames_hashed} frames"
    told = f"vpdq {frames} of {seconds:.1f} s, coverage {coverage:.0f} %"
    return f"{told} (damaged: {row.damage})" if row.damage else told


_WRITERS: Final[dict[Form, Callable[[FileHashes, tuple[str, ...]], str]]] = {
    Form.TEXT: _text,
    Form.JSONL: _json,
    Form.CSV: _csv,
}
