"""The baseline's device: it hands words and pictures to the provider, over TLS.

There is nothing for a recipient to check, and nothing for a patched sender to lie about: the
provider hashes the picture itself.
Limit, as everywhere: a colluding pair seals the file before it is sent, and unseals it after.
"""

import hashlib
import ssl
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import httpx
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from softfall.compare.baselines.in_transit.wire import INBOX, SENT
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


class InTransitDevice:
    """One account on one provider. authority: the certificate that its TLS must chain to."""

    def __init__(self, url: str, authority: Path, account: str) -> None:
        context = ssl.create_default_context(cafile=str(authority))
        self._http = httpx.Client(base_url=url, verify=context, timeout=TIMEOUT_SECONDS)
        token = self._ask("POST", "/v1/accounts", json={"account": account}).json()["token"]
        self._http.headers["authorization"] = f"Bearer {token}"
        self._after = 0

    def send(self, recipient: str, message_id: bytes, text: str, picture: bytes | None) -> None:
        """Hand one message to the provider. message_id: 16 bytes."""
        values = {
            "message_id": message_id,
            "recipient": recipient,
            "conversation": "two",
            "text": text,
            "picture": picture,
            "sent_at_ms": time.time_ns() // 1_000_000,
        }
        self._ask("POST", "/v1/messages", content=SENT.encode(values))

    def sync(self) -> list[Arrived]:
        """What has arrived since the last time, oldest first."""
        arrived: list[Arrived] = []
        while True:
            body = self._ask("GET", "/v1/mailbox", params={"after": self._after}).content
            deliveries = INBOX.decode(body)["deliveries"]
            assert isinstance(deliveries, list)
            if not deliveries:
                return arrived
            for values in deliveries:
                assert isinstance(values, dict)
                arrived.append(
                    Arrived(
                        values["message_id"], values["sender"], values["text"], values["picture"]
                    )
                )
                self._after = values["sequence"]
            self._ask("POST", "/v1/mailbox/ack", json={"through": self._after})

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def __enter__(self) -> "InTransitDevice":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _ask(self, method: str, path: str, **values: object) -> httpx.Response:
        try:
            response = self._http.request(method, path, **values)  # type: ignore[arg-type]
        except httpx.TransportError as error:
            raise BaselineUnreachable(f"{path}: {type(error).__name__}") from None
        if response.is_error:
            raise BaselineRefused(f"{path} answered {response.status_code}")
        return response


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
