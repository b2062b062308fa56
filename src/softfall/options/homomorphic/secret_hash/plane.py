"""What a device encrypts in the research mode: its 64x64 luminance, scaled so that scores compare.

Guarantees: a plane is a function of the 4,096 luminance values alone, so the recipient makes the
same one; brightness and contrast drop out of it. Its whitened low frequencies have the length 1, so
a score is the cosine of two pictures' whitened frequencies, as the secret directions see them.
Refuses: a picture without detail in those frequencies (FlatPicture).
Source: the band is PDQ's own (16x16 frequencies without the first row and column of the DCT).
Whitening by the square root of the frequency was the best of those tried
(docs/experiments/secret_hash.md).
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from softfall.errors import InputError

SIDE: Final = 64
PIXELS: Final = SIDE * SIDE
BAND: Final = 16
FREQUENCIES: Final = BAND * BAND
STEPS: Final = 50  # a value of the plane is rounded to a whole number of 1/50
MAX_STEPS: Final = 127

I16Array = npt.NDArray[np.int16]
F64Array = npt.NDArray[np.float64]


class FlatPicture(InputError):
    """A picture without detail in the frequencies that are compared."""

    remedy = "Nothing can be found by such a picture; it is sent as one that has no hash."


def _dct() -> F64Array:
    frequency = np.arange(1, BAND + 1)[:, None]
    angle = np.pi / (2 * SIDE) * frequency * (2 * np.arange(SIDE) + 1)
    return np.asarray(np.sqrt(2 / SIDE) * np.cos(angle), np.float64)


def _whitening() -> F64Array:
    frequency = np.arange(1, BAND + 1, dtype=np.float64)
    radius = np.hypot(frequency[:, None], frequency[None, :])
    return np.asarray(np.sqrt(radius).ravel())


BASIS: Final[F64Array] = np.asarray(np.kron(_dct(), _dct()), np.float64)
"""(256, 4096): the frequencies of a plane, row by row of the 16x16 band; orthonormal rows."""

WHITENING: Final[F64Array] = _whitening()
"""(256,): pictures have less of the high frequencies, which are to count as much."""


def plane(luminance: bytes) -> I16Array:
    """The plane of 4,096 luminance values (row by row, as `PdqHash.luminance`): (4096,) int16.

    Whole numbers from -127 to 127, in units of 1/STEPS. Raises FlatPicture.
    """
    values: F64Array = np.frombuffer(luminance, np.uint8).astype(np.float64)
    if len(values) != PIXELS:
        raise FlatPicture(f"a plane has {PIXELS} values, not {len(values)}")
    values = np.asarray(values - values.mean(), np.float64)
    length = float(np.linalg.norm(WHITENING * (BASIS @ values)))
    if length < 1.0:
        raise FlatPicture("this picture has no detail that could be compared")
    scaled = values * (np.sqrt(FREQUENCIES) / length)
    steps: I16Array = np.clip(np.rint(scaled * STEPS), -MAX_STEPS, MAX_STEPS).astype(np.int16)
    return steps
