"""Matching a live stream against a list: frames go in as they come, matches come out at once.

Guarantees: whatever is in sight for as long as `media.stream` promises to hand out a hash (under
2 s) is searched for, exactly, in the very call that brings its frame; so a match is reported within
2 s of the frame, unless the caller itself is later: `late_ms` says by how much. Memory is constant:
entries that were reported are remembered for `remind_ms`, and `MAX_REMEMBERED` at most.
Refuses: what the index refuses.
Limits: a match of one frame is a lead for a person, not a finding: `vpdq` compares whole videos.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from softfall.lists.entries import MATCH_RADIUS_BITS
from softfall.lists.index.hamming import HammingIndex, words
from softfall.media.stream import StreamHash, StreamHasher
from softfall.media.video_planes import Plane

REMIND_MS: Final = 10_000.0
MAX_REMEMBERED: Final = 10_000


@dataclass(frozen=True, slots=True)
class StreamMatch:
    """A listed entry in sight.

    shown_at_ms: the frame's time in the stream; late_ms: from its coming to this report. again:
    whether it was reported before and is in sight still, or once more.
    """

    entry_number: int
    distance_bits: int
    quality: int
    shown_at_ms: float
    late_ms: float
    again: bool


class StreamMatcher:
    """One stream, matched against one index."""

    def __init__(
        self,
        index: HammingIndex,
        clock_ms: Callable[[], float],
        hasher: StreamHasher | None = None,
        radius_bits: int = MATCH_RADIUS_BITS,
        remind_ms: float = REMIND_MS,
    ) -> None:
        """index: may be one that follows a list. clock_ms: tells the time when a search is done.

        hasher: sets pace and repeats; None: as usual.
        """
        self._index, self._clock_ms = index, clock_ms
        self._radius_bits, self._remind_ms = radius_bits, remind_ms
        self._reported_ms: dict[int, float] = {}
        self.hasher = hasher or StreamHasher()

    def push(self, plane: Plane, at_ms: float, came_ms: float) -> tuple[StreamMatch, ...]:
        """The next frame; what is to be reported now: new entries, and old ones' reminders.

        plane: its luminance; at_ms: when it is shown, never running back; came_ms: when it came, on
        the clock that was given.
        """
        frame = self.hasher.push(plane, at_ms)
        return () if frame is None else self._searched(frame, came_ms)

    def _searched(self, frame: StreamHash, came_ms: float) -> tuple[StreamMatch, ...]:
        found = self._index.search(words([frame.bits]), self._radius_bits)
        pairs = zip(found.entry_numbers.tolist(), found.distances_bits.tolist(), strict=True)
        late_ms, matches = self._clock_ms() - came_ms, []
        for number, bits in pairs:
            before_ms = self._reported_ms.get(number)
            if before_ms is not None and frame.at_ms - before_ms < self._remind_ms:
                continue
            again = self._reported_ms.pop(number, None) is not None
            self._reported_ms[number] = frame.at_ms
            matches.append(StreamMatch(number, bits, frame.quality, frame.at_ms, late_ms, again))
        self._forget(frame.at_ms)
        return tuple(matches)

    def _forget(self, at_ms: float) -> None:
        """The oldest come first: those too many, and those of which a reminder is long due."""
        for number in list(self._reported_ms):
            old = at_ms - self._reported_ms[number] >= 2 * self._remind_ms
            if not old and len(self._reported_ms) <= MAX_REMEMBERED:
                return
            del self._reported_ms[number]
