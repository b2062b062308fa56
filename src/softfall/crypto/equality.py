"""Whether two parties' strings are equal, told to one of them, who learns nothing else.

First each hashes its string to 16 bytes under a dealt key (`digest`). With one key the XOR of two
digests is a universal hash of the XOR of the strings. Then, in the field of 2^128 elements, with
dealt (u, v) for the one who asks and (s, t) for the one who answers, s not zero, v = s u + t:

    asker -> answerer    m = a + u                a: the asker's digest, b: the answerer's
    answerer -> asker    n = s (m + b) + t
    asker                n + v = s (a + b)        zero exactly where the digests are equal

Guarantees: equal strings are found equal always. Others are found equal with a probability of at
most (their size in blocks of 16 bytes) / 2^128, over the dealt key: 2^-115 for a million bits.
m is uniform whatever a. Where the digests differ, what the asker computes is uniform over all
elements but zero whatever a and b: it learns that they differ, and nothing else.
Refuses: strings of more than 2 GiB. Leaves to others: using a key, and (u, v, s, t), once.
Limits: the parties are taken to follow the protocol; one that does not can turn the answer around.
`multiply` takes time that does not depend on its factors as far as Python's whole numbers allow it;
they are dealt, used once, and never leave their party.
Source: the digest is GMAC, NIST SP 800-38D, whose hash is polynomial in the key; the test is an
inner product over a dealt correlation (Beaver, CRYPTO 1991). Oracles: `digest_plain`,
`multiply_plain`.
"""

import hmac
from dataclasses import dataclass, field
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

DIGEST_BYTES: Final = 16
KEY_BYTES: Final = 32

_FIELD_BITS: Final = 128
_POLYNOMIAL: Final = (1 << 128) | 0x87  # x^128 + x^7 + x^2 + x + 1
_NONCE: Final = bytes(12)  # a key serves one string of each party, so their nonces may be the same
_REVERSED: Final = 0xE1 << 120  # the same polynomial as GCM writes it: the first bit is the lowest


@dataclass(frozen=True, slots=True)
class Asking:
    """The asker's dealt half: uniform u, and v = s u + t, each 16 bytes."""

    mask: bytes = field(repr=False)
    value: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Answering:
    """The answerer's dealt half: s, uniform but never zero, and t, each 16 bytes."""

    factor: bytes = field(repr=False)
    addend: bytes = field(repr=False)


def factor_of(seed: bytes) -> bytes:
    """A factor that is not zero from 16 uniform ones; one of them, chance 2^-128, is moved."""
    return seed if any(seed) else bytes(DIGEST_BYTES - 1) + b"\x01"


def addend_for(asking: Asking, factor: bytes) -> bytes:
    """The dealer's step: the t that completes u, v and s."""
    return _xor(asking.value, multiply(factor, asking.mask))


def digest(key: bytes, string: bytes) -> bytes:
    """16 bytes of a string, under the 32-byte key that was dealt to both parties."""
    return AESGCM(key).encrypt(_NONCE, b"", string)


def ask(own_digest: bytes, half: Asking) -> bytes:
    """The asker's message: 16 bytes, uniform."""
    return _xor(own_digest, half.mask)


def answer(own_digest: bytes, asked: bytes, half: Answering) -> bytes:
    """The answerer's message: 16 bytes."""
    return _xor(multiply(half.factor, _xor(asked, own_digest)), half.addend)


def equal(answered: bytes, half: Asking) -> bool:
    """Whether the two digests are equal: the asker's last step."""
    return hmac.compare_digest(answered, half.value)


def multiply(left: bytes, right: bytes) -> bytes:
    """The product of two field elements, each 16 bytes, highest power first."""
    one, other, product = int.from_bytes(left), int.from_bytes(right), 0
    for bit in range(_FIELD_BITS):
        product ^= (one << bit) * (other >> bit & 1)
    for bit in reversed(range(_FIELD_BITS)):
        product ^= (_POLYNOMIAL << bit) * (product >> (_FIELD_BITS + bit) & 1)
    return product.to_bytes(DIGEST_BYTES)


def multiply_plain(left: bytes, right: bytes) -> bytes:
    """What `multiply` returns, by its other representation: the lowest power first, as in GCM."""
    return _mirrored(_gcm_product(_mirrored(left), _mirrored(right)))


def digest_plain(key: bytes, string: bytes) -> bytes:
    """What `digest` returns, from the block cipher and the field alone."""
    encryptor = Cipher(algorithms.AES256(key), modes.ECB()).encryptor()  # noqa: S305 - one block at a time
    hash_key, pad = encryptor.update(bytes(16)), encryptor.update(_NONCE + b"\x00\x00\x00\x01")
    padded = string + bytes(-len(string) % 16) + (8 * len(string)).to_bytes(8) + bytes(8)
    total = bytes(DIGEST_BYTES)
    for start in range(0, len(padded), DIGEST_BYTES):
        total = _gcm_product(_xor(total, padded[start : start + DIGEST_BYTES]), hash_key)
    return _xor(total, pad)


def _gcm_product(left: bytes, right: bytes) -> bytes:
    one, shifted, product = int.from_bytes(left), int.from_bytes(right), 0
    for bit in reversed(range(_FIELD_BITS)):
        product ^= shifted if one >> bit & 1 else 0
        shifted = (shifted >> 1) ^ (_REVERSED if shifted & 1 else 0)
    return product.to_bytes(DIGEST_BYTES)


def _mirrored(element: bytes) -> bytes:
    return int(f"{int.from_bytes(element):0128b}"[::-1], 2).to_bytes(DIGEST_BYTES)


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))
