"""Contacts that this device's person has blocked.

Guarantees: what a blocked contact sends is received, checked and kept as any message is, so that it
can be reported, but it is not shown; nothing that leaves this device differs, so the contact learns
nothing. It survives a restart, and is undone by `unblock`: what was kept is then shown as history.
Every call belongs inside the store's transaction.
"""

from softfall.device.records import BLOCKED
from softfall.device.store import SealedStore

_DRAWER = "blocked contacts"


class Contacts:
    """The blocked contacts of one device."""

    def __init__(self, store: SealedStore) -> None:
        self._store = store

    def block(self, account: str, now_ms: int) -> None:
        """Show nothing of this account any more; harmless where it is blocked."""
        if not self.is_blocked(account):
            self._store.put(_DRAWER, account, value=BLOCKED.encode({"since_ms": now_ms}))

    def unblock(self, account: str) -> None:
        """Show this account's messages again; harmless where it is not blocked."""
        self._store.delete(_DRAWER, account)

    def is_blocked(self, account: str) -> bool:
        """Whether its messages are kept from sight."""
        return self._store.get(_DRAWER, account) is not None

    def blocked(self) -> list[str]:
        """Who is blocked, in the order in which they were."""
        return [str(key[0]) for key, _ in self._store.items(_DRAWER)]
