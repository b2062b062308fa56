"""The scan inside the enclave: every entry for every query, with no step that depends on data.

Guarantees, for the machine code of `scan` alone (`scan_kernel`): it reads every word of every entry
for each query, in the same order whatever they hold, and branches on counters only: XOR, count the
ones, subtract, keep the sign, OR. A match neither ends the scan nor adds work. The tests read the
generated code for a branch on data, and measure match against no match.
Refuses nothing: shapes are the caller's (`enclave`) to keep.
Limits: claimed for the kernel, not for what opens and unpacks a submission around it, and not
against whoever reads the memory bus.
Oracle: `scan_plain`. Source: how such code is tested: "Dude, is my code constant time?", Reparaz et
al. 2017.
"""

from typing import Final

import numpy as np

from softfall.compiled.native import Native
from softfall.options.enclave.blocks import U64Array

_SCAN: Final = Native("softfall.options.enclave.scan_kernel", "scan")


def scan(blocks: U64Array, queries: U64Array, radius_bits: int, near: U64Array) -> None:
    """Sets near[q] to 1 where an entry lies within the radius of query q; leaves it else.

    blocks: (B, 4, BLOCK_ROWS) uint64, as `in_blocks` lays entries out; queries: (Q, 4) uint64,
    both read-only to it; radius_bits: 0 to 255. near: (Q,) uint64 of zeros and ones; scanning in
    parts, into one `near`, gives the whole.
    """
    _SCAN(blocks, len(blocks), queries, len(queries), radius_bits, near)


def load() -> None:
    """Find or compile the machine code now: before the process gives up what that takes."""
    _SCAN.ready()


def scan_plain(entries: U64Array, queries: U64Array, radius_bits: int) -> U64Array:
    """What `scan` sets in a `near` of zeros, in plain numpy: (Q,) uint64."""
    if len(entries) == 0:
        return np.zeros(len(queries), np.uint64)
    differing = entries[None, :, :] ^ queries[:, None, :]
    bits = np.bitwise_count(differing).sum(axis=2, dtype=np.int64)
    near: U64Array = (bits <= radius_bits).any(axis=1).astype(np.uint64)
    return near
