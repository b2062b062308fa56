"""Finding thousands of byte strings in hundreds of megabytes, exactly.

Guarantees: every occurrence of every needle, at any alignment, and nothing else; `find_plainly` is
the oracle. How: wherever a needle lies, one of four overlapping 4-byte words inside it lies on a
4-byte boundary; those boundaries are looked up all at once, and each candidate is compared whole.
Refuses: needles under 7 bytes, in which no such word need exist.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

WORD_BYTES: Final = 4
SPAN_BYTES: Final = 2 * WORD_BYTES - 1  # holds a word on a boundary, however it is aligned
_BEGINNING_BYTES: Final = (WORD_BYTES, 12, 24, 96)
_TABLE_BITS: Final = 24
_MULTIPLIER: Final = np.uint32(
    0x9E3779B1
)  # Knuth's multiplicative hash: 2^32 over the golden ratio
_SHIFT: Final = np.uint32(32 - _TABLE_BITS)

U32Array = npt.NDArray[np.uint32]


class Finder:
    """Looks for `needles` (each 7 bytes or more) in any number of byte strings."""

    def __init__(self, needles: Sequence[bytes]) -> None:
        self.needles = needles
        self.longest_bytes = max(map(len, needles))
        self._after: defaultdict[int, _Beginnings] = defaultdict(_Beginnings)
        for number, (needle, start) in enumerate(zip(needles, _rarest_spans(needles), strict=True)):
            for offset in range(start, start + WORD_BYTES):
                word = int.from_bytes(needle[offset : offset + WORD_BYTES], "little")
                self._after[word].add(number, offset, needle[offset:])
        self._words = np.array(sorted(self._after), np.uint32)
        self._table = np.zeros(2**_TABLE_BITS, np.bool_)
        self._table[_slots(self._words)] = True

    def find(self, body: bytes) -> Iterator[tuple[int, int]]:
        """(number of a needle, offset in `body`) of each occurrence, in no particular order."""
        view = np.frombuffer(body, "<u4", len(body) // WORD_BYTES)
        maybe = np.flatnonzero(self._table[_slots(view)])
        places = np.searchsorted(self._words, view[maybe]).clip(max=len(self._words) - 1)
        for row in maybe[self._words[places] == view[maybe]].tolist():
            for number, offset in self._after[int(view[row])].matching(body, WORD_BYTES * row):
                start = WORD_BYTES * row - offset
                if start >= 0 and body.startswith(self.needles[number], start):
                    yield number, start


class _Beginnings:
    """The needles that share a word, by what follows: thousands may, and one look has to do."""

    def __init__(self) -> None:
        self._by_size: dict[int, dict[bytes, list[tuple[int, int]]]] = {}

    def add(self, number: int, offset: int, rest: bytes) -> None:
        size = max(size for size in _BEGINNING_BYTES if size <= len(rest))
        self._by_size.setdefault(size, {}).setdefault(rest[:size], []).append((number, offset))

    def matching(self, body: bytes, at: int) -> Iterator[tuple[int, int]]:
        for size, needles in self._by_size.items():
            yield from needles.get(body[at : at + size], ())


def find_plainly(needles: Sequence[bytes], body: bytes) -> Iterator[tuple[int, int]]:
    """The same, one needle after the other: the oracle."""
    for number, needle in enumerate(needles):
        start = body.find(needle)
        while start >= 0:
            yield number, start
            start = body.find(needle, start + 1)


def _slots(words: npt.NDArray[np.uint32]) -> U32Array:
    slots: U32Array = (words * _MULTIPLIER) >> _SHIFT
    return slots


def _rarest_spans(needles: Sequence[bytes]) -> list[int]:
    """Where in each needle to look: 7 bytes whose every word is rare, so that few others match.

    Rare is taken to be a word of many different bytes and few zeros: memory is full of zeros.
    """
    rows_of_size: defaultdict[int, list[int]] = defaultdict(list)
    for number, needle in enumerate(needles):
        if len(needle) < SPAN_BYTES:
            raise ValueError(f"a needle of {len(needle)} bytes can't be found at every alignment")
        rows_of_size[len(needle)].append(number)
    starts = [0] * len(needles)
    for size, numbers in rows_of_size.items():
        joined = b"".join(needles[number] for number in numbers)
        rows = np.frombuffer(joined, np.uint8).reshape(len(numbers), size)
        words = np.sort(sliding_window_view(rows, WORD_BYTES, axis=1), axis=2)
        different = 1 + (np.diff(words, axis=2) != 0).sum(axis=2)
        rarity = WORD_BYTES * different - (WORD_BYTES + 1) * (words == 0).sum(axis=2)
        best = sliding_window_view(rarity, WORD_BYTES, axis=1).min(axis=2).argmax(axis=1)
        for number, start in zip(numbers, best.tolist(), strict=True):
            starts[number] = start
    return starts
