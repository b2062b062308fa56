"""The capsule: the seed of a query's key, sealed to the keyholder, and the commitment to it.

Guarantees: HPKE, which is randomised, carries only the 32-byte seed; the commitment is a SHA-256
over the epoch and that seed, so it binds whoever made it, and a capsule opens as one key.
Refuses: `opened_seed` gives None for a capsule that does not open, or not as committed.
Source: the label and epoch are in front of each digest, as in `options/confirm/keys.py`.
"""

import hashlib
import hmac
from collections.abc import Iterable

from softfall.crypto import hpke
from softfall.options.homomorphic import wire


def make_capsule(secret_seed: bytes, keyholder_key: bytes, epoch: int) -> bytes:
    """The seed, sealed to the keyholder; different each time. Raises BadSealKey."""
    return hpke.seal(secret_seed, keyholder_key, _info(b"capsule", epoch))


def opened_seed(
    capsule: bytes, committed: bytes, secrets: Iterable[bytes], epoch: int
) -> bytes | None:
    """The seed in a capsule, by whichever of the keyholder's 96-byte secrets opens it.

    None where none does, or where the seed is not the one that was committed to.
    """
    for secret in secrets:
        try:
            seed = hpke.unseal(capsule, secret, _info(b"capsule", epoch))
        except hpke.NotSealedToThis:
            continue
        same = hmac.compare_digest(commitment(seed, epoch), committed)
        return seed if same and len(seed) == wire.SEED_BYTES else None
    return None


def commitment(secret_seed: bytes, epoch: int) -> bytes:
    """What binds a query's secret seed, in the open: 32 bytes."""
    return hashlib.sha256(_info(b"commitment", epoch) + secret_seed).digest()


def _info(purpose: bytes, epoch: int) -> bytes:
    return b"softfall homomorphic " + purpose + f" v1|{epoch}|".encode()
