"""The hash of a 64x64 luminance plane: what the enclave takes from it, and the recipient too.

Guarantees: PDQ takes a picture of 64x64 as it is, so plane and hash are one computation, alike on
each side. Always by numpy (bit-identical to the kernels, under a millisecond at this size): the
enclave's process gives up opening files once it has started, and must load nothing later.
Source: `softfall.media.pdq`.
"""

import numpy as np

from softfall.media import pdq_oracle
from softfall.media.pdq import MIN_QUALITY, PdqHash, Unhashable, cut

_SIDE = pdq_oracle.SMALL_SIDE


def hash_of(plane: bytes) -> PdqHash | Unhashable:
    """The hash of 4,096 bytes of luminance, row by row."""
    measured = pdq_oracle.spectrum(np.frombuffer(plane, np.uint8).reshape(_SIDE, _SIDE))
    if measured.quality < MIN_QUALITY:
        return Unhashable("low quality", measured.quality)
    bits, margins = cut(measured)
    return PdqHash(bits, measured.quality, margins, plane)
