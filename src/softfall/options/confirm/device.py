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
from softfall.errors import PeerError
from softfall.options.confirm import keys
from softfall.options.confirm.rebuilding import NotAHash, rebuild, share_key
from softfall.options.contract import ScanSecret

__all__ = ["BadConfirmKey", "NotAHash", "Shares", "make_shares", "rebuild", "stand_in_hash"]


class BadConfirmKey(PeerError):
    """The manifest's `confirm` key is not one that shares can be sealed to."""

    remedy = "Nothing was sent; keep the manifest and report the custodian that signed it."


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
    info = keys.seal_info(secret.option, secret.epoch)
    try:
        sealed = hpke.seal(share_key(scan_key), confirm_key, info)
    except hpke.BadSealKey as error:
        raise BadConfirmKey(f"nothing can be sealed: {error.what}") from None
    return Shares(rebuild(hash_bits, scan_key, secret.option, secret.epoch, sealed), sealed)


def stand_in_hash(scan_key: bytes) -> bytes:
    """A hash for a picture that has none: as far from every entry as chance would have it."""
    return hmac.digest(scan_key, b"softfall confirm stand-in hash v1", "sha256")
