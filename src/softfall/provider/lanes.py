"""Lanes: envelopes that wait for the judge, each until it is due, one thread a lane.

Guarantees: one envelope of a lane is worked on at a time; what a lane still holds when it stops is
on disk as `received`, and taken up at the next start.
"""

import heapq
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from softfall.provider.life import Actor


@dataclass(order=True, frozen=True, slots=True)
class Due:
    """One envelope to work on: when (monotonic seconds), which attempt, and on whose account."""

    at: float
    envelope: int
    attempt: int
    who: Actor


class Lane:
    """Envelopes of one sort, judged one after the other, each when it is due."""

    def __init__(self, name: str, work: Callable[[Due], Due | None]) -> None:
        self._work = work
        self._heap: list[Due] = []
        self._ready = threading.Condition()
        self._current: Due | None = None
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
            return len(self._heap) + (self._current is not None)

    def envelopes(self) -> set[int]:
        """Which are in the lane, the one that is being worked on among them."""
        with self._ready:
            here = self._heap if self._current is None else [*self._heap, self._current]
            return {due.envelope for due in here}

    def settle(self, timeout_seconds: float) -> bool:
        """Wait until the lane is empty: is it?"""
        with self._ready:
            return self._ready.wait_for(
                lambda: not self._heap and not self._current, timeout_seconds
            )

    def _run(self) -> None:
        while (due := self._next()) is not None:
            again = self._work(due)
            with self._ready:
                if again is not None:
                    heapq.heappush(self._heap, again)
                self._current = None
                self._ready.notify_all()

    def _next(self) -> Due | None:
        with self._ready:
            while not self._stopping:
                now = time.monotonic()
                if self._heap and self._heap[0].at <= now:
                    self._current = heapq.heappop(self._heap)
                    return self._current
                self._ready.wait(self._heap[0].at - now if self._heap else None)
        return None
