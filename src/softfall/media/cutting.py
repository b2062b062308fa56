"""Cuts a video into parts at its key frames, so that each may travel as a message of its own.

Guarantees: nothing is decoded or encoded again; the parts, one after the other, are all of the
video's first picture track and first sound track; each begins with a key frame and opens by itself.
Refuses: what `video_reading.open_video` refuses, and what can't be cut (CannotCut), by name.
Limits: a part lasts as long as asked, and then until the next key frame: a video with few of them
has long parts. FFmpeg parses and writes in this process, in memory.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Final

import av
import av.error

from softfall.config import MediaLimits
from softfall.errors import InputError
from softfall.media.video_formats import CONTAINERS
from softfall.media.video_reading import open_video

_MP4_CODECS: Final = frozenset({"h264", "hevc", "mpeg4", "av1", "vp9", "aac", "mp3", "ac3", "opus"})
_OPTIONS: Final = {"format_whitelist": ",".join(CONTAINERS), "protocol_whitelist": "none"}


class CannotCut(InputError):
    """A video whose parts can't be written as files of their own."""

    remedy = "Convert it to MP4 with H.264 and AAC, or cut it by another program."


@dataclass(frozen=True, slots=True)
class Part:
    """One part. start_ms: when it begins in the whole, by the video's own clock, from 0."""

    data: bytes = field(repr=False)
    start_ms: float


def cut(stream: BinaryIO, limits: MediaLimits, part_ms: float) -> Iterator[Part]:
    """The video's parts in order, `part_ms` or more each; the last may be shorter.

    Raises UnsupportedVideo, NoVideoTrack, BrokenVideo, VideoTooLarge, CannotCut.
    """
    with open_video(stream, limits):
        pass  # it is one, and within the limits
    stream.seek(0)
    try:
        with av.open(stream, "r", options=_OPTIONS) as whole:
            yield from _parts(whole, part_ms)
    except (av.error.FFmpegError, ValueError) as error:
        raise CannotCut(f"the video can't be cut: {type(error).__name__}") from None


def _parts(whole: Any, part_ms: float) -> Iterator[Part]:
    tracks = [whole.streams.video[0], *whole.streams.audio[:1]]
    first_ms: float | None = None
    open_part: _Writer | None = None
    for packet in whole.demux(tracks):
        if packet.dts is None or packet.pts is None:
            continue  # the end of a track
        at_ms = float(1000 * packet.pts * packet.time_base)
        starts = packet.stream.type == "video" and packet.is_keyframe
        if starts and (open_part is None or at_ms - open_part.start_ms >= part_ms):
            first_ms = at_ms if first_ms is None else first_ms
            if open_part is not None:
                yield Part(open_part.close(), open_part.start_ms - first_ms)
            open_part = _Writer(tracks, at_ms)
        if open_part is not None:
            open_part.write(packet)
    if open_part is not None and first_ms is not None:
        yield Part(open_part.close(), open_part.start_ms - first_ms)


class _Writer:
    """One part's file while it grows."""

    def __init__(self, tracks: list[Any], start_ms: float) -> None:
        names = {track.codec_context.name for track in tracks}
        kind = "mp4" if names <= _MP4_CODECS else "matroska"
        self.start_ms = start_ms
        self._file = io.BytesIO()
        self._out = av.open(self._file, "w", format=kind)
        self._tracks = {track.index: self._out.add_stream_from_template(track) for track in tracks}

    def write(self, packet: Any) -> None:
        shift = round(self.start_ms / 1000 / packet.time_base)
        packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
        packet.stream = self._tracks[packet.stream.index]
        self._out.mux(packet)

    def close(self) -> bytes:
        self._out.close()
        return self._file.getvalue()
