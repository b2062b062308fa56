"""Who an account is: two public keys, what they sign, and how two people compare them.

Guarantees: an identity or a one-time key is taken only with a good Ed25519 signature by that very
account; one key has one spelling (unpadded base64, as vodozemac prints it).
Leaves to others: whether the account's keys are the right person's. A device trusts what it first
saw (messaging/session/pins.py) and people compare fingerprints.
Source: Olm's key layout (two keys an account, signed one-time keys); RFC 8032 for Ed25519.
Pure, and for both sides: the provider checks the same signatures when keys are published.
"""

import base64
import binascii
import hashlib
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from softfall.errors import PeerError

KEY_BYTES = 32
SIGNATURE_BYTES = 64
_FINGERPRINT_GROUPS = 12


class KeySignatureBroken(PeerError):
    """A published key does not carry a good signature by its account."""

    remedy = "Do not use the key; the directory or the other app is broken or cheating."


@dataclass(frozen=True, slots=True)
class Identity:
    """An account's long-term public keys, each unpadded base64 of 32 bytes."""

    account: str
    curve25519: str
    ed25519: str

    @property
    def statement(self) -> bytes:
        """What the account's Ed25519 key signs when it registers."""
        return f"softfall account v1|{self.account}|{self.curve25519}|{self.ed25519}".encode()

    @property
    def fingerprint(self) -> str:
        """Twelve groups of five digits, for two people to read to each other.

        About 199 bits of SHA-512 over the statement: no one can make a second identity with it.
        """
        digest = hashlib.sha512(b"softfall fingerprint v1|" + self.statement).digest()
        groups = (digest[5 * i : 5 * i + 5] for i in range(_FINGERPRINT_GROUPS))
        return " ".join(f"{int.from_bytes(group, 'big') % 100_000:05d}" for group in groups)


@dataclass(frozen=True, slots=True)
class SignedKey:
    """A one-time key (unpadded base64), its id, and its account's signature over both."""

    key_id: str
    key: str
    signature: str


def one_time_key_statement(account: str, key_id: str, key: str) -> bytes:
    """What an account signs for each one-time key that it publishes."""
    return f"softfall one-time key v1|{account}|{key_id}|{key}".encode()


def verify_identity(identity: Identity, signature: str) -> Identity:
    """The identity, if its own Ed25519 key signed it. Raises KeySignatureBroken."""
    _unbase64(identity.curve25519, KEY_BYTES)
    _verify(identity.ed25519, signature, identity.statement)
    return identity


def verify_one_time_key(identity: Identity, signed: SignedKey) -> SignedKey:
    """The key, if `identity` signed it. Raises KeySignatureBroken."""
    _unbase64(signed.key, KEY_BYTES)
    statement = one_time_key_statement(identity.account, signed.key_id, signed.key)
    _verify(identity.ed25519, signed.signature, statement)
    return signed


def _verify(public_key: str, signature: str, statement: bytes) -> None:
    key = Ed25519PublicKey.from_public_bytes(_unbase64(public_key, KEY_BYTES))
    try:
        key.verify(_unbase64(signature, SIGNATURE_BYTES), statement)
    except InvalidSignature:
        raise KeySignatureBroken("a published key is not signed by its account") from None


def _unbase64(text: str, size_bytes: int) -> bytes:
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise KeySignatureBroken("a published key or signature is not base64") from None
    if len(raw) != size_bytes or base64.b64encode(raw).rstrip(b"=").decode() != text:
        raise KeySignatureBroken("a published key or signature has a second spelling")
    return raw
