"""Received messages at rest: what was shown or quarantined, what waits, what was handled, how far.

Guarantees: an envelope of one sender is handled once, however often it is delivered; reading goes
on where the last process stopped; what a report needs is kept with each message.
Every call belongs inside the store's transaction.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from softfall.device.records import CURSOR, RECEIVED, SENDERS, WAITING
from softfall.device.store import SealedStore
from softfall.messaging.envelope import DELIVERY
from softfall.messaging.franking import Receipt
from softfall.messaging.session.cells import KeyPart
from softfall.wire import Value

MAX_WAITING = 200
MAX_WAITING_OF_ONE = 20  # so that no one sender can crowd out the others
MAX_SENDERS = 1000

_MESSAGES = "messages"
_PICTURES = "pictures"
_HANDLED = "handled"
_WAITING = "waiting"
_WAITING_FILES = "waiting files"
_CURSOR = "cursor"

Key = tuple[KeyPart, ...]


class Shelf:
    """The messages that one device has received."""

    def __init__(self, store: SealedStore) -> None:
        self._store = store

    def is_handled(self, receipt: Receipt) -> bool:
        """Whether this sender's envelope of this id was handled before."""
        return receipt.sender in self.senders(receipt.envelope_id)

    def mark_handled(self, receipt: Receipt) -> None:
        """Handle it never again."""
        senders = [*self.senders(receipt.envelope_id), receipt.sender][-MAX_SENDERS:]
        self._store.put(
            _HANDLED, receipt.envelope_id, value=SENDERS.encode({"senders": list(senders)})
        )

    def senders(self, envelope_id: bytes) -> list[str]:
        """Who has sent an envelope under this id (more than one only if someone cheats)."""
        body = self._store.get(_HANDLED, envelope_id)
        if body is None:
            return []
        values: dict[str, Any] = SENDERS.decode(body)
        return list(values["senders"])

    def keep(
        self,
        receipt: Receipt,
        inner: Mapping[str, Any],
        members: Sequence[str],
        reason: str,
        checked: str,
        picture: bytes | None,
    ) -> None:
        """Keep a message with all that a report of it needs."""
        key = (receipt.envelope_id, receipt.sender)
        values: dict[str, Value] = {
            "reason": reason[:160],
            "checked": checked,
            "content": inner["content"],
            "franking_key": inner["franking_key"],
            "opening": inner["opening"],
            "manifest": inner["manifest"],
            "receipt": receipt.values(),
            "members": list(members),
        }
        self._store.put(_MESSAGES, *key, value=RECEIVED.encode(values))
        if picture is not None:
            self._store.put(_PICTURES, *key, value=picture)

    def message(self, envelope_id: bytes, sender: str) -> dict[str, Any] | None:
        """The values of one kept message, or None."""
        body = self._store.get(_MESSAGES, envelope_id, sender)
        return None if body is None else dict(RECEIVED.decode(body))

    def messages(self) -> list[dict[str, Any]]:
        """Every kept message, in order of arrival."""
        return [dict(RECEIVED.decode(body)) for _, body in self._store.items(_MESSAGES)]

    def picture(self, envelope_id: bytes, sender: str) -> bytes | None:
        """The picture of a kept message, if it has one and it was unsealed."""
        return self._store.get(_PICTURES, envelope_id, sender)

    def keep_waiting(self, delivery: Mapping[str, Any], file: bytes | None, reason: str) -> bool:
        """Keep a delivery sealed; False where too many wait already, in all or of its sender."""
        receipt = Receipt.from_values(delivery["receipt"])
        senders = [sender for _, sender in self.waiting_keys()]
        if len(senders) >= MAX_WAITING or senders.count(receipt.sender) >= MAX_WAITING_OF_ONE:
            return False
        values: dict[str, Value] = {"delivery": DELIVERY.encode(delivery), "reason": reason}
        key = (receipt.envelope_id, receipt.sender)
        self._store.put(_WAITING, *key, value=WAITING.encode(values))
        if file is not None:
            self._store.put(_WAITING_FILES, *key, value=file)
        return True

    def waiting_keys(self) -> list[Key]:
        """Which deliveries wait (envelope id, sender), oldest first."""
        return [key for key, _ in self._store.items(_WAITING)]

    def waiting(self, key: Key) -> tuple[dict[str, Any], bytes | None]:
        """A waiting delivery and its encrypted file."""
        body = self._store.get(_WAITING, *key)
        assert body is not None, "keys come from waiting_keys"
        values: dict[str, Any] = WAITING.decode(body)
        delivery: dict[str, Any] = DELIVERY.decode(values["delivery"])
        return delivery, self._store.get(_WAITING_FILES, *key)

    def stop_waiting(self, key: Key) -> None:
        """It has been handled."""
        self._store.delete(_WAITING, *key)
        self._store.delete(_WAITING_FILES, *key)

    @property
    def cursor(self) -> tuple[int, int]:
        """(through which sequence all is kept here, through which the provider knows it)."""
        body = self._store.get(_CURSOR)
        if body is None:
            return 0, 0
        values: dict[str, Any] = CURSOR.decode(body)
        return values["through"], values["acknowledged"]

    def advance(self, through: int) -> None:
        """All up to this sequence is kept here."""
        self._put_cursor(through, self.cursor[1])

    def acknowledged(self, through: int) -> None:
        """The provider knows it."""
        self._put_cursor(self.cursor[0], through)

    def _put_cursor(self, through: int, acknowledged: int) -> None:
        values: dict[str, Value] = {"through": through, "acknowledged": acknowledged}
        self._store.put(_CURSOR, value=CURSOR.encode(values))
