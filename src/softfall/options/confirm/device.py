"""The device's part of `confirm`: two XOR shares of a hash, one of them sealed to the custodian.

Guarantees: all but the seal's own randomness derives from the scan key, so the recipient rebuilds
the same bytes from the hash and the seal in the opening, asking nobody. Either share alone is
uniform. Every submission carries shares, of one size, candidate or not.
Refuses: a custodian's key that is none (BadConfirmKey).
Limits, printed: a recipient can't look into the seal. A patched sender may seal junk; it gains
nothing, for the custodian finds the mismatch as soon as the picture is a candidate, and the
provider then holds the message as malformed.
"""

import hmac
from dataclasses import dataclass, field

from softfall.crypto import hpke
from softfall.crypto.shares import HASH_BYTES, xor
from softfall.errors import InputError, PeerError
from softfall.options.confirm import keys, wire
from softfall.options.contract import ScanSecret


class BadConfirmKey(PeerError):
    """The manifest's `confirm` key is not one that shares can be sealed to."""

    remedy = "Nothing was sent; keep the manifest and report the custodian that signed it."


class NotAHash(InputError):
    """Shares were to be made of something that is not a 32-byte hash."""

    remedy = "Give the picture's 32-byte PDQ hash, or its stand-in."


@dataclass(frozen=True, slots=True)
class Shares:
    """A submission's `confirm_shares`, and the seal in them, which the opening must carry."""

    body: bytes
    sealed: bytes = field(repr=False)


def make_shares(
    hash_bits: bytes, secret: ScanSecret, scan_key: bytes, confirm_key: bytes
) -> Shares:
    """The shares of one hash. confirm_key: from the epoch's signed manifest.

    Raises NotAHash, BadConfirmKey.
    """
    share_key = _share_key(scan_key)
    info = keys.seal_info(secret.option, secret.epoch)
    try:
        sealed = hpke.seal(share_key, confirm_key, info)
    except hpke.BadSealKey as error:
        raise BadConfirmKey(f"nothing can be sealed: {error.what}") from None
    return Shares(rebuild(hash_bits, scan_key, secret.option, secret.epoch, sealed), sealed)


def rebuild(hash_bits: bytes, scan_key: bytes, option: str, epoch: int, sealed: bytes) -> bytes:
    """The `confirm_shares` that this hash, scan key and seal yield: what a recipient compares.

    Raises NotAHash; MalformedMessage for a seal of another size.
    """
    if len(hash_bits) != HASH_BYTES:
        raise NotAHash(f"a hash has {HASH_BYTES} bytes, not {len(hash_bits)}")
    share_key = _share_key(scan_key)
    return wire.CONFIRM_SHARES.encode(
        {
            "version": wire.VERSION,
            "x_p": xor(hash_bits, keys.custodian_share(share_key)),
            "commitment": keys.commitment(share_key, option, epoch),
            "sealed": sealed,
        }
    )


def stand_in_hash(scan_key: bytes) -> bytes:
    """A hash for a picture that has none: as far from every entry as chance would have it."""
    return hmac.digest(scan_key, b"softfall confirm stand-in hash v1", "sha256")


def _share_key(scan_key: bytes) -> bytes:
    return hmac.digest(scan_key, b"softfall confirm share key v1", "sha256")
