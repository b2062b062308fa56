"""Secrets and errors from words, for kernels.

Guarantees: no branch and no address depends on a word.
Oracle: `sampling`. Source: multiply-high as there.
"""

from typing import Any, Final

import numpy as np

from softfall.compiled.exported import inlined
from softfall.crypto.lattice.parameters import SLOTS

THREE: Final = np.uint64(3)  # what a coefficient of a secret can be

_LOW: Final = np.uint64(0xFFFFFFFF)
_HALF: Final = np.uint64(32)


@inlined
def _below(word: Any, count: Any) -> Any:
    """The high 64 bits of word * count: 0 to count - 1."""
    carried = ((word & _LOW) * count) >> _HALF
    return np.int64(((word >> _HALF) * count + carried) >> _HALF)


@inlined
def drawn(
    words: Any, columns: Any, count: Any, rows: Any, start: Any, apart: Any, prime: Any
) -> Any:
    """Each word's number, around 0, as one around the prime, in rows `apart` from `start` on."""
    middle = np.int64(prime) - (np.int64(count) >> 1)
    for row in range(SLOTS):
        for column in range(columns):
            rows[start + row * apart + column] = np.uint16(
                _below(words[row * columns + column], count) + middle
            )
