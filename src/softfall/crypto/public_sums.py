"""Sums of many multiples of ristretto255 points, for public weights and points only.

Guarantees: `weighted_sum` is the point that libsodium's one-by-one multiplications add up to
(`ristretto.weighted_sum`, the oracle), several times sooner from `FEW` points on. A batched proof
over n evaluations takes two such sums, which would otherwise be most of a device's work.
Refuses: points that do not decode, and a sum that is the identity (MalformedPoint).
Never for secrets: how long a sum takes depends on the weights. A proof's weights and points are
public; keys and blinds go through libsodium, in constant time.
Source: see `curve_kernels`.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from softfall.compiled.native import Native
from softfall.crypto import ristretto
from softfall.crypto.ristretto import POINT_BYTES, SCALAR_BYTES, MalformedPoint, Point, Scalar

FEW: Final = 8  # below this libsodium is as fast, and nothing needs to be compiled

_STRAUS: Final = Native("softfall.crypto.curve_kernels", "straus")
_MULTIPLES: Final = (8, 4, 5)  # of each point, what an addition needs, in limbs: scratch
_DIGITS: Final = 64
_EIGHTS: Final = sum(8 * 16**i for i in range(_DIGITS))


def weighted_sum(weights: Sequence[Scalar], points: Sequence[Point]) -> Point:
    """Sum of weight * point, one or more of each, all of them public. Raises MalformedPoint."""
    if len(points) < FEW:
        return ristretto.weighted_sum(weights, points)
    rows = np.frombuffer(b"".join(points), "<u8").astype(np.uint64).reshape(len(points), -1)
    digits = _signed_digits(b"".join(weights), len(points))
    multiples = np.empty((len(points), *_MULTIPLES), np.uint64)
    out = np.empty(POINT_BYTES // 8, np.uint64)
    wrong = _STRAUS(rows, digits, len(points), multiples, out)
    summed = out.astype("<u8").tobytes()
    if wrong >= 0 or not any(summed):
        raise MalformedPoint("a sum's term does not decode, or the sum is the identity")
    return Point(summed)


def load() -> None:
    """Load the kernel now, so that nobody waits for it later: seconds where it must compile."""
    _STRAUS.ready()


def _signed_digits(scalars: bytes, count: int) -> npt.NDArray[np.int8]:
    """Each scalar in 64 digits of -8 to 7, lowest first: their sum times 16^i is the scalar.

    With 8 added to every digit beforehand the digits are plain ones, and an addition carries for
    all of them. A scalar is below 2^253, so the sum fits its 32 bytes.
    """
    raised = b"".join(
        (int.from_bytes(scalars[at : at + SCALAR_BYTES], "little") + _EIGHTS).to_bytes(
            SCALAR_BYTES, "little"
        )
        for at in range(0, len(scalars), SCALAR_BYTES)
    )
    octets = np.frombuffer(raised, np.uint8).reshape(count, SCALAR_BYTES)
    digits = np.empty((count, _DIGITS), np.int8)
    digits[:, 0::2] = octets & 15
    digits[:, 1::2] = octets >> 4
    digits -= 8
    return digits
