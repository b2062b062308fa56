"""In which order an index takes a hash's bits, so that its pieces are as unlike as the data allows.

Guarantees: an order is a permutation of the 256 bits, so distances stay what they are; the choice
depends on the hashes alone.
A piece whose bits go together (the bits of one row of PDQ's coefficients, say) fills few buckets,
and a search has more to compare. So a sample is counted under each of a few orders.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from softfall.lists.entries import PDQ_BITS
from softfall.lists.index.hamming import WORDS, U64Array, words
from softfall.lists.index.pieces import PIECE_BITS, PIECES, keys

Order = npt.NDArray[np.uint8]
"""(256,) uint8: bit p of a reordered hash is bit order[p] of the hash, 0 the most significant."""

SAMPLE_HASHES: Final = 4096
CHOSEN_FROM_HASHES: Final = 50_000
"""Fewer hashes are searched so quickly that a choice doesn't pay."""

_BLOCK_HASHES: Final = 16_384  # restored together, in the processor's caches
_LEAST_GAIN: Final = 0.9  # reordering costs something as well

_BITS: Final = np.arange(PDQ_BITS)
_PIECE, _PLACE = np.divmod(_BITS, PIECE_BITS)

AS_IT_IS: Final = _BITS.astype(np.uint8)
ORDERS: Final[dict[str, Order]] = {
    "rows": AS_IT_IS,
    "columns": (_PLACE * PIECES + _PIECE).astype(np.uint8),
    "diagonals": (_PLACE * PIECES + (_PLACE + _PIECE) % PIECES).astype(np.uint8),
    "squares": ((_PIECE // 4 * 4 + _PLACE // 4) * PIECES + _PIECE % 4 * 4 + _PLACE % 4).astype(
        np.uint8
    ),
    "scattered": (_BITS * 101 % PDQ_BITS).astype(np.uint8),
}


def choose(hashes: U64Array) -> Order:
    """The order under which a search through such hashes has least to compare."""
    if len(hashes) < CHOSEN_FROM_HASHES:
        return AS_IT_IS
    sample = np.ascontiguousarray(hashes[:: len(hashes) // SAMPLE_HASHES][:SAMPLE_HASHES])
    costs = {name: to_compare(reordered(sample, order)) for name, order in ORDERS.items()}
    best = min(costs, key=costs.__getitem__)
    return ORDERS[best] if costs[best] < _LEAST_GAIN * costs["rows"] else AS_IT_IS


def to_compare(hashes: U64Array) -> int:
    """How many signatures a search for each of the hashes among them has to compare, in all."""
    neighbours = np.concatenate(([0], 1 << np.arange(PIECE_BITS)))
    total = 0
    for column in keys(hashes).T.astype(np.int64):
        counts = np.bincount(column, minlength=1 << PIECE_BITS)
        total += int(counts[column[:, None] ^ neighbours].sum())
    return total


def reordered(hashes: U64Array, order: Order) -> U64Array:
    """(N, 4) uint64 hashes with their bits in the order. (Plain numpy: the kernels' oracle.)"""
    if order is AS_IT_IS:
        return hashes
    bits = np.unpackbits(hashes.astype(">u8").view(np.uint8), axis=1)
    return words([row.tobytes() for row in np.packbits(bits[:, order], axis=1)])


def back(order: Order) -> Order:
    """The order that undoes another."""
    return np.argsort(order).astype(np.uint8)


def restored(hashes: U64Array, order: Order) -> U64Array:
    """The (N, 4) uint64 hashes that `reordered` had been given. A few seconds for ten million."""
    if (order == AS_IT_IS).all():
        return hashes
    values = bytes_in_order(back(order)).reshape(-1, 256, WORDS)
    whole = np.zeros_like(hashes)
    for start in range(0, len(hashes), _BLOCK_HASHES):
        block = hashes[start : start + _BLOCK_HASHES].astype(">u8").view(np.uint8)
        for place, byte in enumerate(block.T):
            whole[start : start + _BLOCK_HASHES] |= values[place][byte]
    return whole


def bytes_in_order(order: Order) -> U64Array:
    """(32 * 256, 4) uint64: where each value of each byte of a hash takes its bits.

    A reordered hash is the sum of its bytes' rows: that is how kernels reorder.
    """
    one_byte = np.zeros((PDQ_BITS // 8, 256, PDQ_BITS // 8), np.uint8)
    places = np.arange(PDQ_BITS // 8)
    one_byte[places, :, places] = np.arange(256)
    bits = np.unpackbits(one_byte.reshape(-1, PDQ_BITS // 8), axis=1)
    packed = np.ascontiguousarray(np.packbits(bits[:, order], axis=1))
    return packed.view(">u8").astype(np.uint64)
