"""The ristretto255 group: points and scalars as typed bytes, over libsodium (by rbcl).

Guarantees: every `Point` is canonical and not the identity; every `Scalar` is canonical and not
zero. Multiplication does not clamp (rbcl's docstrings say that it does; a test shows otherwise).
Refuses: anything else, as `MalformedPoint` or `MalformedScalar`, before it is used.
Leaves to others: libsodium's own functions run in constant time, but Python copies secrets, can't
wipe them, and its allocator may keep them: a memory dump of this process holds its keys.
Source: RFC 9496 (ristretto255); libsodium's `crypto_core_ristretto255_*`.
"""

import ctypes
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NewType

from rbcl._sodium import _sodium, lib_path

from softfall.errors import InputError

POINT_BYTES = 32
SCALAR_BYTES = 32
WIDE_BYTES = 64
ORDER = 2**252 + 27742317777372353535851937790883648493

Point = NewType("Point", bytes)
Scalar = NewType("Scalar", bytes)

_IDENTITY = bytes(POINT_BYTES)
_new = ctypes.c_char * 32

# rbcl writes libsodium to a new temporary file (2.8 MB) in each process and leaves it there. Once
# loaded, the name is not needed (POSIX): a service that restarts daily must not fill the disk.
Path(lib_path).unlink(missing_ok=True)


class MalformedPoint(InputError):
    """Bytes that are no ristretto255 point, or are the identity."""

    remedy = "Send canonical ristretto255 encodings (RFC 9496), never the identity."


class MalformedScalar(InputError):
    """Bytes that are no scalar of the group, or are zero."""

    remedy = "Send 32 bytes, little-endian, above 0 and below the group's order."


def decode_point(data: bytes) -> Point:
    """The point that 32 bytes encode. Raises MalformedPoint: not canonical, or the identity."""
    if len(data) != POINT_BYTES or data == _IDENTITY:
        raise MalformedPoint("a point must be 32 bytes and not the identity")
    # libsodium overlooks the highest bit, which would give each point a second encoding.
    if data[-1] >> 7 or _sodium.crypto_core_ristretto255_is_valid_point(data) != 1:
        raise MalformedPoint("a point is not a canonical ristretto255 encoding")
    return Point(data)


def decode_points(data: bytes) -> list[Point]:
    """Points set end to end. Raises MalformedPoint."""
    if len(data) % POINT_BYTES:
        raise MalformedPoint("points must be a whole number of 32 bytes")
    return [decode_point(data[i : i + POINT_BYTES]) for i in range(0, len(data), POINT_BYTES)]


def decode_scalar(data: bytes) -> Scalar:
    """The scalar that 32 little-endian bytes encode. Raises MalformedScalar: zero, or too large."""
    if len(data) != SCALAR_BYTES or not 0 < int.from_bytes(data, "little") < ORDER:
        raise MalformedScalar("a scalar must be 32 bytes, above 0 and below the group's order")
    return Scalar(data)


def scalar_from_wide(wide: bytes) -> Scalar:
    """64 uniform bytes, little-endian, reduced: uniform to 2^-256. Raises MalformedScalar for 0."""
    if len(wide) != WIDE_BYTES:
        raise MalformedScalar("a wide scalar must be 64 bytes")
    out = _new()
    _sodium.crypto_core_ristretto255_scalar_reduce(out, wide)
    if out.raw == _IDENTITY:
        raise MalformedScalar("a wide scalar reduced to zero")
    return Scalar(out.raw)


def point_from_wide(wide: bytes) -> Point:
    """64 uniform bytes mapped to a point (RFC 9496, 4.3.4). Raises MalformedPoint: the identity."""
    if len(wide) != WIDE_BYTES:
        raise MalformedPoint("a point is made from 64 bytes")
    out = _new()
    _sodium.crypto_core_ristretto255_from_hash(out, wide)
    if out.raw == _IDENTITY:
        raise MalformedPoint("a hash mapped to the identity")
    return Point(out.raw)


def multiply(scalar: Scalar, point: Point) -> Point:
    """scalar * point, without clamping. Raises MalformedPoint if the point does not decode."""
    out = _new()
    if _sodium.crypto_scalarmult_ristretto255(out, scalar, point) != 0:
        raise MalformedPoint("a product's point does not decode, or the product is the identity")
    return Point(out.raw)


def multiply_base(scalar: Scalar) -> Point:
    """scalar * G, G the group's generator. Raises MalformedPoint for zero."""
    out = _new()
    if _sodium.crypto_scalarmult_ristretto255_base(out, scalar) != 0:
        raise MalformedPoint("zero times the generator is the identity")
    return Point(out.raw)


def add(left: Point, right: Point) -> Point:
    """left + right. Raises MalformedPoint: a term does not decode, or the sum is the identity."""
    out = _new()
    if _sodium.crypto_core_ristretto255_add(out, left, right) != 0 or out.raw == _IDENTITY:
        raise MalformedPoint("a sum's term does not decode, or the sum is the identity")
    return Point(out.raw)


def weighted_sum(weights: Iterable[Scalar], points: Iterable[Point]) -> Point:
    """Sum of weight * point, one or more of each. Raises MalformedPoint."""
    total: Point | None = None
    for weight, point in zip(weights, points, strict=True):
        term = multiply(weight, point)
        total = term if total is None else add(total, term)
    if total is None:
        raise MalformedPoint("a sum of no points is the identity")
    return total


def scalar_multiply(left: Scalar, right: Scalar) -> Scalar:
    """left * right, modulo the order."""
    out = _new()
    _sodium.crypto_core_ristretto255_scalar_mul(out, left, right)
    return Scalar(out.raw)


def scalar_subtract(left: Scalar, right: Scalar) -> Scalar:
    """left - right, modulo the order. Raises MalformedScalar if they are equal."""
    out = _new()
    _sodium.crypto_core_ristretto255_scalar_sub(out, left, right)
    if out.raw == _IDENTITY:
        raise MalformedScalar("a difference is zero")
    return Scalar(out.raw)


def invert_all(scalars: Sequence[Scalar]) -> list[Scalar]:
    """The inverse of each scalar, for the price of one inversion (Montgomery's trick)."""
    if not scalars:
        return []
    prefixes = [scalars[0]]
    for scalar in scalars[1:]:
        prefixes.append(scalar_multiply(prefixes[-1], scalar))
    out = _new()
    if _sodium.crypto_core_ristretto255_scalar_invert(out, prefixes[-1]) != 0:
        raise MalformedScalar("zero has no inverse")
    rest, inverses = Scalar(out.raw), []
    for i in range(len(scalars) - 1, 0, -1):
        inverses.append(scalar_multiply(rest, prefixes[i - 1]))
        rest = scalar_multiply(rest, scalars[i])
    return [rest, *reversed(inverses)]


GENERATOR = multiply_base(Scalar((1).to_bytes(SCALAR_BYTES, "little")))
