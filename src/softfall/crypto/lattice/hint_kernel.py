"""The compiled part of `hint`: see there for the layout, and for the oracles.

Guarantees: no branch and no address depends on what is read, a query's secret least of all.
"""

from typing import Any, Final

import numpy as np

from softfall.compiled.exported import array, exported
from softfall.compiled.residues import inner_four, short_inner, widen
from softfall.crypto.lattice.parameters import (
    COLUMNS,
    COMPONENTS,
    FIRST_PRIME,
    SECOND_PRIME,
    SLOTS,
)
from softfall.crypto.lattice.slots_kernel import TABLES, finish

_BLOCK_BYTES: Final = 3 * COLUMNS  # of one slot
_FOUR: Final = 4


@exported("void(uint8*, int64, int64, int64, int16*, int16*, int32*, int16*)")
def make(
    prepared: Any, width: Any, first: Any, blocks: Any, matrices: Any, widened: Any, sums: Any,
    hint_: Any,
) -> None:  # fmt: skip
    """The hint of `width` prepared blocks, as blocks `first` on of (64, blocks, 2, 16) int16.

    prepared: (64, width, 768) bytes; matrices: (64, 16, 2, 256) int16. Scratch: widened (2, 256)
    int16, sums (16) int32.
    """
    hint = array(hint_, (SLOTS, blocks, 2, COMPONENTS))
    for slot in range(SLOTS):
        for block in range(width):
            widen(prepared, (slot * width + block) * _BLOCK_BYTES, widened)
            for which in range(2):
                prime = np.int64(FIRST_PRIME if which == 0 else SECOND_PRIME)
                for four in range(0, COMPONENTS, _FOUR):
                    at = ((slot * COMPONENTS + four) * 2 + which) * COLUMNS
                    inner_four(widened, which * COLUMNS, matrices, at, 2 * COLUMNS, sums, four)
                for h in range(COMPONENTS):
                    # Shifted by half a prime before, and back: the residue nearest to 0.
                    half = prime >> 1
                    residue = (np.int64(sums[h]) + half) % prime - half
                    hint[slot, first + block, which, h] = np.int16(residue)


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
