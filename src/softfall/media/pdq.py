"""PDQ: the perceptual hash of a picture, its quality, and each bit's margin. (placeholder types)"""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class PdqHash:
    """A picture's PDQ hash.

    bits: 32 bytes; bit 0 is the most significant bit of byte 0, as `pdqhash` prints it in hex.
    quality: 0 to 100; 50 or more here, always (below, the picture is Unhashable).
    margins: (256,) float32, each bit's distance of its DCT coefficient from the median, same order.
    """

    bits: bytes
    quality: int
    margins: npt.NDArray[np.float32] = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Unhashable:
    """A picture that has no dependable hash, and why ("flat", "tiny", "low quality")."""

    reason: str
    quality: int
