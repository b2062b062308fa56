"""PDQ's shrinking as two weighted sums: the linear form behind `fast`, and its plain oracle.

Two passes of a box filter along rows and columns, and the sampling, are linear and separable: each
of the 64x64 values is a weighted sum of about a 64th of the rows and of the columns. The reference
adds in float32 in an order of its own, so sums in another order differ in their last bits, and a
coefficient that lies at the median may fall to its other side: rarely one or two bits of a hash.

Guarantees: `shrink` is these sums in float64, the oracle beside `pdq_linear_kernel`. A picture that
was decoded at a 1/2, 1/4 or 1/8 of its size is weighed as its full-size self: a decoded pixel has
the weights of all the pixels that it stands for.
Refuses: nothing; sides are 1 or more, scales 1, 2, 4 or 8.
Source: see `pdq_oracle`, whose windows and sample points these are.
"""

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from softfall.media import pdq_oracle
from softfall.media.pdq_oracle import F32Array, PixelArray

_SIDE: Final = pdq_oracle.SMALL_SIDE
_SIDES_KEPT: Final = 256

I64Array = npt.NDArray[np.int64]
F64Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """One axis: value i is the sum of `weights[i, k]` times the pixel `starts[i] + k`.

    starts: (64,) int64; lengths: (64,) int64; weights: (64, most) float32, zeros behind `lengths`.
    length: how many pixels there are.
    """

    starts: I64Array = field(repr=False)
    lengths: I64Array = field(repr=False)
    weights: F32Array = field(repr=False)
    length: int

    def matrix(self) -> F64Array:
        """(64, length) float64: the same, written out."""
        whole = np.zeros((_SIDE, self.length))
        for i, (start, length) in enumerate(zip(self.starts, self.lengths, strict=True)):
            whole[i, start : start + length] = self.weights[i, :length]
        return whole


@lru_cache(_SIDES_KEPT)
def weights(side: int, scale: int = 1) -> Weights:
    """Along an axis of `side` pixels, of which each decoded one stands for `scale`."""
    first, last = _reach(side)
    starts, ends = first // scale, last // scale
    most = int((ends - starts).max()) + 1
    along = np.zeros((_SIDE, most))
    for i, row in enumerate(_rows(side, first, last)):
        places = (first[i] + np.arange(row.size)) // scale - starts[i]
        np.add.at(along[i], places, row)
    return Weights(
        starts, ends - starts + 1, np.ascontiguousarray(along, np.float32), -(-side // scale)
    )


def shrink(plane: PixelArray, down: Weights, along: Weights) -> F32Array:
    """(64, 64) float32 of a (down.length, along.length) uint8 plane."""
    small = down.matrix() @ plane.astype(np.float64) @ along.matrix().T
    return np.ascontiguousarray(small, np.float32)


def _reach(side: int) -> tuple[I64Array, I64Array]:
    """(64,) first and last pixel that each of the 64 values sees."""
    points, (behind, ahead) = pdq_oracle.sample_points(side), _window(side)
    return np.maximum(points - 2 * behind, 0), np.minimum(points + 2 * ahead, side - 1)


def _window(side: int) -> tuple[int, int]:
    """How far the box filter looks behind and ahead of a pixel."""
    width = pdq_oracle.window(side)
    ahead = (width + 2) // 2 - 1
    return width - 1 - ahead, ahead


def _rows(side: int, first: I64Array, last: I64Array) -> list[F64Array]:
    """The weights of each value's pixels: means of means, each over what the picture holds."""
    behind, ahead = _window(side)
    rows = []
    for i, point in enumerate(pdq_oracle.sample_points(side)):
        outer = np.arange(max(point - behind, 0), min(point + ahead, side - 1) + 1)
        lower, upper = np.maximum(outer - behind, 0), np.minimum(outer + ahead, side - 1)
        share = 1.0 / (outer.size * (upper - lower + 1))
        steps = np.zeros(last[i] - first[i] + 2)
        np.add.at(steps, lower - first[i], share)
        np.add.at(steps, upper + 1 - first[i], -share)
        rows.append(np.cumsum(steps)[:-1])
    return rows
