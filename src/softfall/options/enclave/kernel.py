"""The scan inside the enclave: every entry for every query, with no step that depends on data.

Guarantees, for the compiled `scan` alone: it reads every word of every entry for each query, in the
same order whatever they hold, and branches on counters only: XOR, count the ones, subtract, keep
the sign, OR. A match neither ends the scan nor adds work. The tests read the generated code for a
branch on data, and measure match against no match.
Refuses nothing: shapes are the caller's (`enclave`) to keep.
Limits: claimed for the kernel, not for what opens and unpacks a submission around it, and not
against whoever reads the memory bus.
Oracle: `scan_plain`. Source: the popcount pattern is Hacker's Delight, section 5-1; how such code
is tested: "Dude, is my code constant time?", Reparaz et al. 2017.
Entries lie in blocks of columns, so that one instruction takes the same word of several entries.
Loading this module compiles the kernel once (a second), then takes it from numba's cache.
"""

from typing import Any, Final

import numba
import numpy as np
import numpy.typing as npt

from softfall.compiled.jit import kernel

U64Array = npt.NDArray[np.uint64]

WORDS: Final = 4
BLOCK_ROWS: Final = 512  # 16 KiB stay in the first cache while every query passes over them

_U64: Final[Any] = numba.types.uint64
_BLOCKS: Final[Any] = numba.types.Array(_U64, 3, "C", readonly=True)
_ROWS: Final[Any] = numba.types.Array(_U64, 2, "C", readonly=True)
_FLAGS: Final[Any] = numba.types.Array(_U64, 1, "C")


@numba.njit(inline="always")
def _ones(x: Any) -> Any:
    """The number of ones; LLVM knows this pattern, and has an instruction or a table-free way."""
    x = x - ((x >> np.uint64(1)) & np.uint64(0x5555555555555555))
    x = (x & np.uint64(0x3333333333333333)) + ((x >> np.uint64(2)) & np.uint64(0x3333333333333333))
    x = (x + (x >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return (x * np.uint64(0x0101010101010101)) >> np.uint64(56)


@kernel(numba.types.void(_BLOCKS, _ROWS, _U64, _FLAGS))
def scan(blocks: U64Array, queries: U64Array, radius_bits: int, near: U64Array) -> None:
    """Sets near[q] to 1 where an entry lies within the radius of query q; leaves it else.

    blocks: (B, 4, BLOCK_ROWS) uint64, as `in_blocks` lays entries out; queries: (Q, 4) uint64,
    both read-only to it; radius_bits: 0 to 255. near: (Q,) uint64 of zeros and ones; scanning in
    parts, into one `near`, gives the whole.
    """
    limit = radius_bits + np.uint64(1)
    for block in range(blocks.shape[0]):
        for row in range(queries.shape[0]):
            q0, q1, q2, q3 = queries[row, 0], queries[row, 1], queries[row, 2], queries[row, 3]
            found = np.uint64(0)
            for i in range(blocks.shape[2]):
                bits = _ones(blocks[block, 0, i] ^ q0) + _ones(blocks[block, 1, i] ^ q1)
                bits += _ones(blocks[block, 2, i] ^ q2) + _ones(blocks[block, 3, i] ^ q3)
                found |= (bits - limit) >> np.uint64(63)  # the sign: 1 where bits <= radius
            near[row] |= found


def in_blocks(entries: U64Array) -> U64Array:
    """Entries, (N, 4) uint64, as `scan` reads them: (B, 4, BLOCK_ROWS), a copy.

    The last block is filled with the last entry, which changes no answer.
    """
    if len(entries) == 0:
        return np.empty((0, WORDS, BLOCK_ROWS), np.uint64)
    filled = np.repeat(entries[-1:], -len(entries) % BLOCK_ROWS, axis=0)
    blocks = np.concatenate([entries, filled]).reshape(-1, BLOCK_ROWS, WORDS)
    return np.ascontiguousarray(blocks.transpose(0, 2, 1))


def scan_plain(entries: U64Array, queries: U64Array, radius_bits: int) -> U64Array:
    """What `scan` sets in a `near` of zeros, in plain numpy: (Q,) uint64."""
    if len(entries) == 0:
        return np.zeros(len(queries), np.uint64)
    differing = entries[None, :, :] ^ queries[:, None, :]
    bits = np.bitwise_count(differing).sum(axis=2, dtype=np.int64)
    near: U64Array = (bits <= radius_bits).any(axis=1).astype(np.uint64)
    return near
