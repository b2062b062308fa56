"""The submission: made alike by sender and recipient, from the hash and the scan secret.

Guarantees: the query's key and its errors are functions of (hash, scan secret), so the recipient
recomputes the query, and no two pictures, attachments or epochs ever share a key: what would reuse
one can't be written. HPKE, which is randomised, carries only the 32-byte seed of the key; the
commitment is a SHA-256 over the epoch and that seed, so a capsule opens as one key.
Refuses: `opened_seed` gives None for a capsule that does not open, or not as committed.
Why the errors have a seed of their own, which nobody but the two devices can derive: whoever holds
the key and could make the errors could encrypt a guessed hash and compare it with what was sent.
Source: the label and epoch are in front of each digest, as in `options/confirm/keys.py`.
"""

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from softfall.crypto import hpke
from softfall.crypto.lattice.public import U32Array
from softfall.crypto.lattice.query import encrypt
from softfall.options.contract import ScanSecret, Submission
from softfall.options.homomorphic import wire
from softfall.options.homomorphic.parameters import NAME

_STAND_IN: Final = b"softfall homomorphic stand-in v1"
_SECRET_SEED: Final = b"softfall homomorphic secret seed v1"
_ERROR_SEED: Final = b"softfall homomorphic error seed v1"


@dataclass(frozen=True, slots=True)
class Sealed:
    """What is submitted of one picture, without its capsule. secret_seed: goes into that."""

    secret_seed: bytes = field(repr=False)
    commitment: bytes
    query: bytes = field(repr=False)


def make_query(hash_bits: bytes | None, secret: ScanSecret, public: U32Array) -> Sealed:
    """The query of a 32-byte hash, or of a stand-in (None) that matches nothing.

    public: the epoch's public elements. Raises MalformedHash for what is no hash.
    """
    scan_key = secret.key(_STAND_IN if hash_bits is None else hash_bits)
    encrypted = hmac.digest(scan_key, _STAND_IN, "sha256") if hash_bits is None else hash_bits
    secret_seed = hmac.digest(scan_key, _SECRET_SEED, "sha256")
    error_seed = hmac.digest(scan_key, _ERROR_SEED, "sha256")
    query = encrypt(encrypted, secret_seed, error_seed, public)
    return Sealed(secret_seed, commitment(secret_seed, secret.epoch), query)


def submission(made: Sealed, capsule: bytes, epoch: int) -> Submission:
    """The submission, byte for byte; sender and recipient make the same."""
    body = wire.QUERY.encode(
        {
            "version": wire.VERSION,
            "capsule": capsule,
            "commitment": made.commitment,
            "query": made.query,
        }
    )
    return Submission(NAME, epoch, body)


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
