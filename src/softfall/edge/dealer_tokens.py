"""The dealer's two tokens: which of its two parties is asking.

Guarantees: 256 random bits each, in a file that its owner alone can read (0600), made with the TLS
files and never overwritten. Nobody but the party itself, and the dealer, holds a party's token.
Why beside mutual TLS: the handshake shows that a caller belongs to the installation; the token says
which half of the dealt material is its own, and neither party may ever have both.
"""

import os
import secrets
from pathlib import Path
from typing import Final, Literal

from softfall.errors import OperatorError

PARTIES: Final = ("provider", "custodian")
MIN_TOKEN_CHARACTERS: Final = 32

DealerParty = Literal["provider", "custodian"]


class DealerTokenUnusable(OperatorError):
    """A token for the dealer is missing, unreadable, or too short to be one."""

    remedy = (
        "Run `softfall keys init`, or copy dealer-provider.token or dealer-custodian.token from "
        "where it was made into the tls_dir of the dealer and of that party."
    )


def token_file(tls_dir: Path, party: str) -> Path:
    """Where the token of `party` lies, at the dealer and at that party."""
    return tls_dir / f"dealer-{party}.token"


def make_tokens(tls_dir: Path) -> None:
    """Make both tokens. Raises FileExistsError where there is one already."""
    for party in PARTIES:
        descriptor = os.open(
            token_file(tls_dir, party), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600
        )
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(32) + "\n")


def read_token(tls_dir: Path, party: str) -> str:
    """The token of `party`. Raises DealerTokenUnusable."""
    path = token_file(tls_dir, party)
    try:
        token = path.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        raise DealerTokenUnusable(f"{path} can't be read") from None
    if len(token) < MIN_TOKEN_CHARACTERS:
        raise DealerTokenUnusable(f"{path} holds no token")
    return token
