"""A video as this device looks at it, one hashed frame a second: before send and after receive.

Guarantees: sender and recipient look at the same frames (media/sampling.py) and choose the same
distinct ones (options/frames/choosing.py), up to what decoders disagree on. What a parser throws
comes out as a named error, so that a stranger's broken video is quarantined with its reason.
Refuses: what media/video_reading.py refuses; a video of more than `MAX_SECONDS` or `MAX_PIXELS`
(VideoTooLong): a recipient's app looks at every second of what strangers send.
Limits: FFmpeg parses in this process, from memory, a listed container, with no second file and no
network; a memory fault in a codec ends the app, and what was received is looked at again at the
next start. One video track is looked at, the first; sound is not.
"""

import io
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from softfall.config import MediaLimits
from softfall.errors import RefusedError
from softfall.media.pdq import PdqHash, Unhashable
from softfall.media.video_formats import HEAD_BYTES, VideoTooLarge, video_format
from softfall.media.video_planes import plane_of, plane_pdq
from softfall.media.video_reading import UnsupportedVideo, open_video
from softfall.options.contract import ScanSecret, Submission
from softfall.options.frames.choosing import PERIOD_MS, SeenFrame, distinct
from softfall.options.frames.device import join, secret_of

MAX_SECONDS: Final = 600
MAX_PIXELS: Final = 40_000_000_000  # of all frames: ten minutes of 1080p, thirty a second
STOPPED_MS: Final = 10 * 60 * 1000.0
VIDEO: Final = "video/"


class VideoTooLong(RefusedError):
    """A video that lasts longer, or has more pixels in all its frames, than one message's may."""

    remedy = "Cut the clip and send its parts; `softfall.media.cutting.cut` does it."


class StreamStopped(RefusedError):
    """A part of this live stream was on the list, so nothing more of it is sent."""

    remedy = "Begin no other for ten minutes; if it was a mistake, appeal to the service."


class Streams:
    """Which conversations' live streams this device has stopped, since it was opened."""

    def __init__(self, monotonic_ms: Callable[[], float]) -> None:
        self._monotonic_ms = monotonic_ms
        self._stopped_ms: dict[str, float] = {}

    def stop(self, conversation: str) -> None:
        """A part was blocked before it was sent."""
        self._stopped_ms[conversation] = self._monotonic_ms()

    def require_running(self, conversation: str) -> None:
        """Raises StreamStopped within `STOPPED_MS` of a part that was blocked."""
        stopped_ms = self._stopped_ms.get(conversation, -math.inf)
        if self._monotonic_ms() - stopped_ms < STOPPED_MS:
            raise StreamStopped("the live stream was stopped: a part of it is on the list")


@dataclass(frozen=True, slots=True)
class Film:
    """One video. seen: every frame that was looked at, at least one. kind: as its bytes tell."""

    seen: tuple[SeenFrame, ...]
    kind: str


@dataclass(frozen=True, slots=True)
class Chosen:
    """The frames of a film that are submitted. is_live: as a part of a live stream."""

    frames: tuple[SeenFrame, ...]
    is_live: bool


Media = PdqHash | Unhashable | Chosen
OfOne = Callable[[PdqHash | Unhashable, ScanSecret], tuple[Submission, bytes] | bytes]
"""What the option makes of one picture; or the voucher that there is in its place."""


def watch(data: bytes, limits: MediaLimits) -> Film:
    """Every frame that counts of one video's bytes.

    Raises VideoTooLong, VideoTooLarge, UnsupportedVideo, NoVideoTrack, BrokenVideo.
    """
    if len(data) > limits.max_file_bytes:
        raise VideoTooLarge(f"the video is over media.max_file_bytes, {limits.max_file_bytes}")
    kind = video_format(data[:HEAD_BYTES])
    if kind is None:
        raise UnsupportedVideo("these bytes begin like no video")
    seen: list[SeenFrame] = []
    with open_video(io.BytesIO(data), limits, period_ms=PERIOD_MS) as reading:
        for number, at_ms, frame in reading.frames():
            if at_ms > 1000 * MAX_SECONDS:
                raise VideoTooLong(f"the video lasts longer than {MAX_SECONDS} seconds")
            if reading.frames_seen * reading.track.width * reading.track.height > MAX_PIXELS:
                raise VideoTooLong(f"the video has over {MAX_PIXELS:,} pixels in all its frames")
            seen.append(SeenFrame(number, at_ms, plane_pdq(plane_of(frame))))
    return Film(tuple(seen), kind)


def choose(film: Film, *, is_live: bool) -> Chosen:
    """What of a film is submitted. Raises TooManyFrames."""
    return Chosen(distinct(film.seen), is_live)


def submit(chosen: Chosen, secret: ScanSecret, of_one: OfOne) -> tuple[Submission, bytes] | bytes:
    """The video's submission and opening; or the voucher, if one frame has no more than that.

    secret: the whole video's. of_one may raise; then nothing is sent.
    """
    made = []
    for frame in chosen.frames:
        one = of_one(frame.media, secret_of(secret, frame.number))
        if isinstance(one, bytes):
            return one
        made.append((frame, *one))
    return join(made, is_live=chosen.is_live)
