"""The compiled construction of `ring`: one entry for hashes that are the same, and its tables.

Guarantees: each is one pass over the hashes, or a counting sort: its time does not depend on how
they are distributed. `leaders` may overlook that two hashes are the same (where very many crowd
into one place of its table), which costs room, never an answer.
Oracle: `ring_parts`. Layouts are those of `ring.RingIndex`.
"""

from typing import Any, Final

import numpy as np

from softfall.compiled.exported import array, exported, helper
from softfall.compiled.memory import u64_at
from softfall.compiled.vectors import prefetch
from softfall.lists.index.pieces import PIECES
from softfall.lists.index.ring_kernel import in_order, piece_at
from softfall.lists.index.ring_parts import LANES

BUCKETS: Final = 1 << 16
NONE: Final = 0xFFFFFFFF
"""An empty place of the table of leaders."""

_TRIES: Final = 64
_AHEAD: Final = 16


@helper
def mixed(address: Any) -> Any:
    """A number that is the same for the same hash, and rarely for others."""
    odd = np.uint64(0x9E3779B97F4A7C15)
    number = u64_at(address)
    for word in range(1, 4):
        number = (number ^ (number >> np.uint64(29))) * odd + u64_at(address + 8 * word)
    number = (number ^ (number >> np.uint64(32))) * odd
    return np.int64(number >> np.uint64(20))


@helper
def same(one: Any, other: Any) -> Any:
    """Whether the hashes at two addresses are the same."""
    return (
        u64_at(one) == u64_at(other)
        and u64_at(one + 8) == u64_at(other + 8)
        and u64_at(one + 16) == u64_at(other + 16)
        and u64_at(one + 24) == u64_at(other + 24)
    )


@exported("int64(uint64*, int64, uint32*, int64, uint32*)")
def leaders(hashes_: Any, count: Any, places_: Any, places: Any, leaders_: Any) -> Any:
    """Write for each hash the first row with the same hash. Returns how many lead.

    places_: (places,) scratch, all NONE; `places` is a power of two over `count`.
    """
    table = array(places_, (places,))
    out = array(leaders_, (count,))
    hashes = array(hashes_, (count, 4)).ctypes.data
    at = table.ctypes.data
    leading = np.int64(0)
    for row in range(count):
        if row + _AHEAD < count:
            prefetch(at + 4 * (mixed(hashes + 32 * (row + _AHEAD)) & (places - 1)))
        place = mixed(hashes + 32 * row) & (places - 1)
        leader = np.int64(row)
        for _ in range(_TRIES):
            known = np.int64(table[place])
            if known == NONE:
                table[place] = np.uint32(row)
                break
            if same(hashes + 32 * known, hashes + 32 * row):
                leader = known
                break
            place = (place + 1) & (places - 1)
        out[row] = np.uint32(leader)
        leading += np.int64(leader == row)
    return leading


@helper
def ordered(hashes: Any, row: Any, bytes_in_order: Any) -> Any:
    """The words of one hash, with their bits in order; as they are if the address is 0."""
    words = (hashes[row, 0], hashes[row, 1], hashes[row, 2], hashes[row, 3])
    if bytes_in_order != 0:
        words = in_order(words, bytes_in_order)
    return words


@helper
def begin(sizes: Any) -> Any:
    """Turn the sizes of buckets into where each begins. Returns their sum."""
    total = np.int64(0)
    for bucket in range(BUCKETS):
        size = sizes[bucket]
        sizes[bucket] = total
        total += size
    return total


@exported("int64(uint64*, int64, uint64*, int64, uint32*, uint64*, uint32*, int64*)")
def arrange(
    hashes_: Any, count: Any, bytes_: Any, reorder: Any, leaders_: Any, out_: Any, sizes_: Any,
    next_: Any,
) -> Any:  # fmt: skip
    """Lay the leading hashes in the order of their first piece. Returns how many there are.

    hashes_: (count, 4). bytes_: of `order.bytes_in_order`, used if `reorder` is not 0. leaders_:
    (count,), turned into each hash's row in the result. out_: (leading, 4), with bits in order.
    sizes_: (leading,) zeros, turned into the number of hashes of each row. next_: (65536,) scratch.
    """
    given = array(hashes_, (count, 4))
    rows = array(leaders_, (count,))
    out = array(out_, (count, 4))
    sizes = array(sizes_, (count,))
    positions = array(next_, (BUCKETS,))
    spread = array(bytes_, (1,)).ctypes.data * np.int64(reorder != 0)
    for bucket in range(BUCKETS):
        positions[bucket] = 0
    for row in range(count):
        if np.int64(rows[row]) == row:
            positions[np.int64(ordered(given, row, spread)[0] >> np.uint64(48))] += 1
    leading = begin(positions)
    for row in range(count):
        leader = np.int64(rows[row])
        if leader == row:
            words = ordered(given, row, spread)
            first_piece = np.int64(words[0] >> np.uint64(48))
            position: Any = positions[first_piece]
            positions[first_piece] += 1
            out[position, 0] = words[0]
            out[position, 1] = words[1]
            out[position, 2] = words[2]
            out[position, 3] = words[3]
        else:
            position = np.int64(rows[leader])  # the leader came before
        rows[row] = np.uint32(position)
        sizes[position] += np.uint32(1)
    return leading


@exported("int64(uint64*, int64, int64, uint32*, uint16*, uint32*, int64*)")
def table(
    hashes_: Any, count: Any, piece: Any, starts_: Any, signatures_: Any, rows_: Any, next_: Any
) -> Any:  # fmt: skip
    """Sort the hashes by one piece. Returns `count`.

    hashes_: (count, 4), in the order of piece 0. starts_: (65537,). signatures_: (count + 32,).
    rows_: (count,), untouched for piece 0. next_: (65536,) scratch.
    """
    hashes = array(hashes_, (count, 4)).ctypes.data
    starts = array(starts_, (BUCKETS + 1,))
    signatures = array(signatures_, (count + LANES,))
    rows = array(rows_, (count,))
    positions = array(next_, (BUCKETS,))
    for bucket in range(BUCKETS):
        positions[bucket] = 0
    for row in range(count):
        positions[piece_at(hashes + 32 * row, piece)] += 1
    total = begin(positions)
    for bucket in range(BUCKETS):
        starts[bucket] = np.uint32(positions[bucket])
    starts[BUCKETS] = np.uint32(total)
    after = (piece + 1) % PIECES
    for row in range(count):
        bucket = piece_at(hashes + 32 * row, piece)
        position = positions[bucket]
        positions[bucket] += 1
        signatures[position] = np.uint16(piece_at(hashes + 32 * row, after))
        if piece > 0:
            rows[position] = np.uint32(row)
    for pad in range(LANES):
        signatures[count + pad] = np.uint16(0)
    return total


@exported("int64(uint32*, int64, int64*, uint32*, int64*, int64)")
def share_out(
    rows_: Any, count: Any, numbers_: Any, numbers_at_: Any, out_: Any, distinct: Any
) -> Any:
    """Lay the entry numbers in the order of their rows; a row's own in the order given.

    rows_: (count,), the row of each number. numbers_at_: (distinct + 1,), where each row's begin;
    afterwards where they end.
    """
    rows = array(rows_, (count,))
    numbers = array(numbers_, (count,))
    positions = array(numbers_at_, (distinct + 1,))
    out = array(out_, (count,))
    for each in range(count):
        row = np.int64(rows[each])
        position = np.int64(positions[row])
        positions[row] = np.uint32(position + 1)
        out[position] = numbers[each]
    return count
