"""What a dealer made in advance for one candidate, as a party holds it: usable once.

Guarantees: each half can be spent once (`options/dealt`). The provider's half is a seed alone; the
custodian's is a seed and what completes the provider's half.
Leaves to others: erasing a serial from the store that it came from, on disk, before it is used.
"""

import hashlib
from dataclasses import dataclass, field

from softfall.crypto.shares import BITS, DISTANCE_MODULUS, ProductHalf
from softfall.crypto.truth_table import TABLE_BYTES, TableHalf
from softfall.options.confirm import wire
from softfall.options.dealt import Once

_ROTATION_BYTES = 2  # 65,536 is a multiple of 512, so two uniform bytes give a uniform rotation
_PROVIDER_LABEL = b"softfall confirm provider half v1|"
_CUSTODIAN_LABEL = b"softfall confirm custodian half v1|"


@dataclass(frozen=True, slots=True)
class Half:
    """One party's half of one serial: for the distance, and for the threshold."""

    product: ProductHalf = field(repr=False)
    table: TableHalf = field(repr=False)


class DealtProvider(Once[Half]):
    """The provider's half of one serial."""

    @classmethod
    def decode(cls, body: bytes) -> "DealtProvider":
        """From `dealt_provider`. Raises MalformedMessage."""
        values = wire.decode(wire.DEALT_PROVIDER, body)
        serial = wire.serial(values)
        return cls(serial, provider_half(serial, wire.octets(values, "seed")))


class DealtCustodian(Once[Half]):
    """The custodian's half of one serial."""

    @classmethod
    def decode(cls, body: bytes) -> "DealtCustodian":
        """From `dealt_custodian`. Raises MalformedMessage."""
        values = wire.decode(wire.DEALT_CUSTODIAN, body)
        serial = wire.serial(values)
        mask, rotation = custodian_masks(serial, wire.octets(values, "seed"))
        product = ProductHalf(mask, wire.octets(values, "product")[0])
        return cls(serial, Half(product, TableHalf(rotation, wire.octets(values, "table"))))


def provider_half(serial: int, seed: bytes) -> Half:
    """The provider's whole half: uniform, from its seed."""
    wide = _expand(_PROVIDER_LABEL, serial, seed, BITS + 1 + _ROTATION_BYTES + TABLE_BYTES)
    mask, share, rest = wide[:BITS], wide[BITS], wide[BITS + 1 :]
    table = TableHalf(_rotation(rest[:_ROTATION_BYTES]), rest[_ROTATION_BYTES:])
    return Half(ProductHalf(mask, share), table)


def custodian_masks(serial: int, seed: bytes) -> tuple[bytes, int]:
    """The custodian's mask and its share of the rotation: uniform, from its seed."""
    wide = _expand(_CUSTODIAN_LABEL, serial, seed, BITS + _ROTATION_BYTES)
    return wide[:BITS], _rotation(wide[BITS:])


def _expand(label: bytes, serial: int, seed: bytes, size_bytes: int) -> bytes:
    return hashlib.shake_256(label + wire.serial_bytes(serial) + seed).digest(size_bytes)


def _rotation(two_bytes: bytes) -> int:
    return int.from_bytes(two_bytes, "big") % DISTANCE_MODULUS
