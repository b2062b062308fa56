"""The custodian's half of the research mode: it draws the epoch's secret hash, and lays out a list.

Guarantees: an entry is kept as 256 secret bits; the provider gets the weights that they amount to,
the keyholder a hint. Another epoch has other directions, so all bits are made anew: the custodian
needs each entry's 64x64 luminance for that, which is more than a PDQ hash tells.
Limits: a block has no dummy rows, so the keyholder could solve for weights (see `lattice`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from softfall.options.homomorphic.secret_hash import lattice
from softfall.options.homomorphic.secret_hash.lattice import F64Array
from softfall.options.homomorphic.secret_hash.plane import plane
from softfall.options.homomorphic.secret_hash.projection import I8Array, Projection


@dataclass(frozen=True, slots=True)
class SecretList:
    """One epoch's list. weights: for the provider, (n, 4096) int8; hint: for the keyholder."""

    weights: I8Array = field(repr=False)
    hint: list[F64Array] = field(repr=False)


def lay_out(
    luminances: Sequence[bytes], direction_secret: bytes, public_seed: bytes, filling: bytes
) -> SecretList:
    """A list of pictures by their luminance (4,096 bytes each), under one epoch's directions.

    direction_secret: 32 secret bytes; public_seed: 32 public ones. filling: 32 random bytes, which
    the rows that fill up the last block are made from. Raises FlatPicture.
    """
    projection = Projection(direction_secret)
    bits = [projection.bits(plane(luminance))[0] for luminance in luminances]
    missing = -len(bits) % lattice.ROWS
    random = Projection(filling)
    bits += [row > 0 for row in random.directions[:missing]]
    weights = projection.weights(np.array(bits, np.bool_))
    hint = lattice.make_hint(lattice.prepare(weights), lattice.public_elements(public_seed))
    return SecretList(weights, hint)
