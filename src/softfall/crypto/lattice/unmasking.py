"""The keyholder's half of a product: a list's hint times the secret of one query.

Guarantees: `unmasking` plus what the query encrypts, plus noise, is what `products` gives. Nothing
here makes, reads or multiplies a query, nor lays a list: who has the secrets has no such code.
Leaves to others: the hint, which the custodian made of the rows (`hint`).
The oracles are `secret_slots_plain` and `unmasking_plain`.
"""

from typing import Final

import numpy as np

from softfall.compiled.native import Native
from softfall.crypto.lattice.parameters import COMPONENTS, HINT_WORDS, PRIMES, SLOTS
from softfall.crypto.lattice.sampling import secret_words, ternary
from softfall.crypto.lattice.threads import LANES, aligned, share
from softfall.crypto.lattice.transform import (
    I64Array,
    U32Array,
    centred,
    from_slots,
    tables,
    to_slots,
)

_SECRET: Final = Native("softfall.crypto.lattice.hint_kernel", "secret")
_MULTIPLY: Final = Native("softfall.crypto.lattice.hint_kernel", "multiply")
_TABLES: Final = tables()
_TILE_BLOCKS: Final = 256


def secret_slots(secret_seed: bytes) -> U32Array:
    """A query's secret as `unmasking` takes it: (64, 16) uint32, laid out as a hint's blocks are.

    Raises BadSeed.
    """
    made = aligned((SLOTS, 2, COMPONENTS), np.int16)
    _SECRET(secret_words(secret_seed), _TABLES, np.zeros((SLOTS, LANES), np.uint16), made)
    own: U32Array = made.view(np.uint32).reshape(SLOTS, HINT_WORDS)
    return own


def secret_slots_plain(secret_seed: bytes) -> U32Array:
    """What `secret_slots` gives, in plain numpy."""
    return paired(to_slots(ternary(secret_words(secret_seed))))


def unmasking(hint: U32Array, secret: U32Array, threads: int = 2) -> U32Array:
    """What hides each row's distance: (blocks, 64) uint32 below q.

    hint: (64, blocks, 16), as `make_hint` gives it or mapped from a file; secret: (64, 16), as
    `secret_slots` gives it.
    """
    blocks = hint.shape[1]
    out: U32Array = np.empty((1, blocks, SLOTS), np.uint32)

    def part(first: int, last: int) -> None:
        _MULTIPLY(
            hint.view(np.int16), blocks, first, last, secret.view(np.int16), _TABLES, _TILE_BLOCKS,
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
    _SECRET.ready()
    _MULTIPLY.ready()


def unmasking_plain(hint: U32Array, secret: U32Array) -> U32Array:
    """What `unmasking` gives, in plain numpy."""
    blocks = hint.shape[1]
    parts = hint.view(np.int16).reshape(SLOTS, blocks, 2, COMPONENTS).astype(np.int64)
    own = secret.view(np.int16).reshape(SLOTS, 1, 2, COMPONENTS).astype(np.int64)
    sums = (parts * own).sum(axis=3)
    return np.ascontiguousarray(from_slots([sums[:, :, 0], sums[:, :, 1]]).T).astype(np.uint32)


def paired(residues: list[I64Array]) -> U32Array:
    """(64, 16) modulo each prime -> (64, 16) words: residues nearest to 0."""
    halves = [centred(each, prime) for each, prime in zip(residues, PRIMES, strict=True)]
    return np.concatenate(halves, axis=1).view(np.uint32)
