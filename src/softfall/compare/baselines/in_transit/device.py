"""The baseline's device: it hands words and pictures to the provider, over TLS.

There is nothing for a recipient to check, and nothing for a patched sender to lie about: the
provider hashes the picture itself.
Limit, as everywhere: a colluding pair seals the file before it is sent, and unseals it after.
"""

import time
from pathlib import Path

from softfall.compare.baselines.client import Arrived, BaselineClient
from softfall.compare.baselines.in_transit.wire import INBOX, SENT


class InTransitDevice(BaselineClient):
    """One account on one provider. authority: the certificate that its TLS must chain to."""

    def __init__(self, url: str, authority: Path, account: str) -> None:
        super().__init__(url, authority)
        self.show(self.ask("POST", "/v1/accounts", json={"account": account}).json()["token"])
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
        self.ask("POST", "/v1/messages", content=SENT.encode(values))

    def sync(self) -> list[Arrived]:
        """What has arrived since the last time, oldest first."""
        arrived: list[Arrived] = []
        while True:
            body = self.ask("GET", "/v1/mailbox", params={"after": self._after}).content
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
            self.ask("POST", "/v1/mailbox/ack", json={"through": self._after})
