"""What seals and commits the custodian's share of a hash: shared by all who make or check it.

Guarantees: a share key k yields one share and one commitment. The commitment is to k, the option
and the epoch; it hides k (32 pseudorandom bytes) and binds whoever made it, so a share that a
custodian opens is the one that the provider was handed a commitment to.
Why the commitment leaves out the provider's share: the custodian checks it, and must not see that
share, for both together are the hash. The provider's share needs none: it is in the submission,
which the receipt binds, and the recipient recomputes it.
"""

import hashlib
import hmac
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from softfall.crypto import hpke


@dataclass(frozen=True, slots=True)
class ConfirmKeys:
    """The custodian's key pair for one option and epoch. secret: 96 bytes; public: 1,216."""

    option: str
    epoch: int
    secret: bytes = field(repr=False)
    public: bytes = field(repr=False)


def make_keys(seed: bytes, option: str, epoch: int) -> ConfirmKeys:
    """The key pair of one option and epoch, from 32 secret random bytes.

    The same seed serves any number of options and epochs: their keys are independent.
    """
    secret = HKDF(SHA256(), hpke.SECRET_BYTES, None, _about(b"key", option, epoch)).derive(seed)
    return ConfirmKeys(option, epoch, secret, hpke.public_of(secret))


def seal_info(option: str, epoch: int) -> bytes:
    """What a sealed share key is bound to."""
    return _about(b"sealed share key", option, epoch)


def commitment(share_key: bytes, option: str, epoch: int) -> bytes:
    """What binds the share key, in the open: 32 bytes."""
    return hashlib.sha256(_about(b"commitment", option, epoch) + share_key).digest()


def custodian_share(share_key: bytes) -> bytes:
    """The custodian's XOR share of the hash: 32 bytes, pseudorandom."""
    return hmac.digest(share_key, b"softfall confirm custodian share v1", "sha256")


def _about(purpose: bytes, option: str, epoch: int) -> bytes:
    return b"softfall confirm " + purpose + f" v1|{option}|{epoch}|".encode()
