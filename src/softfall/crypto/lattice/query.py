"""A device's encrypted hash: made once, and read by the provider without a key.

Guarantees: what `encrypt` gives depends on its arguments alone, so that a recipient who has them
makes the same bytes; `read_query` accepts exactly the bytes of 16,384 numbers below q.
Refuses: hashes and seeds of another size (BadSeed, MalformedHash), and bodies that are no query
(MalformedQuery): nothing else about a body can be checked, and every body that is read decrypts to
something.
**A secret seed serves one query.** Two queries under one secret and one epoch give away how their
hashes differ; so the seed derives from the message's scan key and its hash, never from a person.
The oracle is `encrypt_plain`. Source: Lyubashevsky, Peikert, Regev 2010; the layout is Softfall's.
"""

from typing import Final

import numpy as np

from softfall.compiled.native import Native
from softfall.crypto.lattice.parameters import (
    COLUMNS,
    COMPONENTS,
    ELEMENTS,
    HALF_LEVEL,
    HASH_BYTES,
    PRIMES,
    QUERY_BYTES,
    SLOTS,
    Q,
)
from softfall.crypto.lattice.sampling import bounded, error_words, secret_words, ternary
from softfall.crypto.lattice.threads import LANES, aligned
from softfall.crypto.lattice.transform import (
    I64Array,
    U8Array,
    U32Array,
    centred,
    joined,
    tables,
    to_slots,
    y_slots,
)
from softfall.errors import InputError

_ENCRYPT: Final = Native("softfall.crypto.lattice.query_kernel", "encrypt")
_TABLES: Final = tables()
_Y: Final = y_slots()


class MalformedQuery(InputError):
    """Bytes that are no encrypted hash."""

    remedy = "Send 49,152 bytes: 16,384 numbers of 24 bits, each below the ring's modulus."


class MalformedHash(InputError):
    """A hash of the wrong size."""

    remedy = "Use the 32 bytes of a PDQ hash."


def encrypt(hash_bits: bytes, secret_seed: bytes, error_seed: bytes, public: U32Array) -> bytes:
    """The query of a 32-byte hash: 49,152 bytes.

    secret_seed, error_seed: 32 bytes each; public: as `public_elements` gives it.
    Raises MalformedHash, BadSeed.
    """
    checked(hash_bits)
    body = np.empty(QUERY_BYTES, np.uint8)
    _ENCRYPT(
        np.frombuffer(hash_bits, np.uint8),
        secret_words(secret_seed),
        error_words(error_seed),
        public,
        _TABLES,
        aligned((2, SLOTS, COLUMNS), np.uint16),
        np.zeros((2, SLOTS, LANES), np.uint16),
        aligned((2, COLUMNS), np.uint16),
        aligned((2, LANES), np.int16),
        aligned((2, COMPONENTS), np.int16),
        body,
    )
    return body.tobytes()


def load() -> None:
    """Find or compile the machine code now, so that no first picture waits for it."""
    _ENCRYPT.ready()


def encrypt_plain(
    hash_bits: bytes, secret_seed: bytes, error_seed: bytes, public: U32Array
) -> bytes:
    """What `encrypt` gives, in plain numpy."""
    checked(hash_bits)
    secret = to_slots(ternary(secret_words(secret_seed)))
    errors = to_slots(bounded(error_words(error_seed)))
    signs = 2 * np.unpackbits(np.frombuffer(hash_bits, np.uint8)).astype(np.int64) - 1
    residues = [
        (element_products(public, own, prime, y) + error + HALF_LEVEL * signs) % prime
        for prime, own, error, y in zip(PRIMES, secret, errors, _Y, strict=True)
    ]
    return packed(joined(*residues))


def checked(hash_bits: bytes) -> None:
    """Raises MalformedHash unless these are the 32 bytes of a hash."""
    if len(hash_bits) != HASH_BYTES:
        raise MalformedHash(f"a hash has {HASH_BYTES} bytes, not {len(hash_bits)}")


def element_products(public: U32Array, secret: I64Array, prime: int, y: I64Array) -> I64Array:
    """Each public element times the secret, in slots: (64, 256).

    Component f of a product is the sum over h of secret h times element (f - h), and once more
    times Y where f - h is below 0.
    """
    elements = (public.astype(np.int64) % prime).reshape(SLOTS, ELEMENTS, COMPONENTS)
    product = np.zeros((SLOTS, ELEMENTS, COMPONENTS), np.int64)
    for h in range(COMPONENTS):
        own = secret[:, h, None, None]
        product[:, :, h:] += own * elements[:, :, : COMPONENTS - h]
        product[:, :, :h] += own * y[:, None, None] % prime * elements[:, :, COMPONENTS - h :]
    return product.reshape(SLOTS, COLUMNS) % prime


def packed(values: I64Array) -> bytes:
    """Numbers below 2^24 in three bytes each, the lowest first."""
    octets = values.astype("<u4").view(np.uint8).reshape(-1, 4)
    return octets[:, :3].tobytes()


def unpacked(body: bytes) -> U32Array:
    """What `packed` packs."""
    octets: U8Array = np.zeros((len(body) // 3, 4), np.uint8)
    octets[:, :3] = np.frombuffer(body, np.uint8).reshape(-1, 3)
    return octets.view("<u4").astype(np.uint32).reshape(-1)


def read_query(body: bytes) -> U32Array:
    """A query as `products` takes it: (64, 256) uint32. Raises MalformedQuery.

    Each slot's row holds 256 residues modulo the first prime and 256 modulo the second, 16 bits
    each and nearest to 0.
    """
    if len(body) != QUERY_BYTES:
        raise MalformedQuery(f"a query has {QUERY_BYTES} bytes, not {len(body)}")
    values = unpacked(body)
    if (values >= Q).any():
        raise MalformedQuery("a query holds a number that is not below the modulus")
    numbers = values.astype(np.int64).reshape(SLOTS, COLUMNS)
    rows = [centred(numbers, prime) for prime in PRIMES]
    return np.concatenate(rows, axis=1).view(np.uint32)
