"""Which of many shared distances are within 31 bits: shares of one bit a row, nobody the wiser.

Two parties know x = d + r modulo 512 of each row, where d is its distance and r = r1 + r2 is dealt,
a part to each. Written as x = 32 xh + xl and r = 32 rh + rl, and with c = [xl < rl],

    d <= 31  exactly where  xh - rh - c = 0 modulo 16

so the bit is [xh = rh] where c is 0, and [xh - 1 = rh] where c is 1. Dealt as XOR shares, a row:
the table [v < rl] for v in 0 ... 31, and the table [v = rh] for v in 0 ... 15. Each party looks up
its shares of c, of the first and of the second; they choose between the two by one AND, with a
dealt triple (u, v, u and v), for which each opens its shares of c and of first xor second, masked.
Six bytes a row are dealt so, where one truth table for d itself would take 64.

Guarantees: exact for each d of 0 ... 511, so 256 is not taken for 0. x, what is opened, and each
party's shares alone, are uniform whatever the distances, as long as each row's material is used
once.
Leaves to others: that it is used once; opening x; and what becomes of the result's shares.
The parties are taken to follow the protocol; nothing here proves that one does.
Source: one-time truth tables, Ishai et al., TCC 2013; the AND is Beaver's, CRYPTO 1991. Oracles:
`looked_up_plain` for the kernel, `within` for the whole.
"""

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from softfall.compiled.native import Native
from softfall.crypto.columns import U16Array, U64Array, octets, plane, plane_of, words_of

MODULUS: Final = 512
RADIUS_BITS: Final = 31
PART_ROWS: Final = 1 << 16
"""Tables come in parts of so many rows, which stay in a processor's cache."""

U32Array = npt.NDArray[np.uint32]

_LOOK_UP: Final = Native("softfall.crypto.comparing_kernel", "look_up")
_COMPLETE: Final = Native("softfall.crypto.comparing_kernel", "complete")
_MASK: Final = np.uint16(MODULUS - 1)


class Tables(NamedTuple):
    """One party's shares of a part's tables. below: (rows,) uint32; equal: (rows,) uint16."""

    below: U32Array
    equal: U16Array


class Triple(NamedTuple):
    """One party's shares of all rows' AND triples, as planes: product = left and right."""

    left: U64Array
    right: U64Array
    product: U64Array


class LookedUp(NamedTuple):
    """One party's shares, as planes: of c, of [xh = rh], and of what c would change about it."""

    below: U64Array
    first: U64Array
    change: U64Array


def parts(rows: int) -> Iterator[tuple[int, int]]:
    """(first row, row after the last) of each part of a column."""
    for start in range(0, rows, PART_ROWS):
        yield start, min(start + PART_ROWS, rows)


def masked(values: U16Array, masks: U16Array) -> U16Array:
    """(rows,) values plus masks, modulo 512."""
    return (values + masks) & _MASK


def look_up(opened: U16Array, tables: Iterable[Tables]) -> LookedUp:
    """This party's shares at the opened x, (rows,) numbers below 512.

    tables: its tables for these rows, in parts of PART_ROWS (the last may be shorter). Raises
    ValueError where they are for more rows, or fewer.
    """
    rows = len(opened)
    found = LookedUp(*(np.zeros(words_of(rows), np.uint64) for _ in LookedUp._fields))
    start = stop = 0
    for part in tables:
        stop = start + len(part.below)
        if stop > rows:
            break
        here = slice(start // 64, words_of(stop))
        _LOOK_UP(opened[start:stop], *part, stop - start, *(plane[here] for plane in found))
        start = stop
    if stop != rows:
        raise ValueError(f"tables of {stop} rows, for {rows}")
    return found


def opening(found: LookedUp, triple: Triple) -> bytes:
    """What a party sends to the other: c and the change, its shares of them, masked: uniform."""
    return octets(found.below ^ triple.left) + octets(found.change ^ triple.right)


def result(found: LookedUp, triple: Triple, own: bytes, theirs: bytes, *, first: bool) -> U64Array:
    """This party's share of each row's bit, as a plane; unused bits are shares of zero.

    own, theirs: what `opening` gave both, of one size. first: true for one party, false for the
    other.
    """
    size = len(own) // 2
    below, change = (
        plane(own[part]) ^ plane(theirs[part]) for part in (slice(size), slice(size, None))
    )
    bits: U64Array = found.first ^ triple.product ^ (below & triple.right) ^ (change & triple.left)
    return bits ^ (below & change) if first else bits


def complete(
    masks: U16Array, other_masks: U16Array, tables: Tables, triple: Triple, other: Triple
) -> tuple[Tables, U64Array]:
    """The dealer's step, for one part: the other party's tables and its share of the product.

    masks: (rows,) the first party's r; tables, triple: its shares. Of `other`, left and right.
    """
    rows = len(masks)
    theirs = Tables(np.empty(rows, np.uint32), np.empty(rows, np.uint16))
    _COMPLETE(masks, other_masks, *tables, rows, *theirs)
    left, right = triple.left ^ other.left, triple.right ^ other.right
    return theirs, (left & right) ^ triple.product


def within(distances: U16Array) -> U64Array:
    """The result in the clear, as a plane: the oracle of the whole."""
    return plane_of((distances <= RADIUS_BITS).astype(np.uint8))


def looked_up_plain(opened: U16Array, tables: Tables) -> LookedUp:
    """What `look_up` returns for one part, in plain numpy."""
    low, high = opened % np.uint16(32), opened // np.uint16(32)
    below = (tables.below >> low.astype(np.uint32)) & np.uint32(1)
    first = (tables.equal >> high) & np.uint16(1)
    second = (tables.equal >> ((high - np.uint16(1)) % np.uint16(16))) & np.uint16(1)
    bits = (below, first, first ^ second)
    return LookedUp(*(plane_of(each.astype(np.uint8)) for each in bits))


def completed_plain(masks: U16Array, other_masks: U16Array, tables: Tables) -> Tables:
    """The tables that `complete` returns, in plain numpy."""
    whole = masked(masks, other_masks)
    low, high = (whole % 32).astype(np.uint32), (whole // 32).astype(np.uint16)
    below = (np.uint32(1) << low) - np.uint32(1)  # 2^low - 1: ones at 0 ... low - 1
    return Tables(tables.below ^ below, tables.equal ^ (np.uint16(1) << high))
