"""Waking those who wait for their mailbox, from whatever thread filled it.

Guarantees: who starts to wait before a ring is woken by it. A missed ring only costs time: waiting
is bounded, and the mailbox is read again after it.
"""

import asyncio
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager


class Bell:
    """One bell per account."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[int, set[Waiter]] = {}

    @contextmanager
    def listen(self, account: int) -> Iterator["Waiter"]:
        """Hear this account's rings from now on; for a coroutine."""
        waiter = Waiter()
        with self._lock:
            self._waiting.setdefault(account, set()).add(waiter)
        try:
            yield waiter
        finally:
            with self._lock:
                others = self._waiting[account]
                others.discard(waiter)
                if not others:
                    del self._waiting[account]

    @property
    def is_heard(self) -> bool:
        """Whether anybody listens."""
        with self._lock:
            return bool(self._waiting)

    def ring_all(self) -> None:
        """Wake everybody who listens; from any thread."""
        with self._lock:
            accounts = list(self._waiting)
        self.ring(accounts)

    def ring(self, accounts: Iterable[int]) -> None:
        """Wake everybody who listens for these accounts; from any thread."""
        with self._lock:
            woken = [waiter for account in accounts for waiter in self._waiting.get(account, ())]
        for waiter in woken:
            waiter.wake()


class Waiter:
    """One coroutine that waits; made and used inside its event loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._event = asyncio.Event()

    def wake(self) -> None:
        """End the wait, or the next one; from any thread."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._event.set)

    async def wait(self, seconds: float) -> bool:
        """Until the next ring or `seconds`: was there one?"""
        try:
            async with asyncio.timeout(seconds):
                await self._event.wait()
        except TimeoutError:
            return False
        self._event.clear()
        return True
