"""The token by which the provider shows the console's service that it is the provider.

Guarantees: 256 random bits in a file that its owner alone can read (0600), made with the TLS files
and never overwritten. Both sides read the same file; the console compares it in constant time.
Leaves to the operator: copying it to the other machine where the two services run apart.
"""

import os
import secrets
from pathlib import Path
from typing import Final

from softfall.errors import OperatorError

MIN_CHARACTERS: Final = 32


class ConsoleTokenUnusable(OperatorError):
    """The token between provider and console is missing, unreadable, or too short to be one."""

    remedy = (
        "Run `softfall keys init` (or `softfall keys renew`, which makes what is missing), or copy "
        "console-provider.token from where it was made into the tls_dir of provider and console."
    )


def console_token_file(tls_dir: Path) -> Path:
    """Where the token lies, at the provider and at the console."""
    return tls_dir / "console-provider.token"


def make_console_token(tls_dir: Path) -> None:
    """Make the token. Raises FileExistsError where there is one already."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    descriptor = os.open(console_token_file(tls_dir), flags, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_urlsafe(32) + "\n")


def read_console_token(tls_dir: Path) -> str:
    """The token. Raises ConsoleTokenUnusable."""
    path = console_token_file(tls_dir)
    try:
        token = path.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        raise ConsoleTokenUnusable(f"{path} can't be read") from None
    if len(token) < MIN_CHARACTERS:
        raise ConsoleTokenUnusable(f"{path} holds no token")
    return token
