"""What the devices of all baselines share: the line to a provider, an arrived message, a seal.

Refuses by name: a provider that does not take a request, and one that can't be reached.
"""

import hashlib
import ssl
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from softfall.errors import PeerError, UnavailableError

TIMEOUT_SECONDS = 30.0
NONCE_BYTES = 12


class BaselineRefused(PeerError):
    """The baseline's provider did not take a request."""

    remedy = "Read its answer; the baseline is for comparison only."


class BaselineUnreachable(UnavailableError):
    """The baseline's provider can't be reached."""

    remedy = "See whether its process still runs."


@dataclass(frozen=True, slots=True)
class Arrived:
    """One message that arrived. picture: the file's bytes, or None for text alone."""

    message_id: bytes
    sender: str
    text: str
    picture: bytes | None


class BaselineClient:
    """One account's line to a baseline's provider. authority: what its TLS must chain to."""

    def __init__(self, url: str, authority: Path) -> None:
        context = ssl.create_default_context(cafile=str(authority))
        self._http = httpx.Client(base_url=url, verify=context, timeout=TIMEOUT_SECONDS)

    def show(self, token: str) -> None:
        """Show this token with every request from now on."""
        self._http.headers["authorization"] = f"Bearer {token}"

    def ask(self, method: str, path: str, **values: object) -> httpx.Response:
        """One answer. Raises BaselineUnreachable, BaselineRefused."""
        try:
            response = self._http.request(method, path, **values)  # type: ignore[arg-type]
        except httpx.TransportError as error:
            raise BaselineUnreachable(f"{path}: {type(error).__name__}") from None
        if response.is_error:
            raise BaselineRefused(f"{path} answered {response.status_code}")
        return response

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class SharedSeal:
    """What two colluding people agree on beforehand: a password, and to seal files with it."""

    def __init__(self, password: str) -> None:
        self._cipher = AESGCM(hashlib.sha256(password.encode()).digest())

    def seal(self, picture: bytes, message_id: bytes) -> bytes:
        """The file as the provider gets to see it."""
        return self._cipher.encrypt(message_id[:NONCE_BYTES], picture, None)

    def unseal(self, sealed: bytes, message_id: bytes) -> bytes:
        """The file again."""
        return self._cipher.decrypt(message_id[:NONCE_BYTES], sealed, None)
