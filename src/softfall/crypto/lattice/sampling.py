"""Secrets and errors from seeds, in constant time as far as the steps here go.

Guarantees: one seed gives one value, always the same; each coefficient comes from 64 bits of its
own by multiplying high, without rejection, branch or table, so that its chances differ from equal
ones by less than 2^-59.
Refuses: a seed that is not 32 bytes (BadSeed).
Limits: Python copies seeds and streams, and cannot wipe them: a dump of this process's memory holds
secrets that are no longer in use.
Source: HKDF (RFC 5869) and ChaCha20 (RFC 8439), both by `cryptography`; multiply-high as in
Lemire 2019, without its rejection.
"""

from typing import Final

import numpy as np
import numpy.typing as npt
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from softfall.crypto.lattice.parameters import (
    COLUMNS,
    COMPONENTS,
    ERROR_BOUND,
    SEED_BYTES,
    SLOTS,
)
from softfall.crypto.lattice.transform import I64Array
from softfall.errors import InputError

U64Array = npt.NDArray[np.uint64]

SECRET_LABEL: Final = b"softfall lattice: secret 1"
ERROR_LABEL: Final = b"softfall lattice: errors 1"
WORD_BYTES: Final = 8

_LOW: Final = np.uint64(0xFFFFFFFF)
_HALF: Final = np.uint64(32)


class BadSeed(InputError):
    """A seed of the wrong size."""

    remedy = "Use 32 bytes, as HKDF or the operating system's generator gives them."


def stream(seed: bytes, label: bytes, size_bytes: int) -> bytes:
    """`size_bytes` of ChaCha20's stream under a key that HKDF derives. Raises BadSeed."""
    if len(seed) != SEED_BYTES:
        raise BadSeed(f"a seed has {SEED_BYTES} bytes, not {len(seed)}")
    key = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=label).derive(seed)
    return Cipher(ChaCha20(key, bytes(16)), mode=None).encryptor().update(bytes(size_bytes))


def secret_words(seed: bytes) -> U64Array:
    """64 bits for each coefficient of the secret: (64, 16), row r column h for X^(16 r + h)."""
    return _words(stream(seed, SECRET_LABEL, WORD_BYTES * SLOTS * COMPONENTS), COMPONENTS)


def error_words(seed: bytes) -> U64Array:
    """64 bits for each error of a query: (64, 256), row r column 16 i + f for X^(16 r + f)."""
    return _words(stream(seed, ERROR_LABEL, WORD_BYTES * SLOTS * COLUMNS), COLUMNS)


def ternary(words: U64Array) -> I64Array:
    """-1, 0 or 1 of each word."""
    return _below(words, 3) - 1


def bounded(words: U64Array) -> I64Array:
    """-ERROR_BOUND to ERROR_BOUND of each word."""
    return _below(words, 2 * ERROR_BOUND + 1) - ERROR_BOUND


def _below(words: U64Array, count: int) -> I64Array:
    """The high 64 bits of word * count: 0 to count - 1."""
    factor = np.uint64(count)
    carried = (words & _LOW) * factor >> _HALF
    return ((words >> _HALF) * factor + carried >> _HALF).astype(np.int64)


def _words(octets: bytes, columns: int) -> U64Array:
    return np.frombuffer(octets, "<u8").astype(np.uint64).reshape(SLOTS, columns)
