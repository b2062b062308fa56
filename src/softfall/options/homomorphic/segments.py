"""The files of one segment of a list: its rows, for the provider; its hint, for the keyholder.

Guarantees: a file holds whole blocks, of one size each; what is read is a view of the buffer, so a
memory-mapped file stays on disk. A block is 48 places for entries and 16 dummy rows of fresh random
bits, which keep the keyholder from solving for the rest; an empty place holds random bits too.
Refuses: files that are cut, overlong, of another form, or not of the digest that the custodian
signed, as BadListFile.
Layout: 64 bytes (magic, number of blocks as 4 bytes, zeros), then, all little-endian:
rows: (blocks, 64, 32) uint8 hashes, (blocks, 48) uint32 entry numbers (0xFFFFFFFF: empty);
hint: (64, blocks, 16) uint32.
"""

import hashlib
import hmac
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from softfall.errors import PeerError
from softfall.options.homomorphic import wire

U8Array = npt.NDArray[np.uint8]
U32Array = npt.NDArray[np.uint32]
BoolArray = npt.NDArray[np.bool_]
Buffer = bytes | memoryview | np.memmap[Any, Any] | npt.NDArray[np.uint8]

BLOCK_ROWS: Final = 64
LIST_ROWS: Final = 48
HINT_COLUMNS: Final = 16
NO_ENTRY: Final = 0xFFFFFFFF
HEADER_BYTES: Final = 64
_ROWS_MAGIC: Final = b"SFHROWS1"
_HINT_MAGIC: Final = b"SFHHINT1"
_ROW_BLOCK_BYTES: Final = BLOCK_ROWS * wire.HASH_BYTES + LIST_ROWS * 4
_HINT_BLOCK_BYTES: Final = 64 * HINT_COLUMNS * 4


class BadListFile(PeerError):
    """A file of a list's segment that is damaged, or not the one that the custodian signed."""

    remedy = "Use nothing of it; fetch it again, and tell the custodian if it stays so."


@dataclass(frozen=True, slots=True)
class Rows:
    """Blocks of a list. hashes: (blocks, 64, 32) uint8, list rows first; numbers: (blocks, 48)."""

    hashes: U8Array = field(repr=False)
    numbers: U32Array = field(repr=False)

    def __len__(self) -> int:
        return len(self.hashes)

    def chosen(self, blocks: BoolArray) -> "Rows":
        """A copy of some blocks, unchanged. blocks: (blocks,) bool."""
        return Rows(self.hashes[blocks], self.numbers[blocks])


def encode_rows(rows: Rows) -> bytes:
    """The file of rows."""
    hashes = np.ascontiguousarray(rows.hashes, np.uint8)
    numbers = np.ascontiguousarray(rows.numbers, "<u4")
    return _header(_ROWS_MAGIC, len(rows)) + hashes.tobytes() + numbers.tobytes()


def read_rows(file: Buffer, sha256: bytes | None = None) -> Rows:
    """The rows of a file, as views. sha256: refuse any other file. Raises BadListFile."""
    blocks, body = _opened(file, _ROWS_MAGIC, _ROW_BLOCK_BYTES, sha256)
    cut = blocks * BLOCK_ROWS * wire.HASH_BYTES
    hashes = body[:cut].reshape(blocks, BLOCK_ROWS, wire.HASH_BYTES)
    return Rows(hashes, body[cut:].view("<u4").reshape(blocks, LIST_ROWS))


def encode_hint(hint: U32Array) -> bytes:
    """The file of a hint, (64, blocks, 16) uint32."""
    body = np.ascontiguousarray(hint, "<u4")
    return _header(_HINT_MAGIC, hint.shape[1]) + body.tobytes()


def read_hint(file: Buffer, sha256: bytes | None = None) -> U32Array:
    """The hint of a file, as a view. sha256: refuse any other file. Raises BadListFile."""
    blocks, body = _opened(file, _HINT_MAGIC, _HINT_BLOCK_BYTES, sha256)
    return body.view("<u4").reshape(BLOCK_ROWS, blocks, HINT_COLUMNS)


def rows_file_bytes(blocks: int) -> int:
    """The size of a file of rows."""
    return HEADER_BYTES + blocks * _ROW_BLOCK_BYTES


def hint_file_bytes(blocks: int) -> int:
    """The size of a file of hints."""
    return HEADER_BYTES + blocks * _HINT_BLOCK_BYTES


def _header(magic: bytes, blocks: int) -> bytes:
    return (magic + blocks.to_bytes(4, "little")).ljust(HEADER_BYTES, b"\0")


def _opened(
    file: Buffer, magic: bytes, block_bytes: int, sha256: bytes | None
) -> tuple[int, U8Array]:
    whole = np.frombuffer(file, np.uint8)
    head = whole[:HEADER_BYTES].tobytes()
    blocks = int.from_bytes(head[len(magic) : len(magic) + 4], "little")
    if head != _header(magic, blocks) or whole.size != HEADER_BYTES + blocks * block_bytes:
        raise BadListFile("a segment's file is cut, or of another form")
    if sha256 is not None and not hmac.compare_digest(hashlib.sha256(whole.data).digest(), sha256):
        raise BadListFile("a segment's file is not the one that the custodian signed")
    return blocks, whole[HEADER_BYTES:]
