"""Pieces of a hash, and which neighbours of a piece to ask for first (margin-ordered multi-probe).

Guarantees: `cheapest_masks` lists subsets of flips in exact order of their summed margin, the
unflipped piece always first; `cheapest_masks_oracle` says the same by trying every subset.
An edit moves each DCT coefficient a little, so bits whose coefficient lies near the median (a small
margin) flip first. Asking for the likeliest flips finds far more edited copies than more tables do.
Source: Lv et al. 2007 (multi-probe LSH), with PDQ's own margins as the weights.
"""

import heapq
import itertools
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from softfall.options.tags.parameters import TagParameters

U64Array = npt.NDArray[np.uint64]

_UNITS = 2**24


def pieces(hashes: npt.NDArray[np.uint8], parameters: TagParameters) -> U64Array:
    """Each hash's unflipped piece in each table.

    hashes: (N, 32) uint8. Returns (tables, N) uint64; a table's first position is the piece's most
    significant bit.
    """
    bits = np.unpackbits(hashes, axis=1)
    rows = np.zeros((parameters.tables, len(hashes)), dtype=np.uint64)
    for row, table in zip(rows, parameters.positions, strict=True):
        for position in table:
            np.left_shift(row, np.uint64(1), out=row)
            np.bitwise_or(row, bits[:, position], out=row)
    return rows


def pieces_of_one(hash_bits: bytes, parameters: TagParameters) -> list[int]:
    """What `pieces` says of a single hash, sooner than arrays of one."""
    digits = f"{int.from_bytes(hash_bits, 'big'):0256b}"
    return [int("".join([digits[i] for i in table]), 2) for table in parameters.positions]


def cheapest_masks(margins: Sequence[float], count: int) -> list[int]:
    """The `count` sets of flips with the smallest summed margin, cheapest first.

    margins: k finite floats, not negative, in the order of the table's positions; they are rounded
    to 2^-24, so that sums are exact. A mask's most significant of k bits is the first position.
    The first mask is 0, whatever the margins; equal sums go by the mask.
    """
    units = _exact(margins)
    order = sorted(range(len(units)), key=lambda i: (units[i], i))
    sorted_margins = [units[i] for i in order]
    flips = [1 << (len(margins) - 1 - i) for i in order]
    masks = [0]
    heap = [(sorted_margins[0], flips[0], 0)]
    while len(masks) < count and heap:
        cost, mask, last = heapq.heappop(heap)
        masks.append(mask)
        following = last + 1
        if following < len(order):  # every subset has one parent: extend it, or move its last flip
            grown = cost + sorted_margins[following]
            heapq.heappush(heap, (grown, mask | flips[following], following))
            moved = mask ^ flips[last] ^ flips[following]
            heapq.heappush(heap, (grown - sorted_margins[last], moved, following))
    return masks


def cheapest_masks_oracle(margins: Sequence[float], count: int) -> list[int]:
    """What `cheapest_masks` must say, by trying every subset: for small k only."""
    k, units = len(margins), _exact(margins)
    costs = [sum(units[i] for i in range(k) if mask >> (k - 1 - i) & 1) for mask in range(1 << k)]
    return sorted(range(1 << k), key=lambda mask: (mask != 0, costs[mask], mask))[:count]


def _exact(margins: Sequence[float]) -> list[int]:
    return [round(float(margin) * _UNITS) for margin in margins]


def probe_masks(margins: npt.NDArray[np.float32], parameters: TagParameters) -> list[list[int]]:
    """For each table the masks to ask for, the first 0. margins: (256,), as in `PdqHash`."""
    return [
        cheapest_masks(margins[list(table)].tolist(), parameters.probes)
        for table in parameters.positions
    ]


def stand_in_masks(parameters: TagParameters) -> list[list[int]]:
    """The masks of a picture without a hash: its pieces are random: any distinct ones do."""
    return [list(range(parameters.probes)) for _ in parameters.positions]


def oprf_inputs(
    option: str, hash_bits: bytes, masks: Sequence[Sequence[int]], parameters: TagParameters
) -> list[bytes]:
    """What the OPRF is asked, table after table: the context, the table's number, the piece."""
    base = pieces_of_one(hash_bits, parameters)
    return [
        oprf_input(option, table, piece ^ mask, parameters)
        for table, (piece, row) in enumerate(zip(base, masks, strict=True))
        for mask in row
    ]


def oprf_input(option: str, table: int, piece: int, parameters: TagParameters) -> bytes:
    """(table number || piece) under the option's context: never the same for two tables."""
    context = b"softfall " + option.encode() + b" v1|"
    return context + bytes([table]) + piece.to_bytes(parameters.piece_bytes, "big")


def pack_masks(masks: Sequence[Sequence[int]], parameters: TagParameters) -> bytes:
    """The masks as an opening carries them; each table's first, always 0, is left out."""
    flat = itertools.chain.from_iterable(row[1:] for row in masks)
    return b"".join(mask.to_bytes(parameters.piece_bytes, "big") for mask in flat)


def unpack_masks(body: bytes, parameters: TagParameters) -> list[list[int]] | None:
    """The masks, each table's unflipped probe put back; None unless distinct and within k bits."""
    size = parameters.piece_bytes
    flat = [int.from_bytes(body[i : i + size], "big") for i in range(0, len(body), size)]
    each = parameters.probes - 1
    rows = [[0, *flat[t * each : (t + 1) * each]] for t in range(parameters.tables)]
    fit = all(
        len(set(row)) == parameters.probes and max(row) < 1 << parameters.k_bits for row in rows
    )
    return rows if fit and len(flat) == each * parameters.tables else None
