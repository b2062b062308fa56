"""Sealing to a post-quantum HPKE key: MLKEM768-X25519, HKDF-SHA256, AES-256-GCM, as plain bytes.

Guarantees: only who holds the 96-byte secret opens what was sealed to its 1,216-byte public key,
under the same `info`; a change anywhere in it, or another `info`, is refused.
Refuses: keys of another size (BadSealKey), and what does not open (NotSealedToThis).
Limits: randomised, so two seals of one text differ; whoever seals is not known. AES-GCM does not
commit to its key: a protocol that needs that must commit by itself.
Source: RFC 9180 (HPKE), draft-ietf-hpke-pq (its hybrid KEM); `cryptography` 50 does the work.
"""

from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import (
    AEAD,
    KDF,
    KEM,
    MLKEM768X25519PrivateKey,
    MLKEM768X25519PublicKey,
    Suite,
)

from softfall.errors import InputError, PeerError

_MLKEM_PUBLIC_BYTES: Final = 1184
_MLKEM_SEED_BYTES: Final = 64
_X25519_BYTES: Final = 32

PUBLIC_BYTES: Final = _MLKEM_PUBLIC_BYTES + _X25519_BYTES
SECRET_BYTES: Final = _MLKEM_SEED_BYTES + _X25519_BYTES
OVERHEAD_BYTES: Final = 1088 + _X25519_BYTES + 16  # both KEM shares and the tag

_SUITE: Final = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


class BadSealKey(InputError):
    """Bytes that are no key of this kind."""

    remedy = "Use the public key (1,216 bytes) or the secret (96 bytes) as `public_of` pairs them."


class NotSealedToThis(PeerError):
    """What does not open with this key and this purpose: altered, or sealed for another."""

    remedy = "Use nothing of it; ask its sender to seal it again to the current key."


def public_of(secret: bytes) -> bytes:
    """The 1,216-byte public key of 96 fresh random bytes, which are the secret. BadSealKey."""
    mlkem, x25519 = _halves(secret)
    return mlkem.public_key().public_bytes_raw() + x25519.public_key().public_bytes_raw()


def seal(text: bytes, public_key: bytes, info: bytes) -> bytes:
    """`text` and OVERHEAD_BYTES more, different each time. Raises BadSealKey."""
    if len(public_key) != PUBLIC_BYTES:
        raise BadSealKey(f"a public key has {PUBLIC_BYTES} bytes, not {len(public_key)}")
    try:
        mlkem = MLKEM768PublicKey.from_public_bytes(public_key[:_MLKEM_PUBLIC_BYTES])
        x25519 = X25519PublicKey.from_public_bytes(public_key[_MLKEM_PUBLIC_BYTES:])
        return _SUITE.encrypt(text, MLKEM768X25519PublicKey(mlkem, x25519), info=info)
    except ValueError:
        raise BadSealKey("the bytes are no public key of MLKEM768-X25519") from None


def unseal(sealed: bytes, secret: bytes, info: bytes) -> bytes:
    """What was sealed to `public_of(secret)` under `info`. Raises NotSealedToThis, BadSealKey."""
    key = MLKEM768X25519PrivateKey(*_halves(secret))
    try:
        return _SUITE.decrypt(sealed, key, info=info)
    except (InvalidTag, ValueError):
        raise NotSealedToThis("it does not open with this key and purpose") from None


def _halves(secret: bytes) -> tuple[MLKEM768PrivateKey, X25519PrivateKey]:
    if len(secret) != SECRET_BYTES:
        raise BadSealKey(f"a secret has {SECRET_BYTES} bytes, not {len(secret)}")
    return (
        MLKEM768PrivateKey.from_seed_bytes(secret[:_MLKEM_SEED_BYTES]),
        X25519PrivateKey.from_private_bytes(secret[_MLKEM_SEED_BYTES:]),
    )
