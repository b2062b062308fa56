"""What comes from the provider: the mailbox read to its end, acknowledged, and notices with it.

Guarantees: what is acknowledged is kept here; the mailbox's own order is checked. What a blocked
contact sends is handled like anybody's, and not told.
"""

import itertools
from typing import Any

from softfall.device.contacts import Contacts
from softfall.device.incoming import Incoming
from softfall.device.kit import Kit
from softfall.device.notices import Notices
from softfall.device.outcomes import Arrival, Quarantined, Refused, Shown, Waiting
from softfall.device.transport import BadServiceReply
from softfall.messaging.envelope import MAILBOX
from softfall.messaging.session.olm import PREKEY
from softfall.wire import MalformedMessage


class Mailroom:
    """One device's intake. check_keys: whether one-time keys may have been used up."""

    def __init__(self, kit: Kit, incoming: Incoming, contacts: Contacts, notices: Notices) -> None:
        self._kit = kit
        self._incoming = incoming
        self._contacts = contacts
        self._notices = notices
        self.check_keys = True

    def take_in(self, arrivals: list[Arrival], wait_seconds: float) -> None:
        """Everything that waits, added to `arrivals` as it is kept. Raises what the way raises."""
        shelf = self._incoming.shelf
        self._acknowledge()
        news = 0
        while True:
            with self._kit.store.transaction():
                through, _ = shelf.cursor
            deliveries, news = _opened(self._kit.transport.mailbox(through, wait_seconds), through)
            wait_seconds = 0.0
            for delivery in deliveries:
                self.check_keys |= delivery["payload"]["kind"] == PREKEY
                self._tell(arrivals, self._incoming.receive(delivery))
            if not deliveries:
                break
            self._acknowledge()
        for arrival in self._incoming.retry_waiting():
            self._tell(arrivals, arrival)
        if news:
            arrivals += self._notices.fetch()

    def _tell(self, arrivals: list[Arrival], arrival: Arrival | None) -> None:
        if isinstance(arrival, Shown | Quarantined | Refused | Waiting):
            with self._kit.store.transaction():
                hidden = self._contacts.is_blocked(arrival.sender)
            arrivals += [] if hidden else [arrival]

    def _acknowledge(self) -> None:
        shelf = self._incoming.shelf
        with self._kit.store.transaction():
            through, acknowledged = shelf.cursor
        if through > acknowledged:
            self._kit.transport.acknowledge(through)
            with self._kit.store.transaction():
                shelf.acknowledged(through)


def _opened(body: bytes, through: int) -> tuple[list[dict[str, Any]], int]:
    """A mailbox's deliveries, and how many notices wait. Raises BadServiceReply."""
    try:
        values: dict[str, Any] = MAILBOX.decode(body)
    except MalformedMessage as error:
        raise BadServiceReply(f"the mailbox is not in its form: {error.what}") from None
    deliveries: list[dict[str, Any]] = values["deliveries"]
    sequences = [through, *(delivery["sequence"] for delivery in deliveries)]
    if any(a >= b for a, b in itertools.pairwise(sequences)):
        raise BadServiceReply("the mailbox is not in order")
    return deliveries, int(values["notices"])
