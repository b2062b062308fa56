"""The compiled part of `prepared`: see there for the layout, and for the oracles.

Guarantees: no branch and no address depends on what is read. A tile of blocks passes through every
slot before the next: its sums stay in the cache, and the list is read once, whatever the queries.
"""

from typing import Any, Final

from softfall.compiled.exported import array, exported
from softfall.compiled.residues import LANES, fetch, inner, inner_four, narrow, signs, widen
from softfall.crypto.lattice.parameters import COLUMNS, HASH_BYTES, SLOTS
from softfall.crypto.lattice.slots_kernel import TABLES, finish, to_slots

_BLOCK_BYTES: Final = 3 * COLUMNS  # of one slot
_PLANE: Final = SLOTS * COLUMNS
_LINE_BYTES: Final = 64
_AHEAD_BLOCKS: Final = 4  # asked for in advance: the sums in between keep memory waiting else


@exported("void(uint8*, int64, int64, int64, uint16*, uint16*, uint8*)")
def prepare(
    rows: Any, blocks: Any, first: Any, last: Any, tables_: Any, planes: Any, prepared: Any
) -> None:
    """Blocks `first` to `last` of (blocks, 64, 32) uint8 rows into (64, blocks, 768) bytes.

    planes: scratch, (2, 64, 256) uint16.
    """
    tables = array(tables_, TABLES)
    for block in range(first, last):
        for which in range(2):
            for row in range(SLOTS):
                for chunk in range(0, COLUMNS, LANES):
                    at = (block * SLOTS + row) * HASH_BYTES + chunk // 8
                    there = which * _PLANE + row * COLUMNS + chunk
                    signs(rows, at, planes, there, tables[which, 2, 0, 0])
            for chunk in range(0, COLUMNS, LANES):
                to_slots(planes, which * _PLANE + chunk, COLUMNS, which, tables)
        for slot in range(SLOTS):
            for chunk in range(0, COLUMNS, LANES):
                at = slot * COLUMNS + chunk
                goal = (slot * blocks + block) * _BLOCK_BYTES + chunk
                narrow(planes, at, _PLANE + at, prepared, goal)


@exported(
    "void(uint8*, int64, int64, int64, int16*, int64, int64, uint16*, int64, int16*, int32*, "
    "uint16*, uint32*, uint32*)"
)
def multiply(
    prepared: Any, blocks: Any, first: Any, last: Any, queries: Any, groups: Any, together: Any,
    tables_: Any, tile: Any, widened: Any, sums: Any, rows: Any, joined: Any, products_: Any,
) -> None:  # fmt: skip
    """Blocks `first` to `last` times each query, into (groups * together, blocks, 64) uint32.

    queries: (64, groups * together, 2, 256) int16. together: 1 or 4 queries that share each look
    at the list. tile: blocks at a time, a multiple of 32. Scratch: widened (2, 256) int16, sums
    (groups, 2, 64, tile * together) int32, rows (2, 64, 32) uint16, joined (64, 32) uint32.
    """
    tables = array(tables_, TABLES)
    products = array(products_, (groups * together, blocks, SLOTS))
    row = tile * together
    start = first
    while start < last:
        width = min(tile, last - start)
        for slot in range(SLOTS):
            for block in range(width):
                place = (slot * blocks + start + block) * _BLOCK_BYTES
                for line in range(0, _BLOCK_BYTES, _LINE_BYTES):
                    fetch(prepared, place + _AHEAD_BLOCKS * _BLOCK_BYTES + line)
                widen(prepared, place, widened)
                for each in range(2 * groups):
                    group, which = each >> 1, each & 1
                    at = ((slot * groups + group) * together * 2 + which) * COLUMNS
                    goal = (each * SLOTS + slot) * row + block * together
                    if together == 4:
                        apart = 2 * COLUMNS
                        inner_four(widened, which * COLUMNS, queries, at, apart, sums, goal)
                    else:
                        sums[goal] = inner(widened, which * COLUMNS, queries, at)
        for group in range(groups):
            finish(
                sums, group * 2 * SLOTS * row, row, width * together, rows, joined,
                tables, products, group * together, start, together,
            )  # fmt: skip
        start += tile
