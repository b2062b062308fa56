"""How a hash is cut into pieces for tags: tables, bits, probes and hits.

Guarantees: parameters are public, fixed for an epoch, and travel in its signed manifest; every
party reads the same bytes. Position sets are explicit, so random, disjoint and low-frequency ones
differ only in how they were made. What each option uses is in its own `parameters`.
Refuses: sets that are not k increasing positions below 256, and sizes beyond what `wire` carries.
Source: margin-ordered multi-probe (see `pieces`); the figures behind each option's default are in
docs/experiments/.
"""

import hashlib
import itertools
from dataclasses import dataclass
from typing import Final

from softfall.errors import InputError
from softfall.options.tags import wire
from softfall.wire import MalformedMessage

HASH_BITS: Final = 256

Positions = tuple[tuple[int, ...], ...]


class BadParameters(InputError):
    """Parameters that no epoch can have."""

    remedy = "Keep 8 to 64 bits a piece, at most 64 tables and 512 probes in all; see the docs."


@dataclass(frozen=True, slots=True)
class TagParameters:
    """One epoch's parameters.

    k_bits: bits in a piece. probes: pieces asked for in each table, the unflipped one included.
    hits: distinct tables in which one entry must be hit to be a candidate.
    positions: for each table its k_bits bit positions, increasing, bit 0 the hash's first.
    Raises BadParameters.
    """

    k_bits: int
    probes: int
    hits: int
    positions: Positions

    def __post_init__(self) -> None:
        limits = (
            (8 <= self.k_bits <= wire.MAX_K_BITS, "a piece must have 8 to 64 bits"),
            (1 <= self.tables <= wire.MAX_TABLES, "there must be 1 to 64 tables"),
            (1 <= self.probes <= 2**self.k_bits, "a table must be asked at least one probe"),
            (self.questions <= wire.MAX_POINTS, "a picture may ask at most 512 questions"),
            (1 <= self.hits <= self.tables, "hits must be 1 to the number of tables"),
            (all(map(self._is_set, self.positions)), "positions must be k increasing, below 256"),
        )
        for holds, rule in limits:
            if not holds:
                raise BadParameters(rule)

    @property
    def tables(self) -> int:
        """How many tables."""
        return len(self.positions)

    @property
    def questions(self) -> int:
        """Points in a request and tags in a submission: tables times probes, for every picture."""
        return self.tables * self.probes

    @property
    def piece_bytes(self) -> int:
        """Bytes that hold one piece or one probe mask, big-endian."""
        return -(-self.k_bits // 8)

    def encode(self) -> bytes:
        """The bytes that the manifest and the artefact carry."""
        return wire.PARAMETERS.encode(
            {
                "version": wire.VERSION,
                "k_bits": self.k_bits,
                "probes": self.probes,
                "hits": self.hits,
                "positions": bytes(bit for table in self.positions for bit in table),
            }
        )

    @classmethod
    def decode(cls, body: bytes) -> "TagParameters":
        """The parameters that `encode` wrote. Raises MalformedMessage or BadParameters."""
        values = wire.decode(wire.PARAMETERS, body)
        k_bits, probes, hits = (wire.number(values, name) for name in ("k_bits", "probes", "hits"))
        flat = wire.octets(values, "positions")
        if k_bits == 0 or len(flat) % k_bits:
            raise MalformedMessage("tags_parameters must hold whole tables")
        positions = tuple(tuple(flat[i : i + k_bits]) for i in range(0, len(flat), k_bits))
        return cls(k_bits, probes, hits, positions)

    def _is_set(self, table: tuple[int, ...]) -> bool:
        increasing = all(a < b for a, b in itertools.pairwise(table))
        return len(table) == self.k_bits and increasing and 0 <= table[0] <= table[-1] < HASH_BITS


def random_positions(seed: str, tables: int, k_bits: int) -> Positions:
    """Independent random sets, one a table, that anyone can derive again from the seed."""
    return tuple(
        tuple(sorted(_shuffled(f"{seed}|random|{table}")[:k_bits])) for table in range(tables)
    )


def disjoint_positions(seed: str, tables: int, k_bits: int) -> Positions:
    """Random sets that share no bit. Raises BadParameters where 256 bits do not suffice."""
    _check_room(tables, k_bits)
    return _dealt(_shuffled(f"{seed}|disjoint")[: tables * k_bits], tables)


def low_frequency_positions(seed: str, tables: int, k_bits: int) -> Positions:
    """The bits of the lowest spatial frequencies, in random sets that share none.

    Everyday edits move the low frequencies least; no choice learned from photographs did better.
    Bit 255 - 16 r - c comes from row r and column c of the 16 x 16 DCT coefficients, lowest first.
    Raises BadParameters where 256 bits do not suffice.
    """
    _check_room(tables, k_bits)
    lowest = set(sorted(range(HASH_BITS), key=_squared_frequency)[: tables * k_bits])
    return _dealt([i for i in _shuffled(f"{seed}|low frequency") if i in lowest], tables)


def _check_room(tables: int, k_bits: int) -> None:
    if tables * k_bits > HASH_BITS:
        raise BadParameters(f"{tables} disjoint sets of {k_bits} bits need over 256 bits")


def _dealt(order: list[int], tables: int) -> Positions:
    k_bits = len(order) // tables
    return tuple(tuple(sorted(order[t * k_bits : (t + 1) * k_bits])) for t in range(tables))


def _squared_frequency(position: int) -> tuple[int, int]:
    row, column = divmod(HASH_BITS - 1 - position, 16)
    return (row + 1) ** 2 + (column + 1) ** 2, position


def _shuffled(label: str) -> list[int]:
    """0 to 255 in an order drawn by SHAKE-256: sorted by 8 bytes each (no ties in practice).

    The label is the one that `split` was published with; the sets are public, and no secret.
    """
    stream = hashlib.shake_256(b"softfall split positions v1|" + label.encode()).digest(2048)
    return sorted(range(HASH_BITS), key=lambda i: (stream[8 * i : 8 * i + 8], i))


DEFAULT_SEED: Final = "softfall"  # chosen before measuring, and not tuned
