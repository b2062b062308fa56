"""The key that signs a service's checkpoints and evidence bundles.

Guarantees: an Ed25519 key in a PKCS#8 file that its owner alone can read (0600), made at the first
start and never overwritten; its public half lies beside it, for auditors to carry away.
Refuses, as `AuditKeyUnusable`: a file that is damaged or that others can read.
Limit: whoever has the key can sign another past; so checkpoints are carried away.
"""

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from softfall.errors import InputError, OperatorError

KEY_FILE: Final = "audit.key"
PUBLIC_FILE: Final = "audit.pub"
_PUBLIC_KEY_BYTES = 32


class AuditKeyUnusable(OperatorError):
    """The key that signs checkpoints is missing, damaged, or open to others."""

    remedy = "Put the backup of audit.key back with mode 0600, or start the service to make one."


class NotAPublicKey(InputError):
    """A text that is not the public half of an audit key."""

    remedy = "Give the 64 hexadecimal digits that `softfall keys show` prints, or the file of them."


@dataclass(frozen=True, slots=True)
class AuditKey:
    """The signing key; what it signs is verified with `public_key`, 32 bytes."""

    _key: Ed25519PrivateKey = field(repr=False)

    def sign(self, message: bytes) -> bytes:
        """The 64-byte Ed25519 signature."""
        return self._key.sign(message)

    @property
    def public_key(self) -> bytes:
        """The 32 bytes that auditors pin."""
        return self._key.public_key().public_bytes_raw()


def load_or_make_key(data_dir: Path) -> AuditKey:
    """The key of `data_dir`, made if there is none. Raises AuditKeyUnusable.

    Two processes that start at once end up with the same key.
    """
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = data_dir / KEY_FILE
    if not path.exists():
        _make(path)
    key = load_key(data_dir)
    public = data_dir / PUBLIC_FILE
    if not public.exists():
        public.write_text(key.public_key.hex() + "\n", "ascii")
    return key


def load_key(data_dir: Path) -> AuditKey:
    """The key of `data_dir`. Raises AuditKeyUnusable."""
    path = data_dir / KEY_FILE
    try:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise AuditKeyUnusable(f"{path} can be read by others")
        key = load_pem_private_key(path.read_bytes(), None)
    except (OSError, ValueError, TypeError):
        raise AuditKeyUnusable(f"{path} can't be read") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise AuditKeyUnusable(f"{path} does not hold an Ed25519 key")
    return AuditKey(key)


def public_keys_of(data_dir: Path) -> frozenset[bytes]:
    """The public half that lies in `data_dir`; empty where there is none. Raises NotAPublicKey."""
    path = data_dir / PUBLIC_FILE
    if not path.exists():
        return frozenset()
    return frozenset({parse_public_key(path.read_text("ascii", errors="replace"))})


def parse_public_key(text: str) -> bytes:
    """The 32 bytes that 64 hexadecimal digits spell. Raises NotAPublicKey."""
    digits = text.strip()
    try:
        key = bytes.fromhex(digits)
    except ValueError:
        key = b""
    if len(key) != _PUBLIC_KEY_BYTES or len(digits) != 2 * _PUBLIC_KEY_BYTES:
        raise NotAPublicKey("a public key is 64 hexadecimal digits")
    return key


def _make(path: Path) -> None:
    """Write a new key whole, and put it in its place unless another process was first."""
    made = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        key = Ed25519PrivateKey.generate()
        file.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(made, path)
    except FileExistsError:
        pass
    finally:
        made.unlink()
