"""A live stream's hashes: frames as they come, hashed at a stated pace, repeats dropped.

Guarantees: memory is constant, however long the stream runs; no clock is read (times come with the
frames). A picture that stays, or comes back, within `repeat_bits` of the last one handed out is
dropped, but never for longer than `heartbeat_ms`. So of whatever stays in sight for `period_ms` a
frame is hashed, and for `period_ms` + `heartbeat_ms` a hash is handed out: under 2 s, as set here.
The comparison is with the last hash handed out, so that slow change can't creep past.
Refuses: planes that are not (H, W) uint8, as NotPixels. Frames without a dependable hash are
counted, and handed out as nothing.
Limits: what is in sight for less than `period_ms` may fall between two hashed frames. What differs
by `repeat_bits` or less from what was handed out may be within the match radius where that was not;
it is searched for at the next heartbeat.
"""

from dataclasses import dataclass
from typing import Final

from softfall.media.pdq import PdqHash
from softfall.media.video_planes import Plane, plane_pdq

PERIOD_MS: Final = 500.0
HEARTBEAT_MS: Final = 1250.0
REPEAT_BITS: Final = 4
BEHIND_MS: Final = 1000.0
CAUGHT_UP_MS: Final = 250.0


@dataclass(frozen=True, slots=True)
class StreamHash:
    """A hash to search for: 32 bytes, quality 50 to 100, and when its frame is shown."""

    at_ms: float
    bits: bytes
    quality: int


@dataclass(frozen=True, slots=True)
class Seen:
    """Counts so far, in frames: all that came, and of these the hashed, unhashable, repeats."""

    frames: int
    hashed: int
    unhashable: int
    repeats: int


class StreamHasher:
    """Turns frames, in the order of showing, into hashes."""

    def __init__(
        self,
        period_ms: float = PERIOD_MS,
        heartbeat_ms: float = HEARTBEAT_MS,
        repeat_bits: int = REPEAT_BITS,
    ) -> None:
        """period_ms: 0 where the caller chooses the frames. repeat_bits: -1 drops nothing."""
        self._period_ms, self._heartbeat_ms = period_ms, heartbeat_ms
        self._repeat_bits = repeat_bits
        self._due_ms: float | None = None
        self._last: StreamHash | None = None
        self._frames = self._hashed = self._unhashable = self._repeats = 0

    @property
    def seen(self) -> Seen:
        """What came so far."""
        return Seen(self._frames, self._hashed, self._unhashable, self._repeats)

    def push(self, plane: Plane, at_ms: float) -> StreamHash | None:
        """The next frame. The hash to search for; None if it is not due, repeated or unhashable.

        plane: its luminance; at_ms: when it is shown, on any clock that never runs back.
        """
        self._frames += 1
        if not self._is_due(at_ms):
            return None
        found = plane_pdq(plane)
        if not isinstance(found, PdqHash):
            self._unhashable += 1
            return None
        self._hashed += 1
        frame = StreamHash(at_ms, found.bits, found.quality)
        if self._repeats_last(frame):
            self._repeats += 1
            return None
        self._last = frame
        return frame

    def _is_due(self, at_ms: float) -> bool:
        """On the grid of the first frame, so that a late one delays none but itself."""
        if self._due_ms is None or at_ms - self._due_ms >= self._period_ms:
            self._due_ms = at_ms + self._period_ms
            return True
        if at_ms < self._due_ms:
            return False
        self._due_ms += self._period_ms
        return True

    def _repeats_last(self, frame: StreamHash) -> bool:
        last = self._last
        if last is None or frame.at_ms - last.at_ms >= self._heartbeat_ms:
            return False
        apart = int.from_bytes(last.bits, "big") ^ int.from_bytes(frame.bits, "big")
        return apart.bit_count() <= self._repeat_bits


class Lag:
    """How far the reading of a live stream falls behind, and when it must pass frames over.

    The stream's clock and the reader's are compared with where they stood when it was least behind,
    or last had to wait for the stream: who waits is not behind, however long the stream paused. A
    stream that comes faster than it plays is never behind.
    """

    def __init__(self) -> None:
        self._least_ms: float | None = None
        self.behind_ms = 0.0
        self.catching_up = False

    def at(self, shown_ms: float, now_ms: float, waited: bool = False) -> bool:
        """A frame of the stream's `shown_ms` is reached at `now_ms`: whether to catch up.

        waited: whether there was nothing to read at some time since the last call.
        """
        apart_ms = now_ms - shown_ms
        if self._least_ms is None or waited:
            self._least_ms = apart_ms
        self._least_ms = min(self._least_ms, apart_ms)
        self.behind_ms = apart_ms - self._least_ms
        self.catching_up = self.behind_ms > (CAUGHT_UP_MS if self.catching_up else BEHIND_MS)
        return self.catching_up
