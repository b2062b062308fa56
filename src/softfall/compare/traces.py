"""Does a stretch of bytes hold any of the list's hashes? The question behind "who can read it".

Guarantees: finds every listed hash that stands anywhere in the bytes as its 32 raw bytes, or as
hexadecimal digits of either case, at any offset.
Limit: finds no hash that is encrypted, split, or computed from what is there.
"""

import re
from collections.abc import Iterable
from typing import Final

import numpy as np
import numpy.typing as npt

PREFIX_BITS: Final = 24
HEX_RUN: Final = re.compile(rb"[0-9a-fA-F]{64,}")
CHUNK_BYTES: Final = 1 << 22


class ListedHashes:
    """A list's hashes, made ready to be looked for. Each is 32 bytes."""

    def __init__(self, hashes: Iterable[bytes]) -> None:
        self._hashes = frozenset(hashes)
        prefixes = np.frombuffer(b"".join(pdq[:3] for pdq in self._hashes), np.uint8)
        self._has_prefix: npt.NDArray[np.bool_] = np.zeros(1 << PREFIX_BITS, dtype=np.bool_)
        self._has_prefix[_prefixes(prefixes)[::3]] = True

    def found_in(self, data: bytes) -> frozenset[bytes]:
        """Which of the hashes stand in `data`."""
        found = {data[at : at + 32] for at in self._candidates(data)} & self._hashes
        for run in HEX_RUN.finditer(data):
            digits = run.group()
            windows = (digits[at : at + 64] for at in range(len(digits) - 63))
            found |= {bytes.fromhex(window.decode()) for window in windows} & self._hashes
        return frozenset(found)

    def _candidates(self, data: bytes) -> Iterable[int]:
        for start in range(0, len(data), CHUNK_BYTES):
            chunk = np.frombuffer(data[start : start + CHUNK_BYTES + 2], np.uint8)
            if len(chunk) >= 3:
                hits = np.flatnonzero(self._has_prefix[_prefixes(chunk)])
                yield from (int(at) + start for at in hits)


def _prefixes(octets: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint32]:
    """The 24-bit number that begins at each byte but the last two."""
    if len(octets) < 3:
        return np.zeros(0, dtype=np.uint32)
    wide = octets.astype(np.uint32)
    numbers = wide[:-2] << 16 | wide[1:-1] << 8 | wide[2:]
    return numbers.astype(np.uint32)
