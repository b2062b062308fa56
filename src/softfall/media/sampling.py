"""Which frames of a video are hashed, when each was shown, and how much of it they cover.

Guarantees: on a constant frame rate the frames are vpdq's: every one whose number is a multiple of
`int(period x frame rate)`. On a variable one, or where a file states a wrong rate, time stamps
correct the count: hashed frames lie at least half a period apart and, wherever the video has a
frame, at most one and a half. Times never run backwards. Memory is constant.
Refuses: nothing. All of it is arithmetic on what the caller saw.
Source: vpdq's `frameNumber % static_cast<int>(secondsPerHash * frameRate)` (facebook/
ThreatExchange, vpdq 0.2.5, filehasher.cpp).
"""

import heapq
from typing import Final

LONGEST_PERIODS: Final = 1.5
SHORTEST_PERIODS: Final = 0.5
_MOST_WAITING: Final = 4096  # frames from one that is decoded to the next


class Sampler:
    """Says of each frame, in the order of showing, whether it is to be hashed."""

    def __init__(self, period_ms: float, frame_rate: float | None) -> None:
        """frame_rate: frames a second as the file states them; None where it does not."""
        self._period_ms = period_ms
        self.every = max(1, int(period_ms / 1000 * frame_rate)) if frame_rate else 1
        self._last_ms: float | None = None

    def due(self, number: int, at_ms: float) -> bool:
        """Whether frame `number`, from 0, shown at `at_ms`, is hashed; True starts a new period."""
        if not self._is_due(number, at_ms):
            return False
        self._last_ms = at_ms
        return True

    def may_be_due(self, number: int, at_ms: float, frame_ms: float) -> bool:
        """False only where a frame about here is surely not hashed; nothing is decided by it."""
        if number % self.every == 0 or self._last_ms is None:
            return True
        return at_ms - self._last_ms >= LONGEST_PERIODS * self._period_ms - 2 * frame_ms

    def _is_due(self, number: int, at_ms: float) -> bool:
        if self._last_ms is None:
            return True
        since_ms = at_ms - self._last_ms
        if since_ms < SHORTEST_PERIODS * self._period_ms:
            return False
        return number % self.every == 0 or since_ms >= LONGEST_PERIODS * self._period_ms


class Times:
    """Milliseconds since the first frame, whatever the time stamps do.

    A missing stamp, or one that steps back (a stream that was joined or restarted), counts as one
    frame after the last.
    """

    def __init__(self, frame_ms: float) -> None:
        self._frame_ms = frame_ms
        self._shift_ms: float | None = None
        self._last_ms = -frame_ms

    def at(self, stamp_ms: float | None) -> float:
        """When the next frame, in the order of showing, is shown."""
        expected_ms = self._last_ms + self._frame_ms
        if stamp_ms is None:
            self._last_ms = expected_ms
        else:
            if self._shift_ms is None or stamp_ms + self._shift_ms < self._last_ms:
                self._shift_ms = expected_ms - stamp_ms
            self._last_ms = stamp_ms + self._shift_ms
        return self._last_ms

    def foreseen(self, stamp_ms: float | None) -> float | None:
        """When a frame of a later stamp will be shown, if nothing breaks; None where unknown."""
        if stamp_ms is None or self._shift_ms is None:
            return None
        at_ms = stamp_ms + self._shift_ms
        return at_ms if at_ms >= self._last_ms else None


class Count:
    """Numbers frames in the order of showing, though some are passed over undecoded.

    Stamps of what was sent to the decoder wait here; what comes out takes all up to its own along.
    Where packets bear no stamps, what comes out is counted, and nothing may be passed over.
    """

    def __init__(self) -> None:
        self._waiting: list[float] = []
        self.passed = 0
        self.reliable = True

    def sent(self, stamp_ms: float | None) -> None:
        """A packet goes to the decoder, which may or may not make a frame of it."""
        if stamp_ms is None:
            self.reliable = False
            self._waiting.clear()
        elif self.reliable:
            heapq.heappush(self._waiting, stamp_ms)
            if len(self._waiting) > _MOST_WAITING:
                self._pass()

    def shown(self, stamp_ms: float | None) -> tuple[int, list[float]]:
        """A frame comes out: its number, from 0, and the stamps of those before it that did not."""
        before, missing = self.passed, []
        while stamp_ms is not None and self._waiting and self._waiting[0] <= stamp_ms:
            missing.append(self._pass())
        self.passed = max(self.passed, before + 1)
        return self.passed - 1, missing[:-1]

    def rest(self) -> list[float]:
        """At the end: the stamps of what never came out; it is counted."""
        missing = sorted(self._waiting)
        self.passed += len(missing)
        self._waiting.clear()
        return missing

    def _pass(self) -> float:
        self.passed += 1
        return heapq.heappop(self._waiting)


class Coverage:
    """The share of a video's time that hashed frames stand for.

    A hashed frame stands for itself, as long as it is shown, and for every other frame that starts
    less than one and a half periods after it, up to the next hashed one.
    """

    def __init__(self, period_ms: float) -> None:
        self._longest_ms = LONGEST_PERIODS * period_ms
        self._last_ms: float | None = None
        self._late_ms: float | None = None
        self._uncovered_ms = self._gap_ms = 0.0
        self.end_ms = 0.0

    def seen(self, at_ms: float, from_ms: float | None = None) -> None:
        """A frame was there and was not hashed: passed over, or damaged.

        from_ms: of many, when the first was shown, and `at_ms` is the last one's.
        """
        limit_ms = 0.0 if self._last_ms is None else self._last_ms + self._longest_ms
        if self._late_ms is None and at_ms >= limit_ms:
            self._late_ms = max(limit_ms, at_ms if from_ms is None else from_ms)
        self.end_ms = max(self.end_ms, at_ms)

    def hashed(self, at_ms: float) -> None:
        """A frame was hashed, or found unhashable: it was looked at."""
        self.end_ms = max(self.end_ms, at_ms)
        self._close()
        self._last_ms = at_ms

    def share(self) -> float:
        """From 0 to 1, of the time up to the last frame."""
        if self._last_ms is None:
            return 0.0
        self._close()
        return 1.0 - self._uncovered_ms / self.end_ms if self.end_ms > 0 else 1.0

    def longest_gap_ms(self) -> float:
        """The longest time from one hashed frame to the next or to the end, whatever the cause."""
        return max(self._gap_ms, self.end_ms - (self._last_ms or 0.0))

    def _close(self) -> None:
        self._gap_ms = self.longest_gap_ms()
        if self._late_ms is not None:
            self._uncovered_ms += self.end_ms - self._late_ms
            self._late_ms = None
