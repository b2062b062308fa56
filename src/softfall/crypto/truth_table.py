"""Whether a shared distance is within a radius, by one look at a shared, rotated truth table.

Two parties hold shares of a distance modulo 512. The dealer draws a secret rotation, gives each a
share of it, and each an XOR share of the table that is rotated by it. The parties open the rotated
distance, which is uniform; each looks up its own table there, and the two bits they find differ
exactly where the distance is within the radius.

Guarantees: exact for each of the 512 values. What is opened, and each party's bit alone, are
uniform whatever the distance, as long as a table is looked up once.
Leaves to others: looking up once. A second look at the same table under another distance tells how
far the two distances are apart.
The table is whole. PDQ's own distances are even, which would halve it (64 bytes to 32); but not
every implementation's are (a flat picture's hash has no 128 ones), and an odd distance must not be
answered at random.
Source: one-time truth tables, Ishai et al., TCC 2013; the oracle is `within`.
"""

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from softfall.crypto.shares import DISTANCE_MODULUS, xor

TABLE_BYTES: Final = DISTANCE_MODULUS // 8


@dataclass(frozen=True, slots=True)
class TableHalf:
    """One party's half: its share of the rotation (modulo 512) and of the table (64 bytes)."""

    rotation: int = field(repr=False)
    table: bytes = field(repr=False)

    def rotated(self, distance_share: int) -> int:
        """This party's share of the rotated distance, to be sent to the other: uniform."""
        return (distance_share + self.rotation) % DISTANCE_MODULUS

    def look_up(self, opened: int) -> int:
        """This party's bit at the opened, rotated distance: 0 or 1."""
        return bit_at(self.table, opened)


def bit_at(table: bytes, opened: int) -> int:
    """One bit of a 64-byte table, at 0 to 511."""
    return table[opened // 8] >> (7 - opened % 8) & 1


def other_table(rotation: int, radius_bits: int, table: bytes) -> bytes:
    """The share that completes a uniform one: together they are the table, rotated.

    rotation: the sum of both halves' shares of it. Bit z of the whole is 1 where the distance
    (z - rotation) modulo 512 is at most radius_bits.
    """
    plain = np.arange(DISTANCE_MODULUS) <= radius_bits
    return xor(np.packbits(np.roll(plain, rotation)).tobytes(), table)


def opened(left: int, right: int) -> int:
    """The rotated distance, from both parties' shares of it."""
    return (left + right) % DISTANCE_MODULUS


def within(distance_bits: int, radius_bits: int) -> int:
    """The bit in the clear: the oracle."""
    return int(distance_bits % DISTANCE_MODULUS <= radius_bits)
