"""Distances between provider and keyholder: cut to 12 bits, masked, and opened to a masked number.

Guarantees: what `opened` gives is (distance + mask) modulo 512 for every list row, with the chance
of error in `parameters.failure_log2`; dummy rows are never sent. A mask is added after the cut, as
eight of its steps each, so it is exact: modulo q a level is no whole number, and a mask rounded to
one leaves a trace of whether distance and mask together passed 512.
Leaves to others: masks are uniform in 0 to 511 and used once, else the keyholder learns distances.
Limits: what is sent carries a coarse trace of the query's errors against the rows. The hash is in
it as 1/1024 added to an error, a bit, by its encoding's own rounding, and as nothing else
(`docs/experiments/lattice_security.md` estimates when that would show).
The oracles are `masked_plain` and `opened_plain`.
"""

from typing import Final

import numpy as np

from softfall.compiled.native import Native
from softfall.crypto.lattice.parameters import (
    LEVELS,
    LIST_ROWS,
    SENT_LEVELS,
    Q,
)
from softfall.crypto.lattice.transform import U8Array, U16Array, U32Array
from softfall.errors import InputError

_MASK: Final = Native("softfall.crypto.lattice.masking_kernel", "mask")
_UNMASK: Final = Native("softfall.crypto.lattice.masking_kernel", "unmask")

BLOCK_BYTES: Final = LIST_ROWS * 3 // 2  # two rows in three bytes

# A product is -256 to 256 half levels around 0; a distance counts levels from 0.
_MIDDLE: Final = SENT_LEVELS // 4


class MalformedMasked(InputError):
    """Bytes that are no masked distances of so many blocks."""

    remedy = "Send 72 bytes for each live block: 12 bits for each of its 48 list rows."


def masked(values: U32Array, masks: U16Array) -> bytes:
    """What the keyholder is sent: 72 bytes a block, 12 bits a list row.

    values: (blocks, 64) below q, one query's `products`; masks: (blocks * 48,) uint16, 0 to 511.
    Two rows fill three bytes, the first row lowest.
    """
    packed = np.empty(BLOCK_BYTES * len(values), np.uint8)
    _MASK(values, np.ascontiguousarray(masks), len(values), _scratch(), packed)
    return packed.tobytes()


def opened(packed: bytes, unmasking: U32Array) -> U16Array:
    """(distance + mask) modulo 512 of each list row: (blocks * 48,) uint16.

    packed: as `masked` gives it; unmasking: (blocks, 64) below q. Raises MalformedMasked.
    """
    checked(packed, unmasking)
    out: U16Array = np.empty(LIST_ROWS * len(unmasking), np.uint16)
    _UNMASK(np.frombuffer(packed, np.uint8), unmasking, len(unmasking), _scratch(), out)
    return out


def load() -> None:
    """Find or compile the machine code now, so that no first picture waits for it."""
    _MASK.ready()
    _UNMASK.ready()


def masked_plain(values: U32Array, masks: U16Array) -> bytes:
    """What `masked` gives, in plain numpy."""
    kept = values[:, :LIST_ROWS].astype(np.int64).reshape(-1)
    cut = (kept * SENT_LEVELS + Q // 2) // Q
    sent = (cut + _MIDDLE + SENT_LEVELS // LEVELS * masks.astype(np.int64)) % SENT_LEVELS
    pairs = (sent[0::2] | sent[1::2] << 12).astype("<u4")
    return pairs.view(np.uint8).reshape(-1, 4)[:, :3].tobytes()


def opened_plain(packed: bytes, unmasking: U32Array) -> U16Array:
    """What `opened` gives, in plain numpy."""
    checked(packed, unmasking)
    octets: U8Array = np.zeros((len(packed) // 3, 4), np.uint8)
    octets[:, :3] = np.frombuffer(packed, np.uint8).reshape(-1, 3)
    pairs = octets.view("<u4").astype(np.int64).reshape(-1)
    sent = np.stack([pairs & 4095, pairs >> 12], axis=1).reshape(-1)
    hidden = unmasking[:, :LIST_ROWS].astype(np.int64).reshape(-1)
    # In units of q / 4096 / q: levels are 8 q apart, and the nearest one counts.
    left = sent * Q + SENT_LEVELS * (Q - hidden)
    level = SENT_LEVELS // LEVELS * Q
    return ((left + level // 2) // level % LEVELS).astype(np.uint16)


def checked(packed: bytes, unmasking: U32Array) -> None:
    """Raises MalformedMasked unless the sizes belong together."""
    blocks = len(unmasking)
    if len(packed) != BLOCK_BYTES * blocks:
        raise MalformedMasked(
            f"{blocks} blocks are {BLOCK_BYTES * blocks} bytes, not {len(packed)}"
        )


def _scratch() -> U16Array:
    return np.empty(LIST_ROWS, np.uint16)
