"""The file that `softfall hash --out` writes, and goes on with after an interruption.

Guarantees: the file holds whole lines, each written at once; what a killed run left of a last line
is cut off when the next one opens it. A file whose line is there is not hashed again, by its path
as it was given. What was written a second ago or more survives a power cut, too. Two runs never
write one file at a time.
Refuses: a file of another form, of fast hashes for an exact run, of another choice of stripping
borders, or with a last line that is no beginning of ours (`OutDiffers`), one that another writes
(`OutInUse`), what is no regular file or lies where it would be hashed itself (`OutMisplaced`), and
to go on where nothing more can be written (`OutUnwritable`): what is there then stays whole.
Memory: 16 bytes for each line that an earlier run wrote.
"""

import csv
import errno
import fcntl
import hashlib
import io
import json
import os
import stat
import time
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Final

import numpy as np
import numpy.typing as npt

from softfall.cli.hash_rows import FileHashes, Form, columns, header, line
from softfall.cli.hash_torn import torn_csv, torn_json
from softfall.errors import InputError, OperatorError, RefusedError

PICTURES: Final = frozenset({"jpeg", "png", "webp", "gif", "heic", "avif"})
_DIGEST_BYTES: Final = 16
_MAX_LINE_BYTES: Final = 64 << 20  # a long video's frames are one line
_SYNC_S: Final = 1.0


class OutDiffers(InputError):
    """The output file holds what a run like this one would not have written."""

    remedy = "Name another file, or run with the form, mode and stripping that wrote this one."


class OutInUse(RefusedError):
    """Another run is writing the output file."""

    remedy = "Wait for it, or name another file."


class OutMisplaced(InputError):
    """The output file is none, or lies among the files to be hashed."""

    remedy = "Name a regular file outside the folders that are hashed."


class OutUnwritable(OperatorError):
    """The output file can't be opened or written."""

    remedy = "Make room, or give yourself the right; then the same command goes on where it ended."


class OutFile:
    """The file, open and locked. Use as a context.

    form: JSON lines or CSV. hashed: the paths that will be hashed, none of which may hold the file.
    strip_borders: whether the lines have the columns for it, which are the run's and the file's.
    written, failed: how many lines earlier runs have left, and how many of them tell of an error.
    """

    def __init__(
        self,
        path: Path,
        form: Form,
        mode: str,
        hashed: Iterable[Path],
        *,
        strip_borders: bool = False,
    ) -> None:
        self._hashed = tuple(hashed)
        _check_place(path, self._hashed)
        self._form, self._mode, self._strips = form, mode, strip_borders
        self._header = header(form, strip_borders=strip_borders).encode()
        self._file = _opened(path)
        self.written = self.failed = 0
        try:
            _lock(self._file)
            self._known = self._read()
            self._size = os.lseek(self._file, 0, os.SEEK_END)
            self._synced_s = time.monotonic()
            if not self._size:
                self._append(self._header)
        except BaseException:
            os.close(self._file)
            raise

    def __enter__(self) -> "OutFile":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                os.fsync(self._file)
        finally:
            os.close(self._file)

    def has(self, path: Path) -> bool:
        """Whether an earlier run has written this path's line."""
        if not len(self._known):
            return False
        digest = np.array(_digest(os.fsencode(path)), self._known.dtype)
        at = int(np.searchsorted(self._known, digest))
        return at < len(self._known) and bool(self._known[at] == digest)

    def write(self, row: FileHashes) -> None:
        """Append one line. Raises OutUnwritable, and leaves nothing of the line then."""
        self._append(line(row, self._form, strip_borders=self._strips).encode())

    def _append(self, whole: bytes) -> None:
        try:
            rest = whole
            while rest:
                rest = rest[os.write(self._file, rest) :]
            now_s = time.monotonic()
            if now_s - self._synced_s >= _SYNC_S:
                os.fsync(self._file)
                self._synced_s = now_s
        except OSError as error:
            os.ftruncate(self._file, self._size)
            raise OutUnwritable(f"the output can't be written: {error.strerror}") from None
        self._size += len(whole)

    def _read(self) -> npt.NDArray[np.bytes_]:
        """What is there already: sorted digests of the paths. Cuts an unfinished line off.

        Nothing is cut of a file that this program can't have written.
        """
        digests, whole_bytes = bytearray(), 0
        with os.fdopen(os.dup(self._file), "rb") as stream:
            stream.seek(0)
            while (whole := stream.readline(_MAX_LINE_BYTES)).endswith(b"\n"):
                self._take(whole, whole_bytes == 0, digests)
                whole_bytes += len(whole)
        if whole and not self._may_be_torn(whole, is_first=whole_bytes == 0):
            raise OutDiffers(
                "the output ends with what is no unfinished line of such a run, so it is left alone"
            )
        os.ftruncate(self._file, whole_bytes)
        return np.sort(np.frombuffer(bytes(digests), f"S{_DIGEST_BYTES}"))

    def _may_be_torn(self, rest: bytes, *, is_first: bool) -> bool:
        """Whether the last bytes can be a line's beginning that a killed run of ours left."""
        if len(rest) >= _MAX_LINE_BYTES:  # it may be whole, and more may follow
            return False
        if self._form is Form.JSONL:
            return torn_json(rest, columns(strip_borders=self._strips))
        if is_first:
            return self._header.startswith(rest)
        return torn_csv(rest, columns(strip_borders=self._strips), self._hashed)

    def _take(self, whole: bytes, is_first: bool, digests: bytearray) -> None:
        if is_first and self._form is Form.CSV:
            self._check_columns(tuple(whole.decode("utf-8", "replace").rstrip("\r\n").split(",")))
            if whole != self._header:
                raise _foreign()
            return
        row = self._row(whole)
        self._check(row)
        self.written += 1
        self.failed += bool(row["error"])
        digests += _digest(_path_bytes(row))

    def _row(self, whole: bytes) -> dict[str, str]:
        if self._form is Form.CSV:
            return _csv_row(whole, columns(strip_borders=self._strips))
        row = _json_object(whole)
        self._check_columns(tuple(row))
        return row

    def _check_columns(self, names: tuple[str, ...]) -> None:
        if names == columns(strip_borders=not self._strips):
            there, asked = ("without", "with") if self._strips else ("with", "without")
            raise OutDiffers(f"the output was written {there} --strip-borders, this run is {asked}")
        if names != columns(strip_borders=self._strips):
            raise _foreign()

    def _check(self, row: dict[str, str]) -> None:
        """Exact hashes do for a fast run, which makes some itself, and not the other way round."""
        is_picture = not row["format"] or row["format"] in PICTURES
        if is_picture and self._mode == "exact" and row["mode"] != self._mode:
            raise OutDiffers(f"the output holds rows of mode {row['mode']}, not {self._mode}")


def _check_place(path: Path, hashed: Iterable[Path]) -> None:
    place = path.resolve()
    for each in map(Path.resolve, hashed):
        if place == each or each in place.parents:
            raise OutMisplaced("the output lies among the files to be hashed")


def _opened(path: Path) -> int:
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        file = os.open(path, flags, 0o600)
    except IsADirectoryError:
        raise OutMisplaced("the output is a folder") from None
    except OSError as error:
        if error.errno == errno.ENXIO:
            raise OutMisplaced("the output is not a regular file") from None
        raise OutUnwritable(f"the output can't be opened: {error.strerror}") from None
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise OutMisplaced("the output is not a regular file")
    return file


def _lock(file: int) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise OutInUse("another run is writing the output") from None


def _json_object(whole: bytes) -> dict[str, str]:
    try:
        row = json.loads(whole)
    except ValueError:
        raise _foreign() from None
    if not isinstance(row, dict):
        raise _foreign()
    return row


def _csv_row(whole: bytes, names: tuple[str, ...]) -> dict[str, str]:
    try:
        (cells,) = csv.reader(io.StringIO(whole.decode(), newline=""))
    except (ValueError, csv.Error):
        raise _foreign() from None
    if len(cells) != len(names):
        raise _foreign()
    return dict(zip(names, cells, strict=True))


def _foreign() -> OutDiffers:
    return OutDiffers("the output holds what this version of `softfall hash` does not write so")


def _path_bytes(row: dict[str, str]) -> bytes:
    return bytes.fromhex(row["path_hex"]) if row["path_hex"] else row["path"].encode()


def _digest(path: bytes) -> bytes:
    return hashlib.blake2b(path, digest_size=_DIGEST_BYTES).digest()
