"""The Hamming distance of two parties' 256-bit strings, as two shares: neither learns the other's.

One party holds bits a, the other b. For bits, a_j xor b_j = a_j + b_j - 2 a_j b_j, so the distance
is |a| + |b| - 2 <a, b>: one inner product, which both get from a dealt correlation (r and u to one,
s and v to the other, with u + v = <r, s>) and one message each: e = a - r, f = b - s. Then

    <a, b> = <a, f> + <e, s> + <r, s>

Guarantees: the shares add up to the distance modulo 512, exactly, for every distance 0 to 256
(modulo 256 a distance of 256 would look like 0). e and f are uniform whatever a and b, if r and s
are uniform and used once.
Leaves to others: dealing each correlation once, and using it once. Nothing here proves that a party
sent what its bits yield: the parties are taken to follow the protocol (see `options/confirm`).
Modulo 256 suffices for the inner product: it counts twice, so it matters modulo 256 only.
Source: Beaver, CRYPTO 1991, in its inner-product form; the oracle is `hamming`.
"""

from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

HASH_BYTES: Final = 32
BITS: Final = 8 * HASH_BYTES
DISTANCE_MODULUS: Final = 512
PRODUCT_MODULUS: Final = 256

U8Array = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class ProductHalf:
    """One party's half of a dealt inner product: 256 mask bytes, and a share of the masks' product.

    The two halves' shares add up, modulo 256, to the inner product of the two masks.
    """

    mask: bytes = field(repr=False)
    share: int = field(repr=False)


def product_share(mask: bytes, other_mask: bytes, other_share: int) -> int:
    """The share that completes another party's: their sum is the masks' inner product mod 256."""
    return (_inner(_octets(mask), _octets(other_mask)) - other_share) % PRODUCT_MODULUS


def masked(own: bytes, half: ProductHalf) -> bytes:
    """What a party sends of its 32-byte string: each bit less its mask byte, 256 bytes, uniform."""
    return (_bits(own) - _octets(half.mask)).tobytes()


def first_share(own: bytes, half: ProductHalf, received: bytes) -> int:
    """The first party's share of the distance, modulo 512; received: the other's 256 bytes."""
    return _share(own, _inner(_bits(own), _octets(received)) + half.share)


def second_share(own: bytes, half: ProductHalf, received: bytes) -> int:
    """The second party's share of the distance, modulo 512; received: the first's 256 bytes."""
    return _share(own, _inner(_octets(received), _octets(half.mask)) + half.share)


def xor(left: bytes, right: bytes) -> bytes:
    """Two strings of one length, bit by bit: an XOR share, or what two of them hide."""
    return bytes(a ^ b for a, b in zip(left, right, strict=True))


def hamming(left: bytes, right: bytes) -> int:
    """The distance in the clear: the oracle."""
    return sum((a ^ b).bit_count() for a, b in zip(left, right, strict=True))


def _share(own: bytes, product: int) -> int:
    return (int(_bits(own).sum()) - 2 * product) % DISTANCE_MODULUS


def _bits(data: bytes) -> U8Array:
    return np.unpackbits(_octets(data))


def _octets(data: bytes) -> U8Array:
    return np.frombuffer(data, np.uint8)


def _inner(left: U8Array, right: U8Array) -> int:
    return int(left.astype(np.int64) @ right.astype(np.int64))
