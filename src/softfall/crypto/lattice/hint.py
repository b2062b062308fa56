"""The keyholder's half of a product: the list times the public elements, and then the secret.

A hint is made once for a block by who knows its rows (the custodian), and is the same for every
query of the epoch: per slot 16 numbers. With a query's secret it gives exactly the part of the
provider's product that hides the distances.
Guarantees: `unmasking` plus what the query encrypts, plus noise, is what `products` gives.
Leaves to others: hints tell of rows. Who holds one must not know the block's 16 dummy rows, and two
hints of one block, laid out twice, must not share them (`docs/experiments/lattice_security.md`).
The oracles are `make_hint_plain`, `secret_slots_plain` and `unmasking_plain`.
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
from softfall.crypto.lattice.prepared import TABLES, prepare, signs
from softfall.crypto.lattice.query import element_products
from softfall.crypto.lattice.sampling import secret_words, ternary
from softfall.crypto.lattice.threads import LANES, aligned, share
from softfall.crypto.lattice.transform import (
    I64Array,
    U8Array,
    U32Array,
    centred,
    from_slots,
    to_slots,
    y_slots,
)

_MAKE: Final = Native("softfall.crypto.lattice.hint_kernel", "make")
_SECRET: Final = Native("softfall.crypto.lattice.hint_kernel", "secret")
_MULTIPLY: Final = Native("softfall.crypto.lattice.hint_kernel", "multiply")
_CHUNK_BLOCKS: Final = 32  # prepared at a time: 1.5 MB, which stay in the cache
_TILE_BLOCKS: Final = 256
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


def secret_slots(secret_seed: bytes) -> U32Array:
    """A query's secret as `unmasking` takes it: (64, 16) uint32, laid out as a hint's blocks are.

    Raises BadSeed.
    """
    made = aligned((SLOTS, 2, COMPONENTS), np.int16)
    _SECRET(secret_words(secret_seed), TABLES, np.zeros((SLOTS, LANES), np.uint16), made)
    own: U32Array = made.view(np.uint32).reshape(SLOTS, HINT_WORDS)
    return own


def secret_slots_plain(secret_seed: bytes) -> U32Array:
    """What `secret_slots` gives, in plain numpy."""
    return _paired(to_slots(ternary(secret_words(secret_seed))))


def unmasking(hint: U32Array, secret: U32Array, threads: int = 2) -> U32Array:
    """What hides each row's distance: (blocks, 64) uint32 below q.

    hint: (64, blocks, 16), as `make_hint` gives it or mapped from a file; secret: (64, 16), as
    `secret_slots` gives it.
    """
    blocks = hint.shape[1]
    out: U32Array = np.empty((1, blocks, SLOTS), np.uint32)

    def part(first: int, last: int) -> None:
        _MULTIPLY(
            hint.view(np.int16), blocks, first, last, secret.view(np.int16), TABLES, _TILE_BLOCKS,
            aligned((2, SLOTS, _TILE_BLOCKS), np.int32),
            aligned((2, SLOTS, LANES), np.uint16),
            aligned((SLOTS, LANES), np.uint32),
            out,
        )  # fmt: skip

    share(blocks, threads, part)
    own: U32Array = out[0]
    return own


def load() -> None:
    """Find or compile the machine code now, so that no first picture waits for it."""
    _MAKE.ready()
    _SECRET.ready()
    _MULTIPLY.ready()


def make_hint_plain(rows: U8Array, public: U32Array) -> U32Array:
    """What `make_hint` gives, in plain numpy."""
    made = np.empty((SLOTS, len(rows), HINT_WORDS), np.uint32)
    matrices = public_matrices(public)
    for block, own in enumerate(rows):
        slots = to_slots(signs(own))
        made[:, block] = _paired(
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


def unmasking_plain(hint: U32Array, secret: U32Array) -> U32Array:
    """What `unmasking` gives, in plain numpy."""
    blocks = hint.shape[1]
    parts = hint.view(np.int16).reshape(SLOTS, blocks, 2, COMPONENTS).astype(np.int64)
    own = secret.view(np.int16).reshape(SLOTS, 1, 2, COMPONENTS).astype(np.int64)
    sums = (parts * own).sum(axis=3)
    return np.ascontiguousarray(from_slots([sums[:, :, 0], sums[:, :, 1]]).T).astype(np.uint32)


def _paired(residues: list[I64Array]) -> U32Array:
    """(64, 16) modulo each prime -> (64, 16) words: residues nearest to 0."""
    halves = [centred(each, prime) for each, prime in zip(residues, PRIMES, strict=True)]
    return np.concatenate(halves, axis=1).view(np.uint32)
