"""The token by which the provider shows the custodian that it is the provider, and nobody else.

Guarantees: 256 random bits in a file that its owner alone can read (0600), made with the TLS files
and never overwritten. Both sides read the same file; the custodian compares it in constant time.
Why beside mutual TLS: the handshake shows that a caller belongs to the installation, and the
keyholder, which calls the dealer, has a client certificate too. It must never have a hash of the
list, so whoever asks for hashes shows this token.
Leaves to the operator: copying it to the other machine where the two services run apart, and to no
third one.
"""

import hmac
import os
import secrets
from pathlib import Path
from typing import Final

from softfall.errors import OperatorError

MIN_CHARACTERS: Final = 32


class CustodianTokenUnusable(OperatorError):
    """The token between provider and custodian is missing, unreadable, or too short to be one."""

    remedy = (
        "Run `softfall keys init` (or `softfall keys renew`, which makes what is missing), or copy "
        "custodian-provider.token from where it was made into the tls_dir of provider and "
        "custodian, and of nobody else."
    )


def custodian_token_file(tls_dir: Path) -> Path:
    """Where the token lies, at the provider and at the custodian."""
    return tls_dir / "custodian-provider.token"


def make_custodian_token(tls_dir: Path) -> None:
    """Make the token. Raises FileExistsError where there is one already."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    descriptor = os.open(custodian_token_file(tls_dir), flags, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_urlsafe(32) + "\n")


def read_custodian_token(tls_dir: Path) -> str:
    """The token. Raises CustodianTokenUnusable."""
    path = custodian_token_file(tls_dir)
    try:
        token = path.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        raise CustodianTokenUnusable(f"{path} can't be read") from None
    if len(token) < MIN_CHARACTERS:
        raise CustodianTokenUnusable(f"{path} holds no token")
    return token


def is_token(shown: str, known: str) -> bool:
    """Whether they are the same, in a time that tells nothing of where they differ."""
    return hmac.compare_digest(shown.encode("utf-8", "surrogateescape"), known.encode())
