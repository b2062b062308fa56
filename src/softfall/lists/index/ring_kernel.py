"""The compiled search of `ring`: the buckets that a query must visit, and what is near in them.

Guarantees: each match comes out once, from the first table (in order) that must yield it, so no
list of visited entries is kept and the index is only read. The work for one query is bounded: where
the tables would cost half a plain pass over all hashes, the pass is made instead.
What was done for the queries is counted in the scratch memory, so that tests can see the bound.
Oracles: `pieces.yields` for what each table yields, `scan.Scan` for the answers.

Layouts are those of `ring.RingIndex`; `index` holds its addresses and sizes, see FIELDS.
"""

from typing import Any, Final

import numpy as np

from softfall.compiled.exported import array, exported, helper
from softfall.compiled.memory import u32_at, u64_at
from softfall.compiled.vectors import lowest_one, near_lanes, ones, prefetch
from softfall.lists.index.gathering import NEEDED, NEXT, SCRATCH
from softfall.lists.index.pieces import PIECES
from softfall.lists.index.ring_parts import LANES
from softfall.lists.index.scan_kernel import distance, keep, pass_over

FIELDS: Final = ("hashes", "starts", "signatures", "rows", "bytes_in_order", "entries")
_HASHES, _STARTS, _SIGNATURES, _ROWS, _BYTES, _ENTRIES = range(len(FIELDS))

_BUCKETS: Final = 1 << 16
_NEIGHBOURS: Final = 17  # a bucket, and those that differ in one bit
_VISITS: Final = PIECES * _NEIGHBOURS

# Bounds on the work of a query, each about a quarter of a plain pass: a signature is compared in a
# sixteenth of the time that a hash takes in a plain pass, a candidate is fetched in thirty times.
_MOST_VISITED: Final = 4  # signatures, for each hash of the list
_HASHES_A_CANDIDATE: Final = 128
_CANDIDATES_ANYWAY: Final = 1024

# Below so many entries all signatures lie in the processor's caches.
_FAR_FROM: Final = 400_000
_VISITS_AHEAD: Final = 12
_LINE_BYTES: Final = 64
_LINES_AHEAD: Final = 16

COMPARED: Final = 2
"""Where in the scratch memory `find` says how many signatures it compared for its queries."""

FETCHED: Final = 3
"""Where it says how many hashes it fetched because their signatures were near."""

PASSES: Final = 4
"""Where it says how many queries it made a plain pass for."""

# What lies where in the scratch memory besides.
_WAITING: Final = 256  # candidates that are fetched together
_QUERY: Final = 8
_FIRST: Final = 16
_SIZE: Final = _FIRST + _VISITS
_CANDIDATE: Final = _SIZE + _VISITS
_TABLE: Final = _CANDIDATE + _WAITING


@helper
def share(piece: Any, radius_bits: Any) -> Any:
    """As `pieces.shares`."""
    return (radius_bits + 1) // PIECES + np.int64(piece < (radius_bits + 1) % PIECES)


@helper
def near_buckets(may: Any) -> Any:
    """How many buckets of a table differ by less than the share."""
    if may > 1:
        return np.int64(_NEIGHBOURS)
    return np.int64(may)


@helper
def piece_at(address: Any, piece: Any) -> Any:
    """A piece of the hash at an address."""
    word = u64_at(address + 8 * (piece >> 2))
    return np.int64((word >> np.uint64(48 - 16 * (piece & 3))) & np.uint64(0xFFFF))


@helper
def in_order(words: Any, bytes_in_order: Any) -> Any:
    """A hash's words with its bits in the index's order; see `order.bytes_in_order`."""
    first, second, third, fourth = np.uint64(0), np.uint64(0), np.uint64(0), np.uint64(0)
    for word in range(4):
        value = words[0]
        if word == 1:
            value = words[1]
        elif word == 2:
            value = words[2]
        elif word == 3:
            value = words[3]
        for byte in range(8):
            which = np.int64((value >> np.uint64(56 - 8 * byte)) & np.uint64(0xFF))
            at = bytes_in_order + 32 * (256 * (8 * word + byte) + which)
            first |= u64_at(at)
            second |= u64_at(at + 8)
            third |= u64_at(at + 16)
            fourth |= u64_at(at + 24)
    return first, second, third, fourth


@helper
def yields(one: Any, other: Any, piece: Any, radius_bits: Any) -> Any:
    """Whether a table yields one hash for the other, both by address; as `pieces.yields`."""
    after = (piece + 1) % PIECES
    alone = np.int64(ones(np.uint64(piece_at(one, piece) ^ piece_at(other, piece))))
    both = alone + np.int64(ones(np.uint64(piece_at(one, after) ^ piece_at(other, after))))
    may = share(piece, radius_bits)
    return alone < may and both < may + share(after, radius_bits)


@helper
def visits(index: Any, radius_bits: Any, scratch: Any, query: Any) -> Any:
    """Write which signatures to compare (where, and how many); returns how many in all."""
    total = np.int64(0)
    visit = 0
    for piece in range(PIECES):
        key = piece_at(query, piece)
        starts = index[_STARTS] + 4 * piece * (_BUCKETS + 1)
        signatures = index[_SIGNATURES] + 2 * piece * (index[_ENTRIES] + LANES)
        for flip in range(near_buckets(share(piece, radius_bits))):
            bucket = starts + 4 * (key ^ ((1 << flip) >> 1))
            first = u32_at(bucket)
            size = u32_at(bucket + 4) - first
            scratch[_FIRST + visit] = signatures + 2 * first
            scratch[_SIZE + visit] = size
            total += size
            visit += 1
    return total


@helper
def settled(
    index: Any, words: Any, radius_bits: Any, scratch: Any, query: Any, waiting: Any,
    out: Any, count: Any, row: Any,
) -> Any:  # fmt: skip
    """Look at the hashes of the waiting candidates; returns `count` and the matches."""
    hashes = index[_HASHES]
    scratch[FETCHED] += waiting
    for one in range(waiting):
        entry = scratch[_CANDIDATE + one]
        if scratch[_TABLE + one] > 0:
            entry = u32_at(entry)
        scratch[_CANDIDATE + one] = entry
        prefetch(hashes + 32 * entry)
    for one in range(waiting):
        entry = scratch[_CANDIDATE + one]
        address = hashes + 32 * entry
        bits = distance(words, address)
        if bits <= radius_bits:
            first = True
            for earlier in range(scratch[_TABLE + one]):
                if yields(query, address, earlier, radius_bits):
                    first = False
                    break
            if first:
                keep(out, count, row, entry, bits)
                count += 1
    return count


@helper
def fetch(scratch: Any, visit: Any, before: Any) -> Any:
    """Ask for the signatures of a later visit, if it is one of those worth asking for."""
    if visit < before:
        line = scratch[_FIRST + visit]
        end = line + min(2 * scratch[_SIZE + visit] + _LINE_BYTES - 2, _LINES_AHEAD * _LINE_BYTES)
        while line < end:
            prefetch(line)
            line += _LINE_BYTES


@helper
def note(near: Any, first: Any, piece: Any, rows: Any, scratch: Any, waiting: Any) -> Any:
    """Let the near ones of 32 signatures wait, the first of which is a table's `first`.

    near: a bit for each. rows: the address of the table's. Returns how many wait then.
    """
    while near != 0:
        candidate = first + lowest_one(near)
        near &= near - 1
        if piece > 0:  # (the hashes lie in the order of the first table)
            candidate = rows + 4 * candidate
            prefetch(candidate)
        scratch[_CANDIDATE + waiting] = candidate
        scratch[_TABLE + waiting] = piece
        waiting += 1
    return waiting


@helper
def through_tables(
    index: Any, words: Any, radius_bits: Any, scratch: Any, query: Any, out: Any, count: Any,
    row: Any,
) -> Any:  # fmt: skip
    """Make the visits. Returns `count` and the matches, or -1: too many candidates."""
    entries = index[_ENTRIES]
    left = entries // _HASHES_A_CANDIDATE + _CANDIDATES_ANYWAY
    in_all = min(radius_bits + 1, PIECES) + 16 * max(radius_bits + 1 - PIECES, 0)
    worth_fetching = in_all * np.int64(entries > _FAR_FROM)
    waiting = visit = 0
    for piece in range(PIECES):
        may = share(piece, radius_bits)
        after = (piece + 1) % PIECES
        wanted = piece_at(query, after)
        signatures = index[_SIGNATURES] + 2 * piece * (entries + LANES)
        rows = index[_ROWS] + 4 * (piece - 1) * entries
        for flip in range(near_buckets(may)):
            fetch(scratch, visit + _VISITS_AHEAD, worth_fetching)
            most = may + share(after, radius_bits) - 1 - np.int64(flip > 0)
            at = scratch[_FIRST + visit]
            size = scratch[_SIZE + visit]
            visit += 1
            while size > 0:
                near = near_lanes(at, wanted, most)
                if size < LANES:
                    near &= (1 << size) - 1
                waiting = note(near, (at - signatures) >> 1, piece, rows, scratch, waiting)
                at += 2 * LANES
                size -= LANES
                if waiting > _WAITING - LANES:
                    left -= waiting
                    if left < 0:
                        return np.int64(-1)
                    count = settled(
                        index, words, radius_bits, scratch, query, waiting, out, count, row
                    )
                    waiting = 0
    return settled(index, words, radius_bits, scratch, query, waiting, out, count, row)


@exported("int64(int64*, uint64*, int64, int64, int64, int64*, int64*, int64)")
def find(
    index_: Any, queries_: Any, first: Any, last: Any, radius_bits: Any,
    scratch_: Any, out_: Any, capacity: Any,
) -> Any:  # fmt: skip
    """See `gathering.Kernel`."""
    index = array(index_, (len(FIELDS),))
    queries = array(queries_, (last, 4))
    scratch = array(scratch_, (SCRATCH,))
    out = array(out_, (3, capacity))
    query = scratch.ctypes.data + 8 * _QUERY
    entries = index[_ENTRIES]
    count = np.int64(0)
    scratch[COMPARED] = scratch[FETCHED] = scratch[PASSES] = 0
    for row in range(first, last):
        words = (queries[row, 0], queries[row, 1], queries[row, 2], queries[row, 3])
        if index[_BYTES] != 0:
            words = in_order(words, index[_BYTES])
        scratch[_QUERY] = np.int64(words[0])
        scratch[_QUERY + 1] = np.int64(words[1])
        scratch[_QUERY + 2] = np.int64(words[2])
        scratch[_QUERY + 3] = np.int64(words[3])
        after = np.int64(-1)
        in_buckets = visits(index, radius_bits, scratch, query)
        if in_buckets <= _MOST_VISITED * entries:
            scratch[COMPARED] += in_buckets
            after = through_tables(index, words, radius_bits, scratch, query, out, count, row)
        if after < 0:
            scratch[PASSES] += 1
            after = pass_over(index[_HASHES], entries, words, radius_bits, out, count, row)
        if after > capacity:
            scratch[NEXT] = row
            scratch[NEEDED] = after - count
            return count
        count = after
    scratch[NEXT] = last
    return count
