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

import numpy as np

from softfall.crypto.lattice.parameters import COLUMNS, PREPARED_WORDS, SLOTS
from softfall.crypto.lattice.transform import (
    I64Array,
    U8Array,
    U32Array,
    from_slots,
    to_slots,
)


def prepare(rows: U8Array, threads: int = 2) -> U32Array:
    """Rows, (blocks, 64, 32) uint8, in the form that `products` takes: (64, blocks, 192) uint32."""
    return prepare_plain(rows)


def products(prepared: U32Array, queries: U32Array, threads: int = 2) -> U32Array:
    """Each query with each block: (Q, blocks, 64) uint32 below q, one encrypted distance a row.

    prepared: (64, blocks, 192), as `prepare` gives it or mapped from a file; queries:
    (Q, 64, 256), as `read_query` gives each. threads: how many share the blocks.
    """
    return products_plain(prepared, queries)


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
