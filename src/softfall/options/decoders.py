"""What two honest decoders of one file may disagree on in its hash, for every option alike.

Guarantees: a hash made by a decoder within these bounds of the recipient's own is accepted.
Refuses: another picture's hash, bits moved that do not lie at the median, and a claim that a
hashable picture has no hash: each with its reason.
Accurate JPEG decoders agreed exactly on every picture measured; docs/options.md has the figures,
and what a patched sender gains inside the bounds.
"""

from typing import Final

import numpy as np

from softfall.media.pdq import MIN_QUALITY, PdqHash, Unhashable
from softfall.options.contract import Mismatch

BITS: Final = 4
MARGIN: Final = 0.25  # in units of PDQ's DCT coefficients; the median margin is about 40
QUALITY: Final = 1

ANOTHER_PICTURE: Final = Mismatch("another picture")
CLAIMS_UNHASHABLE: Final = Mismatch("claims unhashable")


def hash_disagreement(
    media: PdqHash | Unhashable, hash_bits: bytes | None, margin: float = MARGIN
) -> Mismatch | None:
    """Why an opened hash is not that of `media`, the recipient's own; None if it may be.

    hash_bits: 32 bytes, or None where the sender says that there is none. margin: how far from the
    median a bit may lie that differs.
    A recipient without a hash accepts a sender's at the brink of quality: an unpatched client there
    could as well have submitted a stand-in, so nothing is gained by lying.
    """
    if isinstance(media, Unhashable):
        near = media.quality >= MIN_QUALITY - QUALITY
        return None if hash_bits is None or near else ANOTHER_PICTURE
    if hash_bits is None:
        return None if media.quality < MIN_QUALITY + QUALITY else CLAIMS_UNHASHABLE
    own, theirs = (np.frombuffer(bits, np.uint8) for bits in (media.bits, hash_bits))
    differs = np.unpackbits(own ^ theirs).astype(bool)
    if differs.sum() > BITS or (media.margins[differs] > margin).any():
        return ANOTHER_PICTURE
    return None
