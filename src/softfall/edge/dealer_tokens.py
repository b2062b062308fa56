"""The dealer's tokens: which of its parties is asking.

Guarantees: 256 random bits each, in a file that its owner alone can read (0600), made with the TLS
files and never overwritten. Nobody but the party itself, and the dealer, holds a party's token.
Why beside mutual TLS: the handshake shows that a caller belongs to the installation; the token says
which half of the dealt material is its own, and no party may ever have both.
"""

import os
import secrets
from pathlib import Path
from typing import Final, Literal

from softfall.errors import OperatorError

DealerParty = Literal["provider", "custodian", "keyholder"]
ConfirmParty = Literal["provider", "custodian"]
HomomorphicParty = Literal["provider", "keyholder"]

PARTIES: Final[tuple[DealerParty, ...]] = ("provider", "custodian", "keyholder")
LATER_PARTIES: Final = frozenset({"keyholder"})  # an older installation has no token of theirs
MIN_TOKEN_CHARACTERS: Final = 32


class DealerTokenUnusable(OperatorError):
    """A token for the dealer is missing, unreadable, or too short to be one."""

    remedy = (
        "Run `softfall keys init` (`softfall keys renew` where the keyholder's alone is missing), "
        "or copy the party's dealer-....token from where it was made into the tls_dir of the "
        "dealer and of that party."
    )


def token_file(tls_dir: Path, party: str) -> Path:
    """Where the token of `party` lies, at the dealer and at that party."""
    return tls_dir / f"dealer-{party}.token"


def make_tokens(tls_dir: Path) -> None:
    """Make all of them. Raises FileExistsError where there is one already."""
    for party in PARTIES:
        _make(token_file(tls_dir, party))


def make_missing_tokens(tls_dir: Path) -> None:
    """Make those that an older installation lacks."""
    for party in LATER_PARTIES:
        if not token_file(tls_dir, party).exists():
            _make(token_file(tls_dir, party))


def _make(path: Path) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
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


def read_tokens(tls_dir: Path) -> dict[DealerParty, str]:
    """The tokens of all parties, as the dealer reads them; a later party may have none yet.

    Raises DealerTokenUnusable.
    """
    return {
        party: read_token(tls_dir, party)
        for party in PARTIES
        if party not in LATER_PARTIES or token_file(tls_dir, party).exists()
    }
