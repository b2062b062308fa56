"""The keyholder's public key as a file: what its keeper hands to the keeper of the list.

Guarantees: what `write_keyholder_key` wrote, `read_keyholder_key` reads; a file that holds anything
else is refused by name. The key is public: the file needs no protection but from being swapped, and
the custodian signs what it read into each epoch's manifest.
"""

import base64
import binascii
from pathlib import Path

from softfall.crypto.hpke import PUBLIC_BYTES
from softfall.errors import OperatorError


class KeyholderKeyUnusable(OperatorError):
    """The file with the keyholder's public key is missing or damaged."""

    remedy = (
        "Set custodian.keyholder_key_file to the keyholder.pub that `softfall keys init` made at "
        "the keyholder."
    )


def write_keyholder_key(path: Path, public_key: bytes) -> None:
    """Write the 1,216-byte HPKE key as one line of base64, over any that is there."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.write_text(base64.b64encode(public_key).decode() + "\n", "ascii")


def read_keyholder_key(path: Path) -> bytes:
    """The 1,216-byte HPKE key. Raises KeyholderKeyUnusable."""
    try:
        key = base64.b64decode(path.read_text("ascii").strip(), validate=True)
    except (OSError, ValueError, binascii.Error):
        raise KeyholderKeyUnusable(f"{path} can't be read as a key") from None
    if len(key) != PUBLIC_BYTES:
        raise KeyholderKeyUnusable(f"{path} holds {len(key)} bytes, no keyholder's key")
    return key
