"""The compiled part of `query`: an encrypted hash from its words, in one pass.

Guarantees: no branch and no address depends on a hash, a secret or an error; divisions are by
constants, which the compiler turns into products.
Oracle: `query.encrypt_plain`. Source: multiply-high as in `sampling`.
"""

from typing import Any, Final

import numpy as np

from softfall.compiled.exported import array, exported, inlined
from softfall.compiled.residues import LANES, scale, short_inner, signs
from softfall.crypto.lattice.parameters import (
    COLUMNS,
    COMPONENTS,
    ELEMENTS,
    ERROR_BOUND,
    FIRST_PRIME,
    SECOND_PRIME,
    SLOTS,
)
from softfall.crypto.lattice.sampling_kernel import THREE, drawn
from softfall.crypto.lattice.slots_kernel import TABLES, to_slots
from softfall.crypto.lattice.transform import FIRST_INVERSE

_PLANE: Final = SLOTS * COLUMNS
_FIRST: Final = np.uint64(FIRST_PRIME)
_SECOND: Final = np.uint64(SECOND_PRIME)
_INVERSE: Final = np.uint64(FIRST_INVERSE)
_ERRORS: Final = np.uint64(2 * ERROR_BOUND + 1)


@inlined
def _window(public: Any, at: Any, y: Any, prime: Any, window: Any, start: Any) -> Any:
    """One element's components times Y, and the components: what a product's components meet."""
    for component in range(COMPONENTS):
        value = np.uint64(public[at + component]) % prime
        window[start + component] = np.int16(value * y % prime)
        window[start + COMPONENTS + component] = np.int16(value)


@inlined
def _turned(secret: Any, at: Any, turned: Any, start: Any) -> Any:
    """A slot of the secret, last component first."""
    for component in range(COMPONENTS):
        turned[start + component] = np.int16(secret[at + COMPONENTS - 1 - component])


@exported(
    "void(uint8*, uint64*, uint64*, uint32*, uint16*, uint16*, uint16*, uint16*, int16*, int16*, "
    "uint8*)"
)
def encrypt(
    hash_bits: Any, secret_words: Any, error_words: Any, public: Any, tables_: Any, planes: Any,
    secret: Any, message: Any, window: Any, turned: Any, body_: Any,
) -> None:  # fmt: skip
    """A hash's (32) bytes, (64, 16) and (64, 256) words, (64, 256) elements into (64, 256, 3).

    Scratch: planes (2, 64, 256), secret (2, 64, 32) of zeros, message (2, 256) uint16; window
    (2, 32), turned (2, 16) int16.
    """
    tables = array(tables_, TABLES)
    body = array(body_, (SLOTS, COLUMNS, 3))
    for which in range(2):
        p = tables[which, 2, 0, 0]
        drawn(secret_words, COMPONENTS, THREE, secret, which * SLOTS * LANES, LANES, p)
        drawn(error_words, COLUMNS, _ERRORS, planes, which * _PLANE, COLUMNS, p)
        to_slots(secret, which * SLOTS * LANES, LANES, which, tables)
        for chunk in range(0, COLUMNS, LANES):
            to_slots(planes, which * _PLANE + chunk, COLUMNS, which, tables)
            at = which * COLUMNS + chunk
            signs(hash_bits, chunk // 8, message, at, p)
            scale(message, at, tables[which, 2, 0, 4], tables[which, 2, 0, 5], p)
    for slot in range(SLOTS):
        for which in range(2):
            _turned(secret, (which * SLOTS + slot) * LANES, turned, which * COMPONENTS)
        for element in range(ELEMENTS):
            at = slot * COLUMNS + element * COMPONENTS
            _window(public, at, np.uint64(tables[0, 2, 1, slot]), _FIRST, window, 0)
            _window(public, at, np.uint64(tables[1, 2, 1, slot]), _SECOND, window, LANES)
            for f in range(COMPONENTS):
                column = element * COMPONENTS + f
                first = np.uint64(short_inner(window, f + 1, turned, 0))
                second = np.uint64(short_inner(window, LANES + f + 1, turned, COMPONENTS))
                first += np.uint64(planes[at + f]) + np.uint64(message[column])
                second += np.uint64(planes[_PLANE + at + f])
                second += np.uint64(message[COLUMNS + column])
                residue = first % _FIRST
                count = (second % _SECOND + _SECOND - residue) * _INVERSE % _SECOND
                value = residue + _FIRST * count
                body[slot, column, 0] = np.uint8(value)
                body[slot, column, 1] = np.uint8(value >> np.uint64(8))
                body[slot, column, 2] = np.uint8(value >> np.uint64(16))
