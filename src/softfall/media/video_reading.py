"""Opens a video within limits and hands out the frames that are to be hashed, one at a time.

Guarantees: only the one stream of bytes is read (no protocol, no second file, no playlist); only
the containers of `video_formats` are tried; memory is a decoder's, however long the video is. What
is damaged is passed over and counted, and what a parser throws comes out as a named error.
Frames that no other frame is built on are not decoded where they would surely not be hashed, which
changes no other frame; "keyframes" decodes nothing but those, and the coverage says what is missed.
Refuses: what is no video (UnsupportedVideo), no video track (NoVideoTrack), nothing that can be
decoded, or a file that begins as a video and can't be opened (BrokenVideo), and a frame or a length
over the limits (VideoTooLarge).
Limits: containers and codecs are FFmpeg's, parsed in this process: a memory fault ends it. So
strangers' files belong in a sandbox. One video track is read: the first.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO, Final, Literal, NoReturn

import av
import av.error
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from softfall.config import MediaLimits
from softfall.errors import InputError
from softfall.media.sampling import Count, Coverage, Sampler, Times
from softfall.media.video_formats import CONTAINERS, HEAD_BYTES, VideoTooLarge, video_format

VideoMode = Literal["all", "keyframes"]
DEFAULT_PERIOD_MS: Final = 1000
MAX_FRAMES_A_SECOND: Final = 1000

_OPTIONS: Final = {
    "format_whitelist": ",".join(CONTAINERS),
    "protocol_whitelist": "none",
    "max_streams": "64",
}
# A live stream is not waited for longer than it takes to see what it is.
_ENDLESS_OPTIONS: Final = {"probesize": "500000", "analyzeduration": "500000"}
_SLACK_MS: Final = 1000  # by which files' durations are often wrong
_FRAME_MS: Final = 40.0  # where a file states no frame rate
_RESTARTS: Final = 100
_REASON_CHARACTERS: Final = 160


class UnsupportedVideo(InputError):
    """A file that is no video, or of a container or codec that is not opened here."""

    remedy = "Convert it to MP4, MOV, Matroska, WebM, MPEG-TS, AVI, FLV or Ogg."


class BrokenVideo(InputError):
    """A video that is cut short or damaged, so that not one frame can be decoded."""

    remedy = "Fetch or save the file again; if players open it, convert it."


class NoVideoTrack(InputError):
    """A file that holds sound, or something else, and no moving pictures."""

    remedy = "Nothing is to be hashed here by its looks; files are still matched by their digests."


@dataclass(frozen=True, slots=True)
class Track:
    """What a file says of its first video track; None where it does not say.

    width and height are in pixels, as stored.
    """

    format: str
    codec: str
    width: int
    height: int
    frame_rate: float | None
    duration_ms: float | None


@contextmanager
def open_video(
    stream: BinaryIO,
    limits: MediaLimits,
    *,
    period_ms: float = DEFAULT_PERIOD_MS,
    mode: VideoMode = "all",
    endless: bool = False,
) -> Iterator["Reading"]:
    """A video, ready to be read. stream: a file or a pipe, read by this alone.

    period_ms: time from one hashed frame to the next. endless: no limit on the length.
    Raises UnsupportedVideo, NoVideoTrack, BrokenVideo or VideoTooLarge.
    """
    claimed = _claimed(stream)
    try:
        container = av.open(
            stream,
            "r",
            options=_OPTIONS | (_ENDLESS_OPTIONS if endless else {}) | _decoder_options(limits),
            io_open=_no_other_file,
        )
    except (av.error.FFmpegError, ValueError) as error:
        if claimed is not None:
            raise BrokenVideo(f"the file is damaged or cut short: {_reason(error)}") from None
        raise UnsupportedVideo(f"the file can't be opened as a video: {_reason(error)}") from None
    with container:
        yield Reading(container, _video_track(container), limits, period_ms, mode, endless)


class Reading:
    """One pass over a video. `track` says what it claims to be; the rest grows as it is read.

    coverage: what the frames stand for. frames_seen: how many there were, decoded or passed over.
    damaged_packets, damaged_frames: what could not be decoded, and what was, with errors.
    cut_short_at_ms: where it ended, if the file promised more.
    """

    def __init__(
        self,
        container: InputContainer,
        stream: VideoStream,
        limits: MediaLimits,
        period_ms: float,
        mode: VideoMode,
        endless: bool,
    ) -> None:
        self._container, self._stream, self._limits = container, stream, limits
        self._mode, self._endless = mode, endless
        self.track = _described(container, stream)
        self._check_size(self.track.width, self.track.height)
        rate = self.track.frame_rate
        self._frame_ms = 1000 / rate if rate else _FRAME_MS
        self._sampler = Sampler(period_ms, rate if mode == "all" else None)
        self._times = Times(self._frame_ms)
        self._count = Count()
        self._last_ms = 0.0
        self.coverage = Coverage(period_ms)
        self.frames_hashed = self.damaged_packets = self.damaged_frames = 0
        self.cut_short_at_ms: float | None = None
        self._decoder = stream.codec_context
        self._decoder.thread_count = 1
        self._decoder.skip_frame = "NONKEY" if mode == "keyframes" else "DEFAULT"

    @property
    def frames_seen(self) -> int:
        """How many frames there were so far, decoded or passed over."""
        return self._count.passed

    @property
    def end_ms(self) -> float:
        """When the last frame so far ends, counted from the first."""
        return self._last_ms + self._frame_ms

    def frames(self) -> Iterator[tuple[int, float, VideoFrame]]:
        """Each frame to be hashed: its number from 0, its time in ms from the first, and itself.

        Raises VideoTooLarge, and BrokenVideo if there is not one.
        """
        for packet in self._packets():
            for frame in self._decoded(packet):
                yield from self._taken(frame)
        self._end()
        if not self.frames_hashed:
            raise BrokenVideo("not one frame of the video can be decoded")

    def only_keyframes(self, only: bool) -> None:
        """From now on decode key frames alone, or all again: for one that must catch up."""
        self._mode = "keyframes" if only else "all"
        self._decoder.skip_frame = "NONKEY" if only else "DEFAULT"

    def _packets(self) -> Iterator["Packet[VideoStream]"]:
        """Every packet; after an error of the container the reading goes on behind it."""
        for _ in range(_RESTARTS):
            try:
                yield from self._container.demux(self._stream)
            except av.error.FFmpegError:
                self.damaged_packets += 1
            else:
                return

    def _decoded(self, packet: "Packet[VideoStream]") -> list[VideoFrame]:
        stamp_ms = _milliseconds(packet.pts, packet)
        if packet.size:
            self._count.sent(stamp_ms)
            if self._mode == "all":
                self._decoder.skip_frame = "NONREF" if self._is_spare(stamp_ms) else "DEFAULT"
        try:
            return packet.decode()
        except av.error.EOFError:
            return []
        except av.error.FFmpegError:
            self.damaged_packets += 1
            return []

    def _is_spare(self, stamp_ms: float | None) -> bool:
        """Whether the frame of this packet is surely none to hash."""
        at_ms = self._times.foreseen(stamp_ms)
        if at_ms is None or not self._count.reliable:
            return False
        number = self._count.passed - 1 + round((at_ms - self._last_ms) / self._frame_ms)
        return not self._sampler.may_be_due(number, at_ms, self._frame_ms)

    def _taken(self, frame: VideoFrame) -> Iterator[tuple[int, float, VideoFrame]]:
        self._check_size(frame.width, frame.height)
        stamp_ms = _milliseconds(frame.pts, frame)
        number, missing = self._count.shown(stamp_ms)
        self._passed_over(missing)
        at_ms = self._times.at(stamp_ms)
        self._check_length(number, at_ms)
        self.damaged_frames += frame.is_corrupt
        self._last_ms = at_ms
        if not self._sampler.due(number, at_ms):
            self.coverage.seen(at_ms)
            return
        self.coverage.hashed(at_ms)
        self.frames_hashed += 1
        yield number, at_ms, frame

    def _passed_over(self, stamps_ms: list[float]) -> None:
        """Frames that were there and did not come out of the decoder."""
        for stamp_ms in stamps_ms:
            at_ms = self._times.foreseen(stamp_ms)
            if at_ms is not None:
                self.coverage.seen(at_ms)
                self._last_ms = max(self._last_ms, at_ms)

    def _end(self) -> None:
        """What was there and never came out, or was promised and never came, is not covered."""
        self._passed_over(self._count.rest())
        promised_ms = self.track.duration_ms or 0.0
        if promised_ms - self.end_ms > _SLACK_MS and not self._endless:
            self.cut_short_at_ms = self.end_ms
            self.coverage.seen(promised_ms, self.end_ms)

    def _check_size(self, width: int, height: int) -> None:
        if width * height > self._limits.max_video_pixels:
            raise VideoTooLarge(
                f"frames of {width}x{height} are over media.max_video_pixels, "
                f"{self._limits.max_video_pixels}"
            )

    def _check_length(self, number: int, at_ms: float) -> None:
        seconds = self._limits.max_video_seconds
        if not self._endless and max(at_ms / 1000, number / MAX_FRAMES_A_SECOND) > seconds:
            raise VideoTooLarge(f"the video is longer than media.max_video_seconds, {seconds}")


def _claimed(stream: BinaryIO) -> str | None:
    """The container by a file's first bytes; None of a pipe, from which no byte may be missing."""
    seekable = getattr(stream, "seekable", None)  # a live stream has no such method
    if seekable is None or not seekable():
        return None
    start = stream.tell()
    head = stream.read(HEAD_BYTES)
    stream.seek(start)
    return video_format(head)


def _decoder_options(limits: MediaLimits) -> dict[str, str]:
    return {"max_pixels": str(limits.max_video_pixels)}


def _no_other_file(url: str, flags: int, options: dict[str, str]) -> NoReturn:
    raise UnsupportedVideo("the file refers to another, which is not opened")


def _video_track(container: InputContainer) -> VideoStream:
    """The first that moves: a cover picture in a sound file is none."""
    for stream in container.streams.video:
        if not stream.disposition & Disposition.attached_pic:
            return stream
    raise NoVideoTrack("the file holds no video track")


def _described(container: InputContainer, stream: VideoStream) -> Track:
    codec = stream.codec_context
    if codec is None:
        raise UnsupportedVideo("the video's codec is not known here")
    rate = stream.average_rate or stream.base_rate
    duration_ms = None
    if stream.duration is not None and stream.time_base is not None:
        duration_ms = float(stream.duration * stream.time_base * 1000)
    elif container.duration is not None and len(container.streams) == 1:
        duration_ms = container.duration * 1000 / av.time_base
    return Track(
        CONTAINERS[container.format.name],
        codec.name,
        codec.width,
        codec.height,
        float(rate) if rate else None,
        duration_ms,
    )


def _milliseconds(stamp: int | None, of: "Packet[VideoStream] | VideoFrame") -> float | None:
    return None if stamp is None or of.time_base is None else float(stamp * of.time_base * 1000)


def _reason(error: Exception) -> str:
    words = " ".join(str(getattr(error, "strerror", None) or error).split())
    return words[:_REASON_CHARACTERS] or type(error).__name__
