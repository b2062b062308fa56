"""Whose lists a service takes: one custodian's Ed25519 key, in a file of its own.

The enclave measures it into PCR0 (`enclave/measure.py`), so an enclave that would take another's
lists is another enclave, and no device seals anything to it. The keyholder takes the signed
versions of that custodian's lists alone.
"""

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)

from softfall.errors import OperatorError


class CustodianKeyUnusable(OperatorError):
    """The file with the custodian's public key is missing or damaged."""

    remedy = (
        "Set custodian_key_file of [enclave] or [keyholder] to the custodian.pub that "
        "`softfall keys init` made."
    )


def read_custodian_key(path: Path) -> bytes:
    """The 32 bytes that manifests are verified with. Raises CustodianKeyUnusable."""
    try:
        key = load_pem_public_key(path.read_bytes())
    except (OSError, ValueError):
        raise CustodianKeyUnusable(f"{path} can't be read") from None
    if not isinstance(key, Ed25519PublicKey):
        raise CustodianKeyUnusable(f"{path} does not hold an Ed25519 key")
    return key.public_bytes_raw()


def write_custodian_key(path: Path, public_key: bytes) -> None:
    """Write the custodian's 32-byte key for a service to read; it is public."""
    key = Ed25519PublicKey.from_public_bytes(public_key)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.write_bytes(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
