"""The compiled part of `hint`: see there for the layout, and for the oracles.

Guarantees: no branch and no address depends on what is read, a query's secret least of all.
"""

from typing import Any, Final

import numpy as np

from softfall.compiled.exported import array, exported, inlined
from softfall.compiled.residues import LANES, inner_four, short_inner, widen
from softfall.crypto.lattice.parameters import (
    COLUMNS,
    COMPONENTS,
    FIRST_PRIME,
    SECOND_PRIME,
    SLOTS,
)
from softfall.crypto.lattice.sampling_kernel import THREE, drawn
from softfall.crypto.lattice.slots_kernel import OFFSET, TABLES, finish, to_slots

_BLOCK_BYTES: Final = 3 * COLUMNS  # of one slot
_FOUR: Final = 4
_FIRST: Final = np.uint64(FIRST_PRIME)
_SECOND: Final = np.uint64(SECOND_PRIME)


@inlined
def _nearest(value: Any, prime: Any) -> Any:
    """The residue nearest to 0 of a number from 0 on; the prime is a constant to the compiler."""
    half = prime >> np.uint64(1)
    return np.int16(np.int64((np.uint64(value) + half) % prime) - np.int64(half))


@exported("void(uint8*, int64, int64, int64, int16*, int16*, int32*, int16*)")
def make(
    prepared: Any, width: Any, first: Any, blocks: Any, matrices: Any, widened: Any, sums: Any,
    hint_: Any,
) -> None:  # fmt: skip
    """The hint of `width` prepared blocks, as blocks `first` on of (64, blocks, 2, 16) int16.

    prepared: (64, width, 768) bytes; matrices: (64, 16, 2, 256) int16. Scratch: widened (2, 256)
    int16, sums (32) int32.
    """
    hint = array(hint_, (SLOTS, blocks, 2, COMPONENTS))
    for slot in range(SLOTS):
        for block in range(width):
            widen(prepared, (slot * width + block) * _BLOCK_BYTES, widened)
            for four in range(0, COMPONENTS, _FOUR):
                at = (slot * COMPONENTS + four) * 2 * COLUMNS
                inner_four(widened, 0, matrices, at, 2 * COLUMNS, sums, four)
                there = COMPONENTS + four
                inner_four(widened, COLUMNS, matrices, at + COLUMNS, 2 * COLUMNS, sums, there)
            for h in range(COMPONENTS):
                first_sum = np.int64(sums[h]) + OFFSET
                second_sum = np.int64(sums[COMPONENTS + h]) + OFFSET
                hint[slot, first + block, 0, h] = _nearest(first_sum, _FIRST)
                hint[slot, first + block, 1, h] = _nearest(second_sum, _SECOND)


@exported("void(uint64*, uint16*, uint16*, int16*)")
def secret(words: Any, tables_: Any, rows: Any, secret_: Any) -> None:
    """(64, 16) words into a secret's slots, (64, 2, 16) int16. rows: (64, 32) uint16 of zeros."""
    tables = array(tables_, TABLES)
    made = array(secret_, (SLOTS, 2, COMPONENTS))
    for which in range(2):
        drawn(words, COMPONENTS, THREE, rows, 0, LANES, tables[which, 2, 0, 0])
        to_slots(rows, 0, LANES, which, tables)
        for slot in range(SLOTS):
            for h in range(COMPONENTS):
                value = np.int64(rows[slot * LANES + h])
                made[slot, which, h] = np.int16(value)
    for slot in range(SLOTS):
        for h in range(COMPONENTS):
            made[slot, 0, h] = _nearest(np.int64(made[slot, 0, h]), _FIRST)
            made[slot, 1, h] = _nearest(np.int64(made[slot, 1, h]), _SECOND)


@exported(
    "void(int16*, int64, int64, int64, int16*, uint16*, int64, int32*, uint16*, uint32*, uint32*)"
)
def multiply(
    hint: Any, blocks: Any, first: Any, last: Any, secret: Any, tables_: Any, tile: Any,
    sums: Any, rows: Any, joined: Any, out_: Any,
) -> None:  # fmt: skip
    """Blocks `first` to `last` of a hint times a secret, into (1, blocks, 64) uint32.

    hint: (64, blocks, 2, 16); secret: (64, 2, 16). Scratch as for the list's `multiply`.
    """
    tables = array(tables_, TABLES)
    out = array(out_, (1, blocks, SLOTS))
    start = first
    while start < last:
        width = min(tile, last - start)
        for slot in range(SLOTS):
            for block in range(width):
                at = (slot * blocks + start + block) * 2 * COMPONENTS
                own = slot * 2 * COMPONENTS
                for which in range(2):
                    part = which * COMPONENTS
                    goal = (which * SLOTS + slot) * tile + block
                    sums[goal] = short_inner(hint, at + part, secret, own + part)
        finish(sums, 0, tile, width, rows, joined, tables, out, 0, start, 1)
        start += tile
