"""The custodian's identity: the Ed25519 key that signs its manifests, and that devices pin.

Guarantees: the private key is a PKCS#8 file that its owner alone can read (0600), made once and
never overwritten; a file that others can read is refused.
Leaves to the operator: backing the file up offline. Without it no manifest can be signed, and every
device must be told of a new custodian.
"""

import hashlib
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from softfall.errors import OperatorError

IDENTITY_FILE = "identity.key"


class IdentityExists(OperatorError):
    """The custodian has an identity key already."""

    remedy = "Keep it: devices have pinned it. To begin anew, choose another custodian.data_dir."


class IdentityUnusable(OperatorError):
    """The custodian's identity key is missing, damaged, or open to others."""

    remedy = "Run `softfall keys init`, or put the backup of identity.key back with mode 0600."


@dataclass(frozen=True, slots=True)
class Identity:
    """The custodian's identity key; `sign` is what a manifest's signer must be."""

    _key: Ed25519PrivateKey = field(repr=False)

    def sign(self, message: bytes) -> bytes:
        """The 64-byte Ed25519 signature."""
        return self._key.sign(message)

    @property
    def public_key(self) -> bytes:
        """The 32 bytes that devices pin."""
        return self._key.public_key().public_bytes_raw()


def create_identity(data_dir: Path) -> Identity:
    """Make the key in `data_dir`. Raises IdentityExists."""
    key = Ed25519PrivateKey.generate()
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        write_private_key(data_dir / IDENTITY_FILE, key)
    except FileExistsError:
        raise IdentityExists(f"{data_dir / IDENTITY_FILE} exists already") from None
    return Identity(key)


def load_identity(data_dir: Path) -> Identity:
    """The key of `data_dir`. Raises IdentityUnusable."""
    return Identity(read_private_key(data_dir / IDENTITY_FILE, IdentityUnusable))


def write_private_key(path: Path, key: Ed25519PrivateKey) -> None:
    """Write a key into a new file, its owner's alone (0600). Raises FileExistsError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        file.flush()
        os.fsync(file.fileno())


def read_private_key(path: Path, refused: type[OperatorError]) -> Ed25519PrivateKey:
    """The key in a file. Raises `refused` where it is missing, damaged, or open to others."""
    try:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise refused(f"{path} can be read by others")
        key = load_pem_private_key(path.read_bytes(), None)
    except (OSError, ValueError, TypeError):
        raise refused(f"{path} can't be read") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise refused(f"{path} does not hold an Ed25519 key")
    return key


def fingerprint(public_key: bytes) -> str:
    """SHA-256 of a public key in groups of four digits, for people to compare aloud."""
    digits = hashlib.sha256(public_key).hexdigest()
    return " ".join(digits[i : i + 4] for i in range(0, len(digits), 4))
