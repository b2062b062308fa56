"""Entries into blocks: which row an entry gets, and what lies between.

Guarantees: a block has 48 places for entries and 16 dummy rows; every dummy row and every empty
place is 256 fresh random bits, drawn for this very block. A block is laid once and never altered:
what changes is laid anew, with dummies of its own, since the difference of two hints of one block
would give away the row that changed.
Refuses: hashes of another size (MalformedMessage), numbers that no entry has (BadEntryNumbers).
Limits: a random row lies within 31 bits of a picture with a chance of 2^-123 a row.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np

from softfall.errors import InputError
from softfall.options.homomorphic import wire
from softfall.options.homomorphic.segments import (
    BLOCK_ROWS,
    LIST_ROWS,
    NO_ENTRY,
    Rows,
    U8Array,
    U32Array,
)
from softfall.wire import MalformedMessage

RandomBytes = Callable[[int], bytes]

SEGMENT_ENTRIES: Final = wire.MAX_SEGMENT_BLOCKS * LIST_ROWS


class BadEntryNumbers(InputError):
    """Numbers that no entry can have, that two share, or that are not on the list as told."""

    remedy = "Give each entry its own number below 2^32 - 1; publish a new epoch if in doubt."


class Entries(NamedTuple):
    """Columns of entries. numbers: (n,) uint32; hashes: (n, 32) uint8."""

    numbers: U32Array
    hashes: U8Array

    @classmethod
    def of(cls, entries: Iterable[tuple[int, bytes]]) -> "Entries":
        """From (number, 32-byte hash), in order of number. MalformedMessage, BadEntryNumbers."""
        ordered = sorted(entries)
        if any(len(pdq) != wire.HASH_BYTES for _, pdq in ordered):
            raise MalformedMessage("an entry's hash must be 32 bytes")
        hashes = np.frombuffer(b"".join(pdq for _, pdq in ordered), np.uint8)
        numbers = numbers_of([number for number, _ in ordered])
        return cls(numbers, hashes.reshape(-1, wire.HASH_BYTES))

    @classmethod
    def joined(cls, parts: Sequence["Entries"]) -> "Entries":
        """Several, one after the other; at least one."""
        return cls(
            np.concatenate([part.numbers for part in parts]),
            np.concatenate([part.hashes for part in parts]),
        )


def numbers_of(numbers: Sequence[int]) -> U32Array:
    """Entry numbers as a column. Raises BadEntryNumbers."""
    if any(not 0 <= number < NO_ENTRY for number in numbers):
        raise BadEntryNumbers("an entry's number must be below 2^32 - 1")
    column = np.array(numbers, np.uint32)
    if len(np.unique(column)) != len(column):
        raise BadEntryNumbers("two entries have the same number")
    return column


def blocks_of(entries: int) -> int:
    """How many blocks so many entries fill."""
    return -(-entries // LIST_ROWS)


def lay(entries: Entries, random_bytes: RandomBytes) -> Rows:
    """As many blocks as the entries need, in their order, the last filled up."""
    count = len(entries.numbers)
    blocks = blocks_of(count)
    drawn = random_bytes(blocks * BLOCK_ROWS * wire.HASH_BYTES)
    hashes = np.frombuffer(drawn, np.uint8).reshape(blocks, BLOCK_ROWS, wire.HASH_BYTES).copy()
    numbers = np.full((blocks, LIST_ROWS), NO_ENTRY, np.uint32)
    block, place = np.divmod(np.arange(count), LIST_ROWS)
    hashes[block, place] = entries.hashes
    numbers[block, place] = entries.numbers
    return Rows(hashes, numbers)


def taken_out(rows: Rows, without: U32Array) -> Entries:
    """The entries of some blocks, but for those of these numbers."""
    kept = (rows.numbers != NO_ENTRY) & ~np.isin(rows.numbers, without)
    return Entries(rows.numbers[kept], rows.hashes[:, :LIST_ROWS][kept])


def in_segments(entries: Entries) -> Iterator[Entries]:
    """The entries in parts of at most one segment each."""
    for start in range(0, len(entries.numbers), SEGMENT_ENTRIES):
        part = slice(start, start + SEGMENT_ENTRIES)
        yield Entries(entries.numbers[part], entries.hashes[part])
