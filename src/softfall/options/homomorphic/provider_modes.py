"""The provider's arithmetic of one query, in either mode; what it sends and expects, by its sizes.

Guarantees: every value that leaves is under a mask that was dealt for this run alone.
Leaves to others: messages, serials and outcomes (`provider`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from softfall.crypto import comparing, equality, shuffling
from softfall.crypto.columns import (
    U16Array,
    bits_of,
    nine_bit_bytes,
    octets,
    packed,
    plane,
    plane_bytes,
    unpacked,
)
from softfall.crypto.lattice.masking import masked
from softfall.crypto.lattice.prepared import products
from softfall.options.homomorphic.material import OneBitProvider, PermutedProvider
from softfall.options.homomorphic.segments import LIST_ROWS, BoolArray, U32Array
from softfall.wire import Value


@dataclass(frozen=True)
class PreparedSegment:
    """A segment, mapped. prepared: as `lattice.prepared.prepare` gives it, (64, blocks, ...).

    numbers: (blocks, 48) uint32; live: (blocks,) bool, which blocks count in this version.
    """

    prepared: U32Array = field(repr=False)
    numbers: U32Array = field(repr=False)
    live: BoolArray = field(repr=False)

    @property
    def live_blocks(self) -> int:
        """How many blocks count."""
        return int(self.live.sum())


def encrypted_distances(
    segments: Sequence[PreparedSegment],
    queries: U32Array,
    masks: Sequence[U16Array],
    threads: int,
) -> list[bytes]:
    """What the keyholder is sent of each query: 12 bits a row, under its masks.

    queries: (Q, 64, 256), as `read_query` gives each; masks: (rows,) a query.
    """
    sent: list[list[bytes]] = [[] for _ in queries]
    start = 0
    for segment in segments:
        stop = start + segment.live_blocks * LIST_ROWS
        values = products(segment.prepared, queries, threads)
        for query, own in enumerate(masks):
            living = values[query] if segment.live.all() else values[query][segment.live]
            sent[query].append(masked(living, own[start:stop]))
        start = stop
    return [b"".join(parts) for parts in sent]


class Half(Protocol):
    """One query's dealt half, spent, on its way through a run."""

    @property
    def masks(self) -> U16Array:
        """(rows,) numbers below 512, to be added to the distances."""

    @property
    def begun_bytes(self) -> Mapping[str, int]:
        """The sizes of the keyholder's first answer."""

    def go_on(self, theirs: Mapping[str, bytes]) -> dict[str, Value]:
        """What the keyholder is sent next, from its first answer."""

    def finished_bytes(self, named: bool) -> Mapping[str, int]:
        """The sizes of its second. named: whether entries are named."""

    def matched(self, theirs: Mapping[str, bytes], told: int) -> bool | None:
        """Whether a row matched; None for an answer that is not of this mode."""

    def matching_rows(self, bits: bytes) -> BoolArray:
        """(rows,) bool: which rows matched, from its second answer. Only after a match."""


def half_of(spent: OneBitProvider | PermutedProvider, rows: int) -> Half:
    """A spent half on its way, for a list of so many rows. Raises TooFewRows."""
    return (
        OneBitHalf(spent, rows) if isinstance(spent, OneBitProvider) else PermutedHalf(spent, rows)
    )


class OneBitHalf:
    """The one-bit mode: shares of each row's bit, and whether all of them are zero."""

    def __init__(self, dealt: OneBitProvider, rows: int) -> None:
        self.masks = dealt.masks(rows)
        self._dealt = dealt
        self._rows = rows
        self._asking = dealt.asking
        self._bits = np.zeros(0, np.uint64)

    @property
    def begun_bytes(self) -> Mapping[str, int]:
        """Nine bits, and two more, a row."""
        return {"values": nine_bit_bytes(self._rows), "opened": 2 * plane_bytes(self._rows)}

    def go_on(self, theirs: Mapping[str, bytes]) -> dict[str, Value]:
        """Two opened bits a row, and the digest of the result's share."""
        dealt, rows = self._dealt, self._rows
        triple = dealt.triple(rows)
        found = comparing.look_up(unpacked(theirs["values"], rows), dealt.tables(rows))
        own = comparing.opening(found, triple)
        self._bits = comparing.result(found, triple, own, theirs["opened"], first=True)
        digest = equality.digest(dealt.digest_key, octets(self._bits))
        return {"values": b"", "opened": own, "tag": equality.ask(digest, self._asking)}

    def finished_bytes(self, named: bool) -> Mapping[str, int]:
        """A digest, and one bit a row where entries are named."""
        bits_bytes = plane_bytes(self._rows) if named else 0
        return {"tag": equality.DIGEST_BYTES, "bits": bits_bytes}

    def matched(self, theirs: Mapping[str, bytes], told: int) -> bool | None:
        """Whether the two shares of the result differ."""
        return None if told else not equality.equal(theirs["tag"], self._asking)

    def matching_rows(self, bits: bytes) -> BoolArray:
        """Both shares together."""
        return bits_of(self._bits ^ plane(bits), self._rows).astype(np.bool_)


class PermutedHalf:
    """The cheap mode: distances go back in another order, and a bit is told of them."""

    def __init__(self, dealt: PermutedProvider, rows: int) -> None:
        self.masks = dealt.masks(rows)
        self._capacity = dealt.expansion.capacity
        self._rows = rows
        self._shuffling = dealt.shuffling()

    @property
    def begun_bytes(self) -> Mapping[str, int]:
        """Nine bits for each row that was dealt for."""
        return {"values": nine_bit_bytes(self._capacity), "opened": 0}

    def go_on(self, theirs: Mapping[str, bytes]) -> dict[str, Value]:
        """The same rows in their new order, under other masks."""
        received = unpacked(theirs["values"], self._capacity)
        moved = shuffling.shuffled(received, self.masks, self._shuffling)
        return {"values": packed(moved), "opened": b"", "tag": b""}

    def finished_bytes(self, named: bool) -> Mapping[str, int]:
        """One bit for each row that was dealt for, where entries are named."""
        return {"tag": 0, "bits": plane_bytes(self._capacity) if named else 0}

    def matched(self, theirs: Mapping[str, bytes], told: int) -> bool | None:
        """What the keyholder says."""
        del theirs
        return bool(told)

    def matching_rows(self, bits: bytes) -> BoolArray:
        """The answer's bits, put back into the list's order."""
        moved = bits_of(plane(bits), self._capacity).astype(np.bool_)
        found = np.zeros(self._capacity, np.bool_)
        found[self._shuffling.order] = moved
        return found[: self._rows]
