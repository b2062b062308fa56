"""A proof's sums of many public multiples: compiled, in one go.

Peer: libsodium by `rbcl`, on whose group ours is built, multiplying and adding one by one, as a
verifier without such a sum does. Both start from the points' bytes and refuse what is no point.
"""

import hashlib
from functools import partial
from typing import Any

import rbcl

from bench.rows import Row, compare
from softfall.crypto import public_sums, ristretto
from softfall.crypto.ristretto import Point, Scalar
from softfall.options.on_device.parameters import DEFAULT_PARAMETERS as ON_DEVICE
from softfall.options.split.parameters import DEFAULT_PARAMETERS as SPLIT

COUNTS = (ON_DEVICE.tags.questions, SPLIT.questions)


def rows() -> list[Row]:
    return [_row(count) for count in COUNTS]


def _row(count: int) -> Row:
    wide = [hashlib.sha512(b"%d" % i).digest() for i in range(2 * count)]
    points = [ristretto.point_from_wide(each) for each in wide[:count]]
    weights = [ristretto.scalar_from_wide(each) for each in wide[count:]]
    return compare(
        f"sum of {count} multiples of public points",
        peer="rbcl",
        ours=partial(public_sums.weighted_sum, weights, points),
        theirs=partial(_one_by_one, weights, points),
        same="the same point",
    )


def _one_by_one(weights: list[Scalar], points: list[Point]) -> bytes:
    multiply: Any = rbcl.crypto_scalarmult_ristretto255
    add: Any = rbcl.crypto_core_ristretto255_add
    total = multiply(weights[0], points[0])
    for weight, point in zip(weights[1:], points[1:], strict=True):
        total = add(total, multiply(weight, point))
    return bytes(total)
