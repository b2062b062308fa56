"""Looking for known bytes in a stretch of bytes: the question behind "who can read what".

Guarantees: finds every needle that stands anywhere in the bytes, at any offset; listed hashes also
as hexadecimal digits of either case.
Limit: finds nothing that is encrypted, split, or computed from what is there.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

PREFIX_BYTES: Final = 3
HEX_RUN: Final = re.compile(rb"[0-9a-fA-F]{64,}")
WORD_BYTES: Final = 4
CHUNK_WORDS: Final = 1 << 18


class Needles:
    """Byte strings of one length (3 bytes or more), made ready to be looked for all at once."""

    def __init__(self, needles: Iterable[bytes]) -> None:
        self._needles = frozenset(needles)
        lengths = {len(needle) for needle in self._needles}
        if len(lengths) > 1 or min(lengths, default=PREFIX_BYTES) < PREFIX_BYTES:
            raise ValueError("needles must be of one length, of 3 bytes at least")
        self.length_bytes = lengths.pop() if lengths else PREFIX_BYTES
        first = b"".join(needle[:PREFIX_BYTES] + b"\0" for needle in self._needles)
        self._has_prefix: npt.NDArray[np.bool_] = np.zeros(1 << 24, dtype=np.bool_)
        self._has_prefix[np.frombuffer(first, "<u4")] = True

    def __contains__(self, needle: bytes) -> bool:
        return needle in self._needles

    def found_in(self, data: bytes) -> frozenset[bytes]:
        """Which of the needles stand in `data`."""
        length = self.length_bytes
        return frozenset(data[at : at + length] for at in self._starts(data)) & self._needles

    def _starts(self, data: bytes) -> Iterator[int]:
        """Where a needle's first three bytes stand: read as words, from each of four beginnings."""
        for shift in range(WORD_BYTES):
            words = max(0, (len(data) - shift) // WORD_BYTES)
            for start in range(0, words, CHUNK_WORDS):
                at = shift + start * WORD_BYTES
                count = min(CHUNK_WORDS, words - start)
                prefixes = np.frombuffer(data, "<u4", count, at) & np.uint32(0xFFFFFF)
                for hit in np.flatnonzero(self._has_prefix[prefixes]).tolist():
                    yield at + hit * WORD_BYTES
        # Too near the end for a word, not for a needle of three bytes.
        yield from range(max(0, len(data) - PREFIX_BYTES), len(data))


class ListedHashes:
    """A list's hashes, 32 bytes each, to be looked for as bytes and as hexadecimal digits."""

    def __init__(self, hashes: Iterable[bytes]) -> None:
        self._hashes = Needles(hashes)

    def found_in(self, data: bytes) -> frozenset[bytes]:
        """Which of the hashes stand in `data`."""
        found = set(self._hashes.found_in(data))
        for run in HEX_RUN.finditer(data):
            digits = run.group().decode()
            windows = (bytes.fromhex(digits[at : at + 64]) for at in range(len(digits) - 63))
            found.update(window for window in windows if window in self._hashes)
        return frozenset(found)
