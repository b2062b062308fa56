"""Lanes: envelopes that wait for the judge, each until it is due, one thread a lane.

Guarantees: an envelope of a lane is worked on by nobody else; those that are due at once go
together, up to `at_most`; what a lane still holds when it stops is on disk as `received`, and taken
up at the next start.
"""

import heapq
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from softfall.provider.life import Actor


@dataclass(order=True, frozen=True, slots=True)
class Due:
    """One envelope to work on: when (monotonic seconds), which attempt, and on whose account."""

    at: float
    envelope: int
    attempt: int
    who: Actor


Work = Callable[[Sequence[Due]], Sequence[Due]]


class Lane:
    """Envelopes of one sort, judged one lot after the other, each envelope when it is due.

    work: judges a lot; what is to be done again, and when. at_most: envelopes in a lot.
    """

    def __init__(self, name: str, work: Work, at_most: int = 1) -> None:
        self._work = work
        self._at_most = at_most
        self._heap: list[Due] = []
        self._ready = threading.Condition()
        self._current: Sequence[Due] = ()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def put(self, due: Due) -> None:
        """Work on this when it is due."""
        with self._ready:
            heapq.heappush(self._heap, due)
            self._ready.notify_all()

    def stop(self) -> None:
        """Finish what is being worked on; leave the rest for the next start."""
        with self._ready:
            self._stopping = True
            self._ready.notify_all()
        if self._thread.is_alive():
            self._thread.join()

    def waiting(self) -> int:
        """How many are in the lane."""
        with self._ready:
            return len(self._heap) + len(self._current)

    def envelopes(self) -> set[int]:
        """Which are in the lane, those that are being worked on among them."""
        with self._ready:
            return {due.envelope for due in (*self._heap, *self._current)}

    def settle(self, timeout_seconds: float) -> bool:
        """Wait until the lane is empty: is it?"""
        with self._ready:
            return self._ready.wait_for(
                lambda: not self._heap and not self._current, timeout_seconds
            )

    def _run(self) -> None:
        while lot := self._next():
            again = self._work(lot)
            with self._ready:
                for due in again:
                    heapq.heappush(self._heap, due)
                self._current = ()
                self._ready.notify_all()

    def _next(self) -> Sequence[Due]:
        """All that is due, up to `at_most`, once something is; nothing at the end."""
        with self._ready:
            while not self._stopping:
                now = time.monotonic()
                lot: list[Due] = []
                while self._heap and self._heap[0].at <= now and len(lot) < self._at_most:
                    lot.append(heapq.heappop(self._heap))
                if lot:
                    self._current = lot
                    return lot
                self._ready.wait(self._heap[0].at - now if self._heap else None)
        return ()
