"""The secret hash of one epoch: 256 directions that only the custodian and the provider know.

A picture's secret bit is the sign of its whitened frequencies along one direction. An entry of the
list is kept as 256 such bits; what the provider needs of it is one row of 4,096 small whole
numbers, since the score of a plane against an entry,

    sum over the directions of bit * (direction . whitened frequencies of the plane),

is linear in the plane. So it can be computed on an encrypted plane, as one row of a matrix.

Guarantees: the directions are uniform signs from the epoch's 32-byte secret; another epoch's
secret gives others, and what was learned about one hash function says little about the next
(measured in docs/experiments/secret_hash.md).
Limit: whoever may ask whether a picture is on the list, without limit, can study any hash function.
"""

from typing import Final

import numpy as np
import numpy.typing as npt
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CTR
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from softfall.options.homomorphic.secret_hash.plane import (
    BASIS,
    FREQUENCIES,
    PIXELS,
    STEPS,
    WHITENING,
    F64Array,
    I16Array,
)

DIRECTIONS: Final = 256
WEIGHT_SCALE: Final = 48.0
MAX_WEIGHT: Final = 31
SCORE_OF_ONE: Final = round(WEIGHT_SCALE * np.sqrt(FREQUENCIES) * STEPS)
"""The score at which cosine 1 lies, in whole numbers."""

_LABEL: Final = b"softfall secret hash directions v1"

I8Array = npt.NDArray[np.int8]


class Projection:
    """One epoch's secret hash. secret: 32 bytes."""

    def __init__(self, secret: bytes) -> None:
        key = HKDF(SHA256(), 32, None, _LABEL).derive(secret)
        bits = Cipher(AES256(key), CTR(bytes(16))).encryptor()
        stream = bits.update(bytes(DIRECTIONS * FREQUENCIES // 8))
        signs = np.unpackbits(np.frombuffer(stream, np.uint8)).astype(np.float64) * 2 - 1
        self.directions: F64Array = signs.reshape(DIRECTIONS, FREQUENCIES)

    def bits(self, planes: I16Array) -> npt.NDArray[np.bool_]:
        """The secret bits of planes (n, 4096): (n, 256)."""
        return np.asarray(self._frequencies(planes) @ self.directions.T > 0)

    def weights(self, bits: npt.NDArray[np.bool_]) -> I8Array:
        """The rows that score planes against entries with these bits (n, 256): (n, 4096) int8."""
        sums = np.where(bits, 1.0, -1.0) @ self.directions
        sums /= np.linalg.norm(sums, axis=1, keepdims=True)
        rows = np.rint(WEIGHT_SCALE * (sums * WHITENING) @ BASIS)
        return np.clip(rows, -MAX_WEIGHT, MAX_WEIGHT).astype(np.int8)

    @staticmethod
    def _frequencies(planes: I16Array) -> F64Array:
        return np.asarray((planes.reshape(-1, PIXELS) @ BASIS.T) * WHITENING)


def scores(weights: I8Array, planes: I16Array) -> npt.NDArray[np.int64]:
    """Each plane (n, 4096) against each row of weights (m, 4096), in the clear: (n, m). Oracle."""
    exact = planes.astype(np.float64) @ weights.astype(np.float64).T
    return np.asarray(np.rint(exact).astype(np.int64))
