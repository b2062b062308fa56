"""The submission: made alike by sender and recipient, from the hash and the scan secret.

Guarantees: the query's key and its errors are functions of (hash, scan secret), so the recipient
recomputes the query, and no two pictures, attachments or epochs ever share a key: what would reuse
one can't be written.
Why the errors have a seed of their own, which nobody but the two devices can derive: whoever holds
the key and could make the errors could encrypt a guessed hash and compare it with what was sent.
Leaves to others: the capsule, which is randomised and travels in the opening (`sealing`).
"""

import hmac
from dataclasses import dataclass, field
from typing import Final

from softfall.crypto.lattice.query import encrypt
from softfall.options.contract import ScanSecret, Submission
from softfall.options.homomorphic import wire
from softfall.options.homomorphic.parameters import NAME
from softfall.options.homomorphic.sealing import commitment
from softfall.options.homomorphic.segments import U32Array

_STAND_IN: Final = b"softfall homomorphic stand-in v1"
_SECRET_SEED: Final = b"softfall homomorphic secret seed v1"
_ERROR_SEED: Final = b"softfall homomorphic error seed v1"


@dataclass(frozen=True, slots=True)
class Encrypted:
    """What is submitted of one picture, without its capsule. secret_seed: goes into that."""

    secret_seed: bytes = field(repr=False)
    commitment: bytes
    query: bytes = field(repr=False)


def make_query(hash_bits: bytes | None, secret: ScanSecret, public: U32Array) -> Encrypted:
    """The query of a 32-byte hash, or of a stand-in (None) that matches nothing.

    public: the epoch's public elements.
    """
    scan_key = secret.key(_STAND_IN if hash_bits is None else hash_bits)
    # Pseudorandom bits lie within 31 of no entry, and nobody can tell them from a hash.
    bits = hmac.digest(scan_key, _STAND_IN, "sha256") if hash_bits is None else hash_bits
    secret_seed = hmac.digest(scan_key, _SECRET_SEED, "sha256")
    error_seed = hmac.digest(scan_key, _ERROR_SEED, "sha256")
    query = encrypt(bits, secret_seed, error_seed, public)
    return Encrypted(secret_seed, commitment(secret_seed, secret.epoch), query)


def submission(made: Encrypted, capsule: bytes, epoch: int) -> Submission:
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
