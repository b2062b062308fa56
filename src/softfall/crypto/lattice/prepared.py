"""The provider's list, prepared so that one encrypted hash meets every row in one pass.

A block is 64 rows of 256 bits: 48 of the list and 16 dummies. Its 256 columns are polynomials with
coefficients 1 and -1, in slot form: per slot and block 256 residues modulo each prime, 12 bits
each, which is three bytes a column: low bytes modulo the first prime, low bytes modulo the second,
then a byte with the high four bits of both (the first's below).
Guarantees: `products` is exact: what a query's noise does to a distance is in `parameters`.
Refuses nothing: shapes are the caller's to keep (ValueError where they cannot be met).
Limits: reads every byte for each call, in an order that depends on shapes alone.
The oracles are `prepare_plain` and `products_plain`.
"""

from typing import Final

import numpy as np

from softfall.compiled.native import Native
from softfall.crypto.lattice.parameters import COLUMNS, PREPARED_WORDS, SLOTS
from softfall.crypto.lattice.threads import LANES, aligned, share
from softfall.crypto.lattice.transform import (
    I64Array,
    U8Array,
    U32Array,
    from_slots,
    tables,
    to_slots,
)

TABLES: Final = tables()

_PREPARE: Final = Native("softfall.crypto.lattice.prepared_kernel", "prepare")
_MULTIPLY: Final = Native("softfall.crypto.lattice.prepared_kernel", "multiply")
_TOGETHER: Final = 4  # queries that share a look at the list
# Blocks at a time, by queries that share a look: long runs of the list, sums that stay in a cache.
_TILE_BLOCKS: Final = {1: 256, _TOGETHER: 128}


def prepare(rows: U8Array, threads: int = 2) -> U32Array:
    """Rows, (blocks, 64, 32) uint8, in the form that `products` takes: (64, blocks, 192) uint32."""
    made: U32Array = aligned((SLOTS, len(rows), PREPARED_WORDS), np.uint32)
    prepare_into(made, rows, threads)
    return made


def prepare_into(made: U32Array, rows: U8Array, threads: int = 2) -> None:
    """As `prepare`, into an array of its shape: one that is mapped to a file, for example."""
    rows = np.ascontiguousarray(rows)
    octets = made.view(np.uint8)

    def part(first: int, last: int) -> None:
        planes = aligned((2, SLOTS, COLUMNS), np.uint16)
        _PREPARE(rows, len(rows), first, last, TABLES, planes, octets)

    share(len(rows), threads, part)


def products(prepared: U32Array, queries: U32Array, threads: int = 2) -> U32Array:
    """Each query with each block: (Q, blocks, 64) uint32 below q, one encrypted distance a row.

    prepared: (64, blocks, 192), as `prepare` gives it or mapped from a file; queries:
    (Q, 64, 256), as `read_query` gives each. threads: how many share the blocks. Four queries and
    more share their looks at the list: 8 take far less than 8 times one.
    """
    blocks, count = prepared.shape[1], len(queries)
    together = 1 if count == 1 else _TOGETHER
    groups = -(-count // together)
    asked = aligned((SLOTS, groups * together, 2, COLUMNS), np.int16)
    asked[:, count:] = 0
    parts = queries.view(np.int16).reshape(count, SLOTS, 2, COLUMNS)
    asked[:, :count] = parts.transpose(1, 0, 2, 3)
    out = np.empty((groups * together, blocks, SLOTS), np.uint32)
    octets, tile = prepared.view(np.uint8), _TILE_BLOCKS[together]

    def part(first: int, last: int) -> None:
        _MULTIPLY(
            octets, blocks, first, last, asked, groups, together, TABLES, tile,
            aligned((2, COLUMNS), np.int16),
            aligned((groups * together, 2, SLOTS, tile), np.int32),
            aligned((2, SLOTS, LANES), np.uint16),
            aligned((SLOTS, LANES), np.uint32),
            out,
        )  # fmt: skip

    share(blocks, threads, part)
    return out[:count]


def load() -> None:
    """Find or compile the machine code now, so that no first picture waits for it."""
    _PREPARE.ready()
    _MULTIPLY.ready()


def prepare_plain(rows: U8Array) -> U32Array:
    """What `prepare` gives, in plain numpy."""
    blocks = len(rows)
    made = np.empty((SLOTS, blocks, PREPARED_WORDS), np.uint32)
    for block in range(blocks):
        made[:, block] = _packed(to_slots(signs(rows[block])))
    return made


def signs(rows: U8Array) -> I64Array:
    """A block's (64, 32) uint8 as (64, 256): 1 for a bit that is 0, -1 for one."""
    return 1 - 2 * np.unpackbits(rows, axis=1).astype(np.int64)


def products_plain(prepared: U32Array, queries: U32Array) -> U32Array:
    """What `products` gives, in plain numpy."""
    blocks = prepared.shape[1]
    out = np.empty((len(queries), blocks, SLOTS), np.uint32)
    asked = queries.view(np.int16).reshape(len(queries), SLOTS, 2, COLUMNS).astype(np.int64)
    for block in range(blocks):
        columns = _unpacked(prepared[:, block])
        for number, query in enumerate(asked):
            sums = [(columns[k] * query[:, k]).sum(axis=1) for k in (0, 1)]
            out[number, block] = from_slots(sums)
    return out


def _packed(residues: list[I64Array]) -> U32Array:
    """(64, 256) modulo each prime -> (64, 192) words."""
    first, second = residues
    planes = [first & 255, second & 255, first >> 8 | second >> 8 << 4]
    return np.concatenate(planes, axis=1).astype(np.uint8).view(np.uint32)


def _unpacked(words: U32Array) -> list[I64Array]:
    octets = np.ascontiguousarray(words).view(np.uint8).astype(np.int64)
    first, second, high = np.split(octets, 3, axis=1)
    return [first | (high & 15) << 8, second | high >> 4 << 8]
