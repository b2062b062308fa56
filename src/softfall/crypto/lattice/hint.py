"""What the keyholder needs of a list: its rows times the public elements.

A hint is made once for a block by who knows its rows (the custodian), and is the same for every
query of the epoch: per slot 16 numbers. What the keyholder does with it is in `unmasking`.
Leaves to others: hints tell of rows. Who holds one must not know the block's 16 dummy rows, and two
hints of one block, laid out twice, must not share them (`docs/experiments/lattice_security.md`).
The oracle is `make_hint_plain`.
"""

from typing import Final

import numpy as np

from softfall.compiled.native import Native
from softfall.crypto.lattice.parameters import (
    COLUMNS,
    COMPONENTS,
    HINT_WORDS,
    PRIMES,
    SLOTS,
)
from softfall.crypto.lattice.prepared import prepare, signs
from softfall.crypto.lattice.query import element_products
from softfall.crypto.lattice.threads import aligned, share
from softfall.crypto.lattice.transform import (
    I64Array,
    U8Array,
    U32Array,
    centred,
    to_slots,
    y_slots,
)
from softfall.crypto.lattice.unmasking import paired

_MAKE: Final = Native("softfall.crypto.lattice.hint_kernel", "make")
_CHUNK_BLOCKS: Final = 32  # prepared at a time: 1.5 MB, which stay in the cache
_Y: Final = y_slots()


def make_hint(rows: U8Array, public: U32Array, threads: int = 2) -> U32Array:
    """The hint of each block: (64, blocks, 16) uint32.

    rows: (blocks, 64, 32) uint8; public: as `public_elements` gives it. Each slot and block holds
    16 residues modulo the first prime and 16 modulo the second, 16 bits each.
    """
    blocks = len(rows)
    matrices = aligned((SLOTS, COMPONENTS, 2, COLUMNS), np.int16)
    for which, each in enumerate(public_matrices(public)):
        matrices[:, :, which] = centred(each, PRIMES[which]).transpose(0, 2, 1)
    made: U32Array = np.empty((SLOTS, blocks, HINT_WORDS), np.uint32)

    def part(first: int, last: int) -> None:
        widened, sums = aligned((2, COLUMNS), np.int16), aligned((2, COMPONENTS), np.int32)
        for start in range(first, last, _CHUNK_BLOCKS):
            own = prepare(rows[start : min(start + _CHUNK_BLOCKS, last)], threads=1)
            octets, width = own.view(np.uint8), own.shape[1]
            _MAKE(octets, width, start, blocks, matrices, widened, sums, made.view(np.int16))

    share(blocks, threads, part)
    return made


def load() -> None:
    """Find or compile the machine code now."""
    _MAKE.ready()


def make_hint_plain(rows: U8Array, public: U32Array) -> U32Array:
    """What `make_hint` gives, in plain numpy."""
    made = np.empty((SLOTS, len(rows), HINT_WORDS), np.uint32)
    matrices = public_matrices(public)
    for block, own in enumerate(rows):
        slots = to_slots(signs(own))
        made[:, block] = paired(
            [
                np.einsum("sj,sjh->sh", columns, matrix) % prime
                for columns, matrix, prime in zip(slots, matrices, PRIMES, strict=True)
            ]
        )
    return made


def public_matrices(public: U32Array) -> list[I64Array]:
    """Per slot what takes a secret's 16 components to the 256 columns of products with it.

    Returns (64, 256, 16) int64, 0 to prime - 1, for each prime.
    """
    made = []
    for prime, y in zip(PRIMES, _Y, strict=True):
        columns = []
        for h in range(COMPONENTS):
            unit = np.zeros((SLOTS, COMPONENTS), np.int64)
            unit[:, h] = 1
            columns.append(element_products(public, unit, prime, y))
        made.append(np.stack(columns, axis=2))
    return made
