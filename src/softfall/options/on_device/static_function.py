"""A compact static function: it gives each of its keys a small number, and keeps no key.

Guarantees: `lookup` gives every key that `construction.build` was shown its value, exactly. Any
other key gets the exclusive or of four unrelated cells: a number that says nothing, not even that
the key is a stranger. That is the caller's to tell (check bits, or two tables that must agree).
Refuses: nothing; a shape from elsewhere is checked where it is read (`segment`).
Costs: 1.08 to 1.3 times value_bits a key (the first from some hundred thousand keys on), four
reads a lookup.
Source: 4-wise binary fuse filters, Graf and Lemire 2022, holding a value for a fingerprint.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

U8Array = npt.NDArray[np.uint8]
U32Array = npt.NDArray[np.uint32]
U64Array = npt.NDArray[np.uint64]
I64Array = npt.NDArray[np.int64]

ARITY: Final = 4
GUARD_BYTES: Final = (
    8  # zeros after the cells: every cell is read with the eight bytes from its own
)
MAX_VALUE_BITS: Final = 32
MIN_SEGMENT_BITS: Final = 3  # cells come in eights, hence whole bytes
MAX_SEGMENT_BITS: Final = 18

_CHUNK_CELLS: Final = 1 << 18
_OFFSET_BITS: Final = 21


@dataclass(frozen=True, slots=True)
class Shape:
    """Where a key's four cells lie: in four neighbouring segments, beginning with one of `starts`.

    keys: how many keys it was made for; with none there are no cells. segment_bits: a segment has
    2^segment_bits cells. starts: segments that the first cell may lie in. seed: below 2^63.
    """

    keys: int
    segment_bits: int
    starts: int
    seed: int

    @property
    def cells(self) -> int:
        """How many cells, a multiple of 8."""
        return (self.starts + ARITY - 1) << self.segment_bits if self.keys else 0

    def size_bytes(self, value_bits: int) -> int:
        """The packed cells with their guard."""
        return self.cells * value_bits // 8 + GUARD_BYTES


def shape_for(keys: int, seed: int, larger: int = 0) -> Shape:
    """The shape that `keys` keys usually fit, with `larger` segments to spare.

    Source: the sizes that the paper's authors found by experiment for arity 4.
    """
    if keys == 0:
        return Shape(0, MIN_SEGMENT_BITS, 1, seed)
    log_keys = math.log(max(keys, 2))
    usual = int(log_keys / math.log(2.91) - 0.5)
    segment_bits = min(max(usual, MIN_SEGMENT_BITS), MAX_SEGMENT_BITS)
    room = round(keys * max(1.075, 0.77 + 0.305 * math.log(600_000) / log_keys))
    starts = max(1, -(-room // (1 << segment_bits)) - (ARITY - 1))
    return Shape(keys, segment_bits, starts + larger, seed)


def positions(keys: U64Array, shape: Shape) -> I64Array:
    """Each key's four cells. keys: (n, 2) uint64, uniform. Returns (n, 4) int64."""
    cells: I64Array = _positions(keys, [shape])[0]
    return cells


def lookup(packed: U8Array, value_bits: int, keys: U64Array, shape: Shape) -> U32Array:
    """Each key's value: (n,) uint32. packed: from `pack`; (n, 2) keys. No keys: all zeros."""
    values: U32Array = lookup_all(packed, [0], value_bits, keys, [shape])[0]
    return values


def lookup_all(
    packed: U8Array,
    begins: Sequence[int],
    value_bits: int,
    keys: U64Array,
    shapes: Sequence[Shape],
) -> U32Array:
    """Each key's value in each of some static functions: (functions, n) uint32.

    packed: their cells one after the other; begins: the byte at which each begins. One with no
    keys gives zeros.
    """
    bit = _positions(keys, shapes) * value_bits
    at = (bit >> 3) + np.array(begins, dtype=np.int64)[:, None, None]
    empty = np.array([shape.keys == 0 for shape in shapes])
    at[empty] = 0
    words = _words(packed)[at].astype(np.uint64)
    shift = (64 - value_bits - (bit & 7)).astype(np.uint64)
    cells = (words >> shift) & np.uint64((1 << value_bits) - 1)
    values: U32Array = np.bitwise_xor.reduce(cells, axis=2).astype(np.uint32)
    values[empty] = 0
    return values


def lookup_oracle(packed: bytes, value_bits: int, key: tuple[int, int], shape: Shape) -> int:
    """What `lookup` must say of one key, by whole numbers alone."""
    if shape.keys == 0:
        return 0
    whole, cells = int.from_bytes(packed, "big"), len(packed) * 8
    row = positions(np.array([key], dtype=np.uint64), shape)[0]
    value = 0
    for cell in row.tolist():
        value ^= whole >> (cells - (cell + 1) * value_bits) & ((1 << value_bits) - 1)
    return value


def pack(cells: U32Array, value_bits: int) -> bytes:
    """The cells end to end, value_bits each, the most significant bit first, and the guard."""
    places = np.arange(value_bits - 1, -1, -1, dtype=np.uint32)
    parts = [
        np.packbits((cells[at : at + _CHUNK_CELLS, None] >> places & 1).astype(np.uint8)).tobytes()
        for at in range(0, len(cells), _CHUNK_CELLS)
    ]
    return b"".join(parts) + bytes(GUARD_BYTES)


def _positions(keys: U64Array, shapes: Sequence[Shape]) -> I64Array:
    """(shapes, n, 4): each key's four cells under each shape."""

    def column(values: Iterable[int]) -> U64Array:
        return np.array(list(values), dtype=np.uint64)[:, None]

    seed = column(shape.seed for shape in shapes)
    length = column(1 << shape.segment_bits for shape in shapes)
    span = column(shape.starts << shape.segment_bits for shape in shapes)
    first, offsets = _mixed(keys[:, 0] ^ seed), _mixed(keys[:, 1] ^ seed)
    begin = ((first >> np.uint64(32)) * span) >> np.uint64(32)
    cells = np.empty((len(shapes), len(keys), ARITY), dtype=np.uint64)
    cells[:, :, 0] = begin
    for place in range(1, ARITY):
        offset = (offsets >> np.uint64(_OFFSET_BITS * (place - 1))) & (length - np.uint64(1))
        cells[:, :, place] = (begin + np.uint64(place) * length) ^ offset
    return cells.astype(np.int64)


def _words(packed: U8Array) -> npt.NDArray[np.uint64]:
    """The eight bytes from each byte on, big-endian, without a copy."""
    count = len(packed) - GUARD_BYTES + 1
    words: npt.NDArray[np.uint64] = np.ndarray(count, ">u8", packed, strides=(1,))
    return words


def _mixed(words: U64Array) -> U64Array:
    """SplitMix64's finaliser: another permutation of 64 bits for each seed."""
    words = words ^ (words >> np.uint64(30))
    words = words * np.uint64(0xBF58476D1CE4E5B9)
    words = words ^ (words >> np.uint64(27))
    words = words * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))
