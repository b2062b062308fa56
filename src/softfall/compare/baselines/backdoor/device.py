"""The back door's device: it encrypts to the recipient, and hands the provider each key, sealed.

A patched app escrows another key than the message's own, and nobody notices until an investigation
fails to open the message: the provider can't check it, and the recipient never sees it.
Limit, as everywhere: a colluding pair seals the file before it is sent, and unseals it after.
"""

import time
from pathlib import Path

from softfall.compare.baselines.backdoor.sealing import (
    Content,
    NotThisKey,
    new_secret,
    open_as_recipient,
    seal,
)
from softfall.compare.baselines.backdoor.wire import INBOX, PUBLIC_KEY, REGISTRATION, SENT
from softfall.compare.baselines.client import Arrived, BaselineClient
from softfall.crypto import hpke
from softfall.crypto.hpke import NotSealedToThis
from softfall.wire import Value


class BackdoorDevice(BaselineClient):
    """One account on one provider. authority: the certificate that its TLS must chain to."""

    def __init__(self, url: str, authority: Path, account: str) -> None:
        super().__init__(url, authority)
        self._secret = new_secret()
        body = REGISTRATION.encode({"account": account, "public_key": hpke.public_of(self._secret)})
        self.show(self.ask("POST", "/v1/accounts", content=body).json()["token"])
        self._escrow = self._public_key("/v1/escrow")
        self._known: dict[str, bytes] = {}
        self._after = 0

    def send(
        self,
        recipient: str,
        message_id: bytes,
        text: str,
        picture: bytes | None,
        *,
        lie: bool = False,
    ) -> None:
        """Hand one message to the provider. message_id: 16 bytes. lie: escrow another key."""
        if recipient not in self._known:
            self._known[recipient] = self._public_key(f"/v1/accounts/{recipient}/key")
        sealed = seal(Content(text, picture), self._known[recipient], self._escrow, lie=lie)
        values: dict[str, Value] = {
            "message_id": message_id,
            "recipient": recipient,
            "conversation": "two",
            "body": sealed.body,
            "wrap": sealed.wrap,
            "escrow": sealed.escrow,
            "sent_at_ms": time.time_ns() // 1_000_000,
        }
        self.ask("POST", "/v1/messages", content=SENT.encode(values))

    def sync(self) -> list[Arrived]:
        """What has arrived since the last time and opens, oldest first."""
        arrived: list[Arrived] = []
        while True:
            body = self.ask("GET", "/v1/mailbox", params={"after": self._after}).content
            deliveries = INBOX.decode(body)["deliveries"]
            assert isinstance(deliveries, list)
            if not deliveries:
                return arrived
            for values in deliveries:
                assert isinstance(values, dict)
                self._after = values["sequence"]
                try:
                    said = open_as_recipient(values["body"], values["wrap"], self._secret)
                except (NotSealedToThis, NotThisKey):
                    continue  # nothing that could be shown
                arrived.append(
                    Arrived(values["message_id"], values["sender"], said.text, said.picture)
                )

    def _public_key(self, path: str) -> bytes:
        key = PUBLIC_KEY.decode(self.ask("GET", path).content)["public_key"]
        assert isinstance(key, bytes)
        return key
