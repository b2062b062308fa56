"""What a dealer made in advance for one query against one list, as a party holds it: usable once.

Guarantees: each half can be spent once (`options/dealt`). It is made for a number of rows, its
capacity, and serves any list with as many or fewer, by its first rows; every column comes from a
stream of its own, named by party, mode, capacity, serial and column, so no two columns of any two
halves share a byte of one. Columns are expanded when they are asked for, part by part.
Refuses: another form (MalformedMessage), a second use (AlreadySpent), more rows than the capacity
(TooFewRows).
Leaves to others: erasing a serial from the store that it came from, on disk, before it is used.

One bit, with half = dealt.spend() at either party, and n rows (`crypto/comparing`, `equality`):

    provider    masks = half.masks(n)                            added to the encrypted distances
    keyholder   x = comparing.masked(y, half.masks(n))           9 bits a row, to the provider
    both        found = comparing.look_up(x, half.tables(n))
                own = comparing.opening(found, half.triple(n))   to each other
                bits = comparing.result(found, triple, own, theirs, first=...)
                equality.digest(half.digest_key, columns.octets(bits)), then half.asking, .answering

Permuted: half.masks(n) and half.shuffling() at the provider, half.hiding() at the keyholder
(`crypto/shuffling`).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from softfall.crypto.columns import U16Array, U64Array, plane, plane_bytes, unpacked, words_of
from softfall.crypto.comparing import MODULUS, PART_ROWS, Tables, Triple, parts
from softfall.crypto.equality import DIGEST_BYTES, KEY_BYTES, Answering, Asking, factor_of
from softfall.crypto.shuffling import Hiding, Shuffling, draws_of, permutation
from softfall.errors import InputError
from softfall.options.dealt import Once, Stream, serial_of, stream_key
from softfall.options.homomorphic import dealt_wire, wire
from softfall.options.homomorphic.parameters import Mode
from softfall.wire import MalformedMessage, Value

_MASK = np.uint16(MODULUS - 1)  # 65,536 is a multiple of 512: two uniform bytes, a uniform mask


class TooFewRows(InputError):
    """Dealt material serves fewer rows than the list has."""

    remedy = "Ask the dealer for material of at least as many rows as the list has."


@dataclass(frozen=True, slots=True)
class Expansion:
    """One party's streams of one serial: what its seed yields, column by column."""

    party: str
    mode: Mode
    capacity: int
    serial: int
    seed: bytes = field(repr=False)

    def stream(self, column: str) -> Stream:
        """One column's stream, from its beginning."""
        about = f"homomorphic|{self.mode.name}|{self.capacity}|{self.party}|{column}"
        return Stream(stream_key(about.encode(), self.serial, self.seed))

    def octets(self, column: str, size_bytes: int) -> bytes:
        """A column of bytes."""
        return bytes(_drawn(self.stream(column), size_bytes, np.uint8))

    def residues(self, column: str, rows: int) -> U16Array:
        """A column of numbers below 512, (rows,)."""
        self.require(rows)
        return residues(self.stream(column), rows)

    def plane(self, column: str, rows: int) -> U64Array:
        """A bit plane of so many rows."""
        self.require(rows)
        return drawn_plane(self.stream(column), rows)

    def tables(self, rows: int) -> Iterator[Tables]:
        """Uniform tables of the first rows, in parts."""
        self.require(rows)
        below, equal = self.stream("below"), self.stream("equal")
        for start, stop in parts(rows):
            size = stop - start
            yield Tables(_drawn(below, size, np.uint32), _drawn(equal, size, np.uint16))

    def require(self, rows: int) -> None:
        """Raises TooFewRows for more rows than there are."""
        if rows > self.capacity:
            raise TooFewRows(f"material for {self.capacity} rows, a list of {rows}")


@dataclass(frozen=True, slots=True)
class OneBitProvider:
    """The provider's half: all of it from its seed."""

    expansion: Expansion

    def masks(self, rows: int) -> U16Array:
        """(rows,) numbers below 512. Raises TooFewRows."""
        return self.expansion.residues("mask", rows)

    def tables(self, rows: int) -> Iterator[Tables]:
        """Its tables of the first rows, in parts. Raises TooFewRows."""
        return self.expansion.tables(rows)

    def triple(self, rows: int) -> Triple:
        """Its shares of the AND triples. Raises TooFewRows."""
        return Triple(*(self.expansion.plane(column, rows) for column in Triple._fields))

    @property
    def digest_key(self) -> bytes:
        """The key of both parties' digests: 32 bytes."""
        return self.expansion.octets("digest key", KEY_BYTES)

    @property
    def asking(self) -> Asking:
        """Its half of the equality test."""
        both = self.expansion.octets("equality", 2 * DIGEST_BYTES)
        return Asking(both[:DIGEST_BYTES], both[DIGEST_BYTES:])


@dataclass(frozen=True, slots=True)
class OneBitKeyholder:
    """The keyholder's half: a seed, and columns that complete the provider's."""

    expansion: Expansion
    digest_key: bytes = field(repr=False)
    addend: bytes = field(repr=False)
    columns: bytes = field(repr=False)

    def masks(self, rows: int) -> U16Array:
        """(rows,) numbers below 512. Raises TooFewRows."""
        return self.expansion.residues("mask", rows)

    def tables(self, rows: int) -> Iterator[Tables]:
        """Its tables of the first rows, in parts. Raises TooFewRows."""
        self.expansion.require(rows)
        for start, stop in parts(rows):
            at, held = self._part(start)
            yield Tables(
                np.frombuffer(self.columns, np.uint32, stop - start, at),
                np.frombuffer(self.columns, np.uint16, stop - start, at + 4 * held),
            )

    def triple(self, rows: int) -> Triple:
        """Its shares of the AND triples. Raises TooFewRows."""
        left, right = (self.expansion.plane(column, rows) for column in ("left", "right"))
        product = np.empty(words_of(rows), np.uint64)
        for start, stop in parts(rows):
            at, held = self._part(start)
            at += dealt_wire.TABLE_BYTES * held
            octets = self.columns[at : at + plane_bytes(stop - start)]
            product[start // 64 : words_of(stop)] = plane(octets)
        return Triple(left, right, product)

    @property
    def answering(self) -> Answering:
        """Its half of the equality test."""
        return Answering(keyholder_factor(self.expansion), self.addend)

    def _part(self, start: int) -> tuple[int, int]:
        """Where the part that begins with row `start` lies, and how many rows it has."""
        held = min(PART_ROWS, self.expansion.capacity - start)
        return dealt_wire.columns_bytes(Mode.ONE_BIT, start), held


@dataclass(frozen=True, slots=True)
class PermutedProvider:
    """The provider's half of the cheap mode: all of it from its seed."""

    expansion: Expansion

    def masks(self, rows: int) -> U16Array:
        """(rows,) numbers below 512. Raises TooFewRows."""
        return self.expansion.residues("mask", rows)

    def shuffling(self) -> Shuffling:
        """Its order and what it adds, of the whole capacity."""
        capacity = self.expansion.capacity
        draws = _drawn(self.expansion.stream("order"), draws_of(capacity), np.uint32)
        added = self.expansion.residues("added", capacity)
        return Shuffling(permutation(draws, capacity), added)


@dataclass(frozen=True, slots=True)
class PermutedKeyholder:
    """The keyholder's half of the cheap mode: a seed, and what it adds."""

    expansion: Expansion
    columns: bytes = field(repr=False)

    def hiding(self) -> Hiding:
        """What it adds before and takes off after, of the whole capacity."""
        return Hiding(unpacked(self.columns, self.expansion.capacity), taken_off(self.expansion))


class DealtProvider(Once[OneBitProvider | PermutedProvider]):
    """The provider's half of one serial. `mode`, `capacity` say for what it serves."""

    __slots__ = ("capacity", "mode")

    def __init__(self, half: OneBitProvider | PermutedProvider) -> None:
        super().__init__(half.expansion.serial, half)
        self.mode, self.capacity = half.expansion.mode, half.expansion.capacity

    @classmethod
    def decode(cls, body: bytes) -> "DealtProvider":
        """From `dealt_homomorphic_provider`. Raises MalformedMessage."""
        expansion = _expansion("provider", wire.decode(dealt_wire.DEALT_PROVIDER, body))
        one_bit = expansion.mode is Mode.ONE_BIT
        return cls(OneBitProvider(expansion) if one_bit else PermutedProvider(expansion))


class DealtKeyholder(Once[OneBitKeyholder | PermutedKeyholder]):
    """The keyholder's half of one serial. `mode`, `capacity` say for what it serves."""

    __slots__ = ("capacity", "mode")

    def __init__(self, half: OneBitKeyholder | PermutedKeyholder) -> None:
        super().__init__(half.expansion.serial, half)
        self.mode, self.capacity = half.expansion.mode, half.expansion.capacity

    @classmethod
    def decode(cls, body: bytes) -> "DealtKeyholder":
        """From `dealt_homomorphic_keyholder`. Raises MalformedMessage."""
        values = wire.decode(dealt_wire.DEALT_KEYHOLDER, body)
        expansion = _expansion("keyholder", values)
        size = dealt_wire.columns_bytes(expansion.mode, expansion.capacity)
        columns = wire.octets(values, "columns", size)
        if expansion.mode is Mode.PERMUTED:
            wire.octets(values, "equality", 0)
            return cls(PermutedKeyholder(expansion, columns))
        both = wire.octets(values, "equality", dealt_wire.EQUALITY_BYTES)
        return cls(OneBitKeyholder(expansion, both[:KEY_BYTES], both[KEY_BYTES:], columns))


def residues(stream: Stream, rows: int) -> U16Array:
    """The next numbers below 512 of a stream, (rows,)."""
    values: U16Array = _drawn(stream, rows, np.uint16)
    values &= _MASK
    return values


def drawn_plane(stream: Stream, rows: int) -> U64Array:
    """The next bit plane of a stream, of so many rows."""
    words: U64Array = _drawn(stream, words_of(rows), np.uint64)
    return words


def keyholder_factor(expansion: Expansion) -> bytes:
    """The keyholder's factor in the equality test, from its streams."""
    return factor_of(expansion.octets("factor", DIGEST_BYTES))


def taken_off(expansion: Expansion) -> U16Array:
    """What the keyholder takes off in the cheap mode, from its streams: (capacity,)."""
    return expansion.residues("taken off", expansion.capacity)


def _expansion(party: str, values: dict[str, Value]) -> Expansion:
    rows = wire.number(values, "rows")
    if rows == 0:
        raise MalformedMessage("dealt material must serve one row at least")
    return Expansion(
        party,
        Mode(wire.number(values, "mode")),
        rows,
        serial_of(wire.octets(values, "serial")),
        wire.octets(values, "seed"),
    )


def _drawn(stream: Stream, count: int, kind: Any) -> npt.NDArray[Any]:
    values = np.empty(count, kind)
    stream.fill(values.data.cast("B"))
    return values
