"""The hash of a 64x64 luminance plane: what the enclave takes from it, and the recipient too.

Guarantees: PDQ takes a picture of 64x64 as it is, so plane and hash are one computation, alike on
each side. Source: `softfall.media.pdq`.
"""

import numpy as np

from softfall.media.pdq import PdqHash, Unhashable, pdq

_SIDE = 64


def hash_of(plane: bytes) -> PdqHash | Unhashable:
    """The hash of 4,096 bytes of luminance, row by row."""
    return pdq(np.frombuffer(plane, np.uint8).reshape(_SIDE, _SIDE))
