"""An index as one file, mapped into memory and shared by all processes that search it.

    offset  bytes  content
    0       8      SFINDEX and a zero byte
    8       4      version of this format, little-endian
    12      4      length of the header, little-endian
    16      32     SHA-256 of the header
    48      ...    the header: JSON; each array's name, type, shape, place, and the SHA-256 of each
                   of its pieces; which state of which list this is; this machine's byte order
    ...            the arrays, each from a multiple of 4096 on

Guarantees: a file that `read` returns is whole: every byte was compared with its digest (between
the arrays, with zero), by this process, before the first search. `write` makes the file appear
whole, under its name and on the disk, or not at all (a kill, a full disk: the old one stays),
readable by its owner alone, since whoever has the file has the list. A file that was replaced stays
valid for whoever has mapped it.
Refuses: `SnapshotMissing`, `SnapshotDamaged` (cut short, changed, or none of these files),
`SnapshotNewer` (a later release's), `SnapshotForeign` (another byte order). Each costs a building
from the store and nothing else.
Limits: digests find accidents; whoever may write to the folder may write the list itself. A disk
that fails under a mapped file ends the process.
"""

import hashlib
import json
import math
import mmap
import os
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final, Protocol, Self

import numpy as np
import numpy.typing as npt

from softfall.errors import OperatorError

FORMAT_VERSION: Final = 1
PART: Final = ".part"

_MAGIC: Final = b"SFINDEX\0"
_DIGEST_AT, _HEADER_AT = 16, 48
_ALIGNMENT_BYTES: Final = 4096
_PIECE_BYTES: Final = 16 * 2**20
_HEADER_MOST_BYTES: Final = 16 * 2**20  # that of four billion entries has 3 MB
_LARGEST: Final = 2**63  # has as many digits as any size
_POPULATE_READ: Final = 22  # Linux 5.14: make a mapping's pages present now, not one by one
_REBUILT: Final = "Nothing: the index is built again from the store, and the file written anew."

Arrays = Mapping[str, npt.NDArray[Any]]


class SnapshotMissing(OperatorError):
    """There is no index on disk yet."""

    remedy = _REBUILT


class SnapshotDamaged(OperatorError):
    """The index on disk is not what was written."""

    remedy = f"{_REBUILT} If it happens again, have the disk checked."


class SnapshotNewer(OperatorError):
    """The index on disk was written by a later release of Softfall."""

    remedy = f"{_REBUILT} The later release will write its own again."


class SnapshotForeign(OperatorError):
    """The index on disk was written by a machine of another byte order."""

    remedy = _REBUILT


class SnapshotUnwritable(OperatorError):
    """The index can't be written; the file that was there is as it was."""

    remedy = "Free space in the folder (the index needs it twice while it is replaced)."


@dataclass(frozen=True, slots=True)
class Position:
    """Which state of which list: its revision, and the random stamp that only it has."""

    revision: int
    stamp: bytes


class Arrayed(Protocol):
    """An index that is its arrays."""

    @property
    def arrays(self) -> Arrays:
        """All that it needs."""

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Self:
        """The index again. The arrays can't be written to."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A file's arrays, which can't be written to, and which state of the list they are of.

    file: its inode and the time of its last change in ns, which no other file of its name has.
    """

    arrays: Arrays
    position: Position
    size_bytes: int
    file: tuple[int, int]


def write(path: Path, index: Arrayed, position: Position) -> int:
    """Put the index in the place of the file; its size in bytes. Raises SnapshotUnwritable.

    One writer at a time: the caller holds a lock.
    """
    part = path.with_name(path.name + PART)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        part.unlink(missing_ok=True)  # of a writer that was killed
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            size_bytes = _write_all(file, index.arrays, position)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise SnapshotUnwritable(f"{path.name} can't be written: {error.strerror}") from None
    return size_bytes


def read(path: Path) -> Snapshot:
    """Map the file, every byte checked. Raises what the module refuses."""
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            header = _header(path, file, status.st_size)
            if status.st_size != header["size_bytes"]:
                raise SnapshotDamaged(f"{path.name} is cut short")
            _check_all(path, file.fileno(), file.tell(), header)
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        return _snapshot(mapped, header, (status.st_ino, status.st_mtime_ns))
    except FileNotFoundError:
        raise SnapshotMissing(f"there is no {path.name}") from None
    except OSError as error:
        raise SnapshotDamaged(f"{path.name} can't be read: {error.strerror}") from None
    except (LookupError, TypeError, ValueError, OverflowError):
        raise SnapshotDamaged(f"the header of {path.name} describes no index") from None


def _write_all(file: Any, arrays: Arrays, position: Position) -> int:
    """The arrays first, then the header, whose length is known from the beginning."""
    flat = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    header = _laid_out(flat, position, {name: [""] * _pieces(each) for name, each in flat.items()})
    digests: dict[str, list[str]] = {}
    for each in header["arrays"]:
        file.seek(each["offset"])
        digests[each["name"]] = []
        for piece in _bytes_of(flat[each["name"]]):
            digests[each["name"]].append(hashlib.sha256(piece).hexdigest())
            file.write(piece)
    size_bytes: int = header["size_bytes"]
    file.truncate(size_bytes)  # where the last array is empty, up to its place
    body = _encoded(_laid_out(flat, position, digests))
    file.seek(0)
    file.write(_MAGIC + FORMAT_VERSION.to_bytes(4, "little") + len(body).to_bytes(4, "little"))
    file.write(hashlib.sha256(body).digest() + body)
    return size_bytes


def _laid_out(
    arrays: Arrays, position: Position, digests: Mapping[str, list[str]]
) -> dict[str, Any]:
    """The header. Its length does not depend on the digests."""
    header: dict[str, Any] = {
        "byte_order": sys.byteorder,
        "revision": position.revision,
        "stamp": position.stamp.hex(),
        "size_bytes": _LARGEST,
        "arrays": [],
    }
    rows = [
        {
            "name": name,
            "type": array.dtype.str,
            "shape": list(array.shape),
            "offset": _LARGEST,
            "digests": [digest.ljust(2 * hashlib.sha256().digest_size) for digest in digests[name]],
        }
        for name, array in arrays.items()
    ]
    offset = _HEADER_AT + len(_encoded({**header, "arrays": rows}))
    for row in rows:
        row["offset"] = offset = math.ceil(offset / _ALIGNMENT_BYTES) * _ALIGNMENT_BYTES
        offset += arrays[str(row["name"])].nbytes
    return {**header, "size_bytes": offset, "arrays": rows}


def _encoded(header: dict[str, Any]) -> bytes:
    return json.dumps(header).encode()


def _pieces(array: npt.NDArray[Any]) -> int:
    return math.ceil(array.nbytes / _PIECE_BYTES)


def _bytes_of(array: npt.NDArray[Any]) -> Iterator[memoryview]:
    flat = array.reshape(-1).view(np.uint8).data
    for start in range(0, len(flat), _PIECE_BYTES):
        yield flat[start : start + _PIECE_BYTES]


def _snapshot(mapped: mmap.mmap, header: dict[str, Any], file: tuple[int, int]) -> Snapshot:
    with suppress(OSError, ValueError):  # only sooner, where the system can
        mapped.madvise(_POPULATE_READ)
    arrays = {
        each["name"]: np.ndarray(each["shape"], np.dtype(each["type"]), mapped, each["offset"])
        for each in header["arrays"]
    }
    position = Position(header["revision"], bytes.fromhex(header["stamp"]))
    return Snapshot(arrays, position, len(mapped), file)


def _header(path: Path, file: BinaryIO, size_bytes: int) -> dict[str, Any]:
    """The file is read as far as its header goes."""
    start = file.read(_HEADER_AT)
    if len(start) < _HEADER_AT or not start.startswith(_MAGIC):
        raise SnapshotDamaged(f"{path.name} is no index")
    version = int.from_bytes(start[8:12], "little")
    if version != FORMAT_VERSION:
        raise SnapshotNewer(f"{path.name} has format {version}; this release reads 1")
    length = int.from_bytes(start[12:16], "little")
    if length > min(_HEADER_MOST_BYTES, size_bytes):  # before so much is asked of the memory
        raise SnapshotDamaged(f"the header of {path.name} can't have {length} bytes")
    body = file.read(length)
    if hashlib.sha256(body).digest() != start[_DIGEST_AT:_HEADER_AT]:
        raise SnapshotDamaged(f"the header of {path.name} is damaged")
    header: dict[str, Any] = json.loads(body)
    if header["byte_order"] != sys.byteorder:
        raise SnapshotForeign(f"{path.name} is {header['byte_order']}-endian")
    return header


def _check_all(path: Path, handle: int, header_end: int, header: dict[str, Any]) -> None:
    """Compare every piece with its digest, on all cores, and what lies between with zero. By
    reading: of a mapping, a disk that fails would end the process."""
    work: list[tuple[int, int, str | None]] = []
    end = header_end
    for each in header["arrays"]:
        work.append((end, each["offset"] - end, None))
        end = each["offset"] + math.prod(each["shape"]) * np.dtype(each["type"]).itemsize
        starts = range(each["offset"], end, _PIECE_BYTES)
        for start, digest in zip(starts, each["digests"], strict=True):
            work.append((start, min(_PIECE_BYTES, end - start), digest))
    work.append((end, header["size_bytes"] - end, None))

    def whole(offset: int, size_bytes: int, digest: str | None) -> bool:
        piece = os.pread(handle, size_bytes, offset)
        if digest is None:
            return piece == bytes(size_bytes)
        return len(piece) == size_bytes and hashlib.sha256(piece).hexdigest() == digest

    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        if not all(pool.map(lambda each: whole(*each), work)):
            raise SnapshotDamaged(f"{path.name} is damaged")


def _sync_folder(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
