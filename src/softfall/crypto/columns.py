"""A number or a bit for each of many rows, in few bytes: nine-bit columns and bit planes.

Guarantees: `unpacked(packed(v), rows)` is v; a column's size depends on the number of rows alone.
Refuses: bytes of another size (ValueError: the callers check sizes before, by their messages).

A bit plane has one bit a row, row 64 i + j at bit j of word i, in whole words of 64 bits, little
end first, its unused bits the writer's own business. A nine-bit column is the rows' lower eight
bits, a byte each, and then the plane of their ninth bit.
Oracle: `packed_plain`.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from softfall.compiled.native import Native

WORD_ROWS: Final = 64

U8Array = npt.NDArray[np.uint8]
U16Array = npt.NDArray[np.uint16]
U64Array = npt.NDArray[np.uint64]

_PACK: Final = Native("softfall.crypto.columns_kernel", "pack")
_UNPACK: Final = Native("softfall.crypto.columns_kernel", "unpack")


def words_of(rows: int) -> int:
    """How many words a plane of so many rows has."""
    return -(-rows // WORD_ROWS)


def plane_bytes(rows: int) -> int:
    """The size of a bit plane."""
    return 8 * words_of(rows)


def nine_bit_bytes(rows: int) -> int:
    """The size of a nine-bit column: nine eighths of a byte a row, and at most 8 bytes more."""
    return rows + plane_bytes(rows)


def packed(values: U16Array) -> bytes:
    """A nine-bit column of (rows,) numbers below 512; the plane's unused bits are zero."""
    rows = len(values)
    body = bytearray(nine_bit_bytes(rows))
    low = np.frombuffer(body, np.uint8, rows)
    high = np.empty(words_of(rows), np.uint64)
    _PACK(np.ascontiguousarray(values), rows, low, high)
    body[rows:] = octets(high)
    return bytes(body)


def unpacked(body: bytes, rows: int) -> U16Array:
    """The (rows,) numbers of a nine-bit column. Raises ValueError for another size."""
    if len(body) != nine_bit_bytes(rows):
        raise ValueError(f"a nine-bit column of {rows} rows has {nine_bit_bytes(rows)} bytes")
    values = np.empty(rows, np.uint16)
    _UNPACK(np.frombuffer(body, np.uint8, rows), plane(body[rows:]), rows, values)
    return values


def plane(body: bytes) -> U64Array:
    """A bit plane's words, aligned, from its bytes."""
    return np.frombuffer(bytearray(body), "<u8").astype(np.uint64, copy=False)


def octets(words: U64Array) -> bytes:
    """A bit plane's bytes, as it travels."""
    return words.astype("<u8", copy=False).tobytes()


def bits_of(words: U64Array, rows: int) -> U8Array:
    """A plane's (rows,) bits, a byte each."""
    return np.unpackbits(np.frombuffer(octets(words), np.uint8), count=rows, bitorder="little")


def plane_of(bits: U8Array) -> U64Array:
    """The plane of (rows,) bits, a byte each; its unused bits are zero."""
    body = np.zeros(plane_bytes(len(bits)), np.uint8)
    bits = np.packbits(bits, bitorder="little")
    body[: len(bits)] = bits
    return body.view("<u8").astype(np.uint64, copy=False)


def packed_plain(values: U16Array) -> bytes:
    """What `packed` returns, in plain numpy."""
    high = plane_of((values >> np.uint16(8)).astype(np.uint8))
    return (values & np.uint16(255)).astype(np.uint8).tobytes() + octets(high)
