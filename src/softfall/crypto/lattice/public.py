"""The public elements of an epoch: uniform, from a 32-byte seed that everyone knows.

Guarantees: the same seed gives the same elements everywhere; each is uniform modulo q.
Refuses: a seed of another size (BadSeed).
The elements are drawn in slot form, which is as uniform as any other: slots and coefficients map
onto each other one to one. Drawn with rejection, since nothing here is secret.
Source: HKDF (RFC 5869) and ChaCha20 (RFC 8439), both by `cryptography`.
"""

from typing import Final

import numpy as np

from softfall.crypto.lattice.parameters import COLUMNS, SLOTS, Q
from softfall.crypto.lattice.sampling import stream
from softfall.crypto.lattice.transform import U8Array, U32Array

_LABEL: Final = b"softfall lattice: public elements 1"
_DRAWN: Final = 2 * SLOTS * COLUMNS  # five in nine will do; too few: less than 2^-250


def public_elements(seed: bytes) -> U32Array:
    """The 16 elements: (64, 256) uint32 below q, column 16 i + g component g of element i.

    seed: 32 bytes. Raises BadSeed.
    """
    octets: U8Array = np.frombuffer(stream(seed, _LABEL, 3 * _DRAWN), np.uint8).reshape(-1, 3)
    wide = octets.astype(np.uint32)
    values = wide[:, 0] | wide[:, 1] << np.uint32(8) | wide[:, 2] << np.uint32(16)
    kept = values[values < Q][: SLOTS * COLUMNS]
    return np.ascontiguousarray(kept.reshape(SLOTS, COLUMNS))
