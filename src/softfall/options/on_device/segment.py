"""One immutable file of the map: the base of an epoch, or a delta upon it.

Guarantees: what `decode` returns may be looked into: its sizes fit its bytes, and its checksum
holds. It reads any buffer and copies no cells, so a memory-mapped file stays on disk.
Refuses: files that are truncated, overlong, altered, of another version, or whose counts don't fit
their bytes, as BadSegment; nothing is reserved by a count before it is checked.
Leaves to others: whether the file is the custodian's (signed metadata tells that).

What a segment shows to whoever has no tag: how many entries and pieces it has, the range of their
numbers, which numbers were withdrawn. Its cells are uniform: each value lies under a pad that comes
from the tag, and what no key needs is filled from the custodian's secret. Whoever has the tag of a
piece learns the numbers of the entries that have this piece in this table, and no more of them.
Layout: magic, the header's size (4 bytes), the header (`on_device_segment`), packed cells with
their guard, withdrawn numbers (4 bytes each, increasing), SHA-256 of all before.
"""

import hashlib
import hmac
from dataclasses import dataclass, field
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from softfall.errors import PeerError
from softfall.options.on_device import static_function, wire
from softfall.options.on_device.parameters import BadMapParameters, OnDeviceParameters
from softfall.options.on_device.static_function import Shape, U8Array, U32Array, U64Array
from softfall.options.tags.parameters import BadParameters
from softfall.options.tags.wire import decode as decode_message
from softfall.options.tags.wire import number, octets
from softfall.wire import MalformedMessage

MAGIC: Final = b"SFMAP001"
CHECKSUM_BYTES: Final = 32
_SIZE_BYTES: Final = 4

BoolArray = npt.NDArray[np.bool_]


class BadSegment(PeerError):
    """A file of the map is damaged, of another version, or not what it says it is."""

    remedy = "Keep the last good map, fetch the file again, and tell the custodian."


@dataclass(frozen=True, slots=True)
class MapKeys:
    """Where to look: (n, 2) uint64 keys and the (n,) uint32 pads over their values."""

    keys: U64Array
    pads: U32Array

    @classmethod
    def of(cls, tags: list[bytes], slots: list[int]) -> Self:
        """The key of each tag's slot: BLAKE2b of both, cut into two words and a pad.

        The pad is independent of the place, so cells say nothing without the tag.
        """
        stream = b"".join(
            hashlib.blake2b(tag + bytes([slot]), digest_size=24, person=b"softfall map v1").digest()
            for tag, slot in zip(tags, slots, strict=True)
        )
        words = np.frombuffer(stream, dtype=">u8").astype(np.uint64).reshape(-1, 3)
        return cls(words[:, :2], (words[:, 2] & np.uint64(0xFFFFFFFF)).astype(np.uint32))


@dataclass(frozen=True, slots=True)
class Segment:
    """A checked file of the map. follows: None for a base. withdrawn: (n,) numbers, increasing.

    file_sha256: of the whole file that it was read from; None where it was made here.
    """

    epoch: int
    list_version: int
    follows: int | None
    parameters: OnDeviceParameters
    entries: int
    lowest: int
    highest: int
    shape: Shape
    cells: U8Array
    withdrawn: U32Array
    file_sha256: bytes | None = field(default=None, repr=False, compare=False)

    @property
    def sha256(self) -> bytes:
        """Of the file's bytes, its own checksum among them: what signed metadata names it by."""
        return self.file_sha256 or hashlib.sha256(self.encode()).digest()

    def encode(self) -> bytes:
        """The file's bytes."""
        header = wire.SEGMENT.encode(
            {
                "version": wire.VERSION,
                "epoch": self.epoch,
                "list_version": self.list_version,
                "follows": self.follows,
                "parameters": self.parameters.encode(),
                "entries": self.entries,
                "lowest": self.lowest,
                "highest": self.highest,
                "keys": self.shape.keys,
                "segment_bits": self.shape.segment_bits,
                "starts": self.shape.starts,
                "seed": self.shape.seed,
                "withdrawn": len(self.withdrawn),
            }
        )
        head = MAGIC + len(header).to_bytes(_SIZE_BYTES, "big") + header
        withdrawn = self.withdrawn.astype(">u4").tobytes()
        digest = hashlib.sha256(head)
        digest.update(self.cells.data)
        digest.update(withdrawn)
        return b"".join((head, self.cells.tobytes(), withdrawn, digest.digest()))


def decode(file: bytes | memoryview | U8Array) -> Segment:
    """The segment in a file's bytes, or in a memory-mapped uint8 array. Raises BadSegment."""
    view = memoryview(file).cast("B")  # type: ignore[arg-type]  # numpy arrays are buffers too
    header, body, file_sha256 = _header(view)
    try:
        values = decode_message(wire.SEGMENT, header)
        parameters = OnDeviceParameters.decode(octets(values, "parameters"))
    except (MalformedMessage, BadParameters, BadMapParameters) as error:
        raise BadSegment(f"the file's header can't be read: {error.what}") from None
    keys, bits, starts, seed = (
        number(values, name) for name in ("keys", "segment_bits", "starts", "seed")
    )
    shape = Shape(keys, bits, starts, seed)
    entries, count = number(values, "entries"), number(values, "withdrawn")
    cell_bytes = _cell_bytes(shape, entries, parameters)
    if len(body) != cell_bytes + 4 * count:
        raise BadSegment("the file's counts don't fit its size")
    withdrawn = np.frombuffer(body[cell_bytes:], dtype=">u4").astype(np.uint32)
    lowest, highest = number(values, "lowest"), number(values, "highest")
    _check_numbers(entries, lowest, highest, withdrawn)
    follows = values["follows"]
    return Segment(
        epoch=number(values, "epoch"),
        list_version=number(values, "list_version"),
        follows=follows if isinstance(follows, int) else None,
        parameters=parameters,
        entries=entries,
        lowest=lowest,
        highest=highest,
        shape=shape,
        cells=np.frombuffer(body[:cell_bytes], dtype=np.uint8),
        withdrawn=withdrawn,
        file_sha256=file_sha256,
    )


def _header(view: memoryview) -> tuple[bytes, memoryview, bytes]:
    """The header's bytes, the body and the file's SHA-256, once magic, size and checksum hold."""
    start = len(MAGIC) + _SIZE_BYTES
    if len(view) < start + CHECKSUM_BYTES or bytes(view[: len(MAGIC)]) != MAGIC:
        raise BadSegment("the file is no part of a map, or of another version")
    size = int.from_bytes(view[len(MAGIC) : start], "big")
    if size > len(view) - start - CHECKSUM_BYTES:
        raise BadSegment("the file is shorter than its header")
    hashed, checksum = hashlib.sha256(view[:-CHECKSUM_BYTES]), view[-CHECKSUM_BYTES:]
    if not hmac.compare_digest(hashed.digest(), checksum):
        raise BadSegment("the file's checksum does not match")
    hashed.update(checksum)
    header, body = view[start : start + size], view[start + size : -CHECKSUM_BYTES]
    return bytes(header), body, hashed.digest()


def _cell_bytes(shape: Shape, entries: int, parameters: OnDeviceParameters) -> int:
    """The size of the packed cells, in whole numbers that no count can overflow."""
    low, high = static_function.MIN_SEGMENT_BITS, static_function.MAX_SEGMENT_BITS
    if not low <= shape.segment_bits <= high or shape.starts < 1:
        raise BadSegment("the file names a shape that no map has")
    if shape.starts << shape.segment_bits >= 2**32 or shape.keys > shape.cells:
        raise BadSegment("the file names more pieces than its cells can hold")
    if bool(entries) != bool(shape.keys) or shape.keys > entries * parameters.tags.tables:
        raise BadSegment("the file names more pieces than its entries have")
    return shape.size_bytes(parameters.value_bits)


def _check_numbers(entries: int, lowest: int, highest: int, withdrawn: U32Array) -> None:
    fit = highest - lowest + 1 >= entries if entries else lowest == highest == 0
    if not fit:
        raise BadSegment("the file's range of numbers does not fit its entries")
    if (withdrawn[1:] <= withdrawn[:-1]).any():
        raise BadSegment("the file's withdrawn numbers don't increase")
