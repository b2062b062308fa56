"""A submission's `confirm_shares` from its hash, scan key and seal, by whoever is shown them.

Guarantees: a function of its arguments alone, so a recipient, or a provider that is shown an
opening, gets the very bytes that the sender made.
Refuses: what is no hash (NotAHash), a seal of another size (MalformedMessage).
"""

import hmac

from softfall.crypto.shares import HASH_BYTES, xor
from softfall.errors import InputError
from softfall.options.confirm import keys, wire


class NotAHash(InputError):
    """Shares were to be made of something that is not a 32-byte hash."""

    remedy = "Give the picture's 32-byte PDQ hash, or its stand-in."


def rebuild(hash_bits: bytes, scan_key: bytes, option: str, epoch: int, sealed: bytes) -> bytes:
    """The `confirm_shares` that this hash, scan key and seal yield: what a recipient compares.

    Raises NotAHash; MalformedMessage for a seal of another size.
    """
    if len(hash_bits) != HASH_BYTES:
        raise NotAHash(f"a hash has {HASH_BYTES} bytes, not {len(hash_bits)}")
    key = share_key(scan_key)
    return wire.CONFIRM_SHARES.encode(
        {
            "version": wire.VERSION,
            "x_p": xor(hash_bits, keys.custodian_share(key)),
            "commitment": keys.commitment(key, option, epoch),
            "sealed": sealed,
        }
    )


def share_key(scan_key: bytes) -> bytes:
    """The key that is sealed to the custodian: 32 bytes, from which its share derives."""
    return hmac.digest(scan_key, b"softfall confirm share key v1", "sha256")
