"""A video's hashes: the PDQ hash of about one frame a second, as vPDQ has them.

Guarantees: which frames are hashed, at what rate, what they cover, and what was damaged stand in
every result; a frame without a dependable hash is named with its reason. `read` is constant in
memory; `hash_video` keeps 32 bytes and a little more for each hashed frame.
Refuses: what `video_reading` refuses.
Limits: hashes are of `fast` mode, from luminance. vPDQ compares frames and nothing else: neither
sound nor order. What one hashed frame a second misses between two of them is missed.
Source: vPDQ (facebook/ThreatExchange, vpdq); `sampling` for the choice of frames.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from softfall.config import MediaLimits
from softfall.media.pdq import PdqHash
from softfall.media.video_planes import plane_of, plane_pdq
from softfall.media.video_reading import (
    DEFAULT_PERIOD_MS,
    Reading,
    Track,
    VideoMode,
    open_video,
)


@dataclass(frozen=True, slots=True)
class FrameHash:
    """A frame's PDQ hash: 32 bytes, quality 50 to 100.

    number: its place among all frames, from 0; at_ms: when it is shown, from the first frame on.
    """

    number: int
    at_ms: float
    bits: bytes
    quality: int

    @property
    def hex(self) -> str:
        """The 64 lower-case hex digits that lists and other tools exchange."""
        return self.bits.hex()


@dataclass(frozen=True, slots=True)
class FrameUnhashable:
    """A frame without a dependable hash, and why; see `pdq.Unhashable`."""

    number: int
    at_ms: float
    reason: str
    quality: int


Frame = FrameHash | FrameUnhashable


@dataclass(frozen=True, slots=True)
class VideoHashes:
    """What was found in a video.

    frames, unhashable: the frames that were taken, in the order of showing. period_ms: time from
    one to the next that was asked for. duration_ms: from the first frame to the end of the last.
    coverage: 0 to 1, the share of that time, or of what a cut file promised, that the frames stand
    for (`sampling.Coverage`). longest_gap_ms: the longest time from one taken frame to the next,
    for whatever reason: a frame that lasts, or a part that is lost without a trace.
    damage: sentences, none for a sound file.
    """

    track: Track
    mode: VideoMode
    period_ms: float
    frames: tuple[FrameHash, ...] = field(repr=False)
    unhashable: tuple[FrameUnhashable, ...] = field(repr=False)
    frames_seen: int
    duration_ms: float
    coverage: float
    longest_gap_ms: float
    damage: tuple[str, ...]


def hash_video(
    stream: BinaryIO,
    limits: MediaLimits,
    *,
    period_ms: float = DEFAULT_PERIOD_MS,
    mode: VideoMode = "all",
) -> VideoHashes:
    """The hashes of a whole video. stream: an open file, which may be sought in.

    mode: "keyframes" decodes key frames alone: quicker, and the coverage says what is missed.
    Raises UnsupportedVideo, NoVideoTrack, BrokenVideo or VideoTooLarge.
    """
    with open_video(stream, limits, period_ms=period_ms, mode=mode) as reading:
        found = list(read(reading))
        return VideoHashes(
            track=reading.track,
            mode=mode,
            period_ms=period_ms,
            frames=tuple(frame for frame in found if isinstance(frame, FrameHash)),
            unhashable=tuple(frame for frame in found if isinstance(frame, FrameUnhashable)),
            frames_seen=reading.frames_seen,
            duration_ms=reading.end_ms,
            coverage=reading.coverage.share(),
            longest_gap_ms=reading.coverage.longest_gap_ms(),
            damage=tuple(_damage(reading)),
        )


def read(reading: Reading) -> Iterator[Frame]:
    """The frames of an opened video that are hashed, one by one."""
    for number, at_ms, frame in reading.frames():
        found = plane_pdq(plane_of(frame))
        if isinstance(found, PdqHash):
            yield FrameHash(number, at_ms, found.bits, found.quality)
        else:
            yield FrameUnhashable(number, at_ms, found.reason, found.quality)


def _damage(reading: Reading) -> Iterator[str]:
    if reading.damaged_packets:
        yield f"{reading.damaged_packets} packets can't be decoded"
    if reading.damaged_frames:
        yield f"{reading.damaged_frames} frames were decoded with errors"
    if reading.cut_short_at_ms is not None and reading.track.duration_ms is not None:
        end_s, promised_s = reading.cut_short_at_ms / 1000, reading.track.duration_ms / 1000
        yield f"it ends at {end_s:.1f} s of {promised_s:.1f} s"
