"""The token by which the provider shows the keyholder that it is the provider, and nobody else.

Guarantees: 256 random bits in a file that its owner alone can read (0600), made with the TLS files
and never overwritten. Both sides read the same file; the keyholder compares it in constant time.
Why beside mutual TLS: the custodian has a client certificate too, and who asks the keyholder uses
up dealt material.
Leaves to the operator: copying it to the other machine, and to no third one.
"""

import os
import secrets
from pathlib import Path
from typing import Final

from softfall.errors import OperatorError

MIN_CHARACTERS: Final = 32


class KeyholderTokenUnusable(OperatorError):
    """The token between provider and keyholder is missing, unreadable, or too short to be one."""

    remedy = (
        "Run `softfall keys init` (or `softfall keys renew`, which makes what is missing), or copy "
        "keyholder-provider.token from where it was made into the tls_dir of provider and "
        "keyholder, and of nobody else."
    )


def keyholder_token_file(tls_dir: Path) -> Path:
    """Where the token lies, at the provider and at the keyholder."""
    return tls_dir / "keyholder-provider.token"


def make_keyholder_token(tls_dir: Path) -> None:
    """Make the token. Raises FileExistsError where there is one already."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    descriptor = os.open(keyholder_token_file(tls_dir), flags, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_urlsafe(32) + "\n")


def read_keyholder_token(tls_dir: Path) -> str:
    """The token. Raises KeyholderTokenUnusable."""
    path = keyholder_token_file(tls_dir)
    try:
        token = path.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        raise KeyholderTokenUnusable(f"{path} can't be read") from None
    if len(token) < MIN_CHARACTERS:
        raise KeyholderTokenUnusable(f"{path} holds no token")
    return token
