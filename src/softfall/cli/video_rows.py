"""What `softfall hash` says of a video: one frame a second, by default, as vPDQ has them.

Guarantees: a video is told by its content; it is read from the disk as it is needed, never as a
whole. Refuses what `media.video` refuses, and files over `media.max_video_bytes`.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from softfall.config import MediaLimits
from softfall.errors import SoftfallError

if TYPE_CHECKING:
    from softfall.cli.hash_rows import FileHashes
    from softfall.media.video import Frame, VideoHashes
    from softfall.media.video_reading import VideoMode
    from softfall.media.vpdq import MatchPercent


def is_video_file(path: Path) -> bool:
    """Whether the file's first bytes are a video's; what can't be read is none."""
    from softfall.media.files import opened
    from softfall.media.video_formats import HEAD_BYTES, video_format

    try:
        with opened(path) as stream:
            return video_format(stream.read(HEAD_BYTES)) is not None
    except SoftfallError:
        return False


def fill_video(row: "FileHashes", path: Path, limits: MediaLimits) -> None:
    """Tell of a video in `row`, step by step, so that an error leaves what was told before it.

    Raises what `files.opened` and `video.hash_video` raise, and VideoTooLarge.
    """
    from softfall.media.digests import of_stream
    from softfall.media.files import opened
    from softfall.media.video import hash_video
    from softfall.media.video_formats import check_size
    from softfall.media.vpdq import write

    with opened(path) as stream:
        check_size(os.fstat(stream.fileno()).st_size, limits)
        row.size_bytes, sha256, md5 = of_stream(stream)
        row.sha256, row.md5 = sha256.hex(), md5.hex()
        stream.seek(0)
        found = hash_video(stream, limits)
    row.format, row.mode = found.track.format, "fast"
    row.width, row.height = found.track.width, found.track.height
    row.duration_ms, row.coverage = round(found.duration_ms), round(found.coverage, 4)
    row.frames_hashed, row.damage = len(found.frames), "; ".join(found.damage) or None
    row.vpdq = write((frame.bits, frame.quality, frame.at_ms) for frame in found.frames)
    if not found.frames:
        row.unhashable = "no frame has a dependable hash"


def hash_path(
    path: Path, limits: MediaLimits, period_ms: float, mode: "VideoMode"
) -> "VideoHashes":
    """The hashes of a video file. Raises as `fill_video`, and EmptyFile."""
    from softfall.media.files import check_not_empty, opened
    from softfall.media.video import hash_video
    from softfall.media.video_formats import check_size

    with opened(path) as stream:
        size_bytes = os.fstat(stream.fileno()).st_size
        check_not_empty(size_bytes)
        check_size(size_bytes, limits)
        return hash_video(stream, limits, period_ms=period_ms, mode=mode)


def frame_rows(found: "VideoHashes") -> Iterator[str]:
    """A JSON object for each frame that was taken, hashed or not, in the order of showing."""
    taken: list[Frame] = [*found.frames, *found.unhashable]
    taken.sort(key=lambda frame: frame.number)
    for frame in taken:
        row = {"number": frame.number, "at_ms": round(frame.at_ms), "quality": frame.quality}
        yield json.dumps(
            {
                **row,
                "pdq": getattr(frame, "hex", None),
                "unhashable": getattr(frame, "reason", None),
            }
        )


def summary(found: "VideoHashes") -> str:
    """One line: what was taken of a video, by which rule, and what it covers."""
    track, seconds = found.track, found.duration_ms / 1000
    rate = "unknown" if track.frame_rate is None else f"{track.frame_rate:.3f}"
    kind = "key frames alone" if found.mode == "keyframes" else "all frames"
    told = (
        f"{track.format} {track.codec} {track.width}x{track.height}, {seconds:.1f} s, "
        f"frame rate {rate}: {len(found.frames)} frames hashed, {len(found.unhashable)} "
        f"unhashable, a frame each {found.period_ms:.0f} ms of {kind}; coverage "
        f"{100 * found.coverage:.1f} %, longest gap {found.longest_gap_ms / 1000:.1f} s"
    )
    return f"{told}; damaged: {'; '.join(found.damage)}" if found.damage else told


def match_row(
    found: "MatchPercent",
    matched: bool,
    query_percent: float,
    compared_percent: float,
    as_json: bool,
) -> str:
    """Both percentages, the thresholds, and the outcome, in words or as JSON."""
    if as_json:
        return json.dumps(
            {
                "match": matched,
                "query_percent": found.query_percent,
                "compared_percent": found.compared_percent,
                "query_frames": found.query_frames,
                "compared_frames": found.compared_frames,
                "radius_bits": found.radius_bits,
                "min_quality": found.min_quality,
                "asked_query_percent": query_percent,
                "asked_compared_percent": compared_percent,
            }
        )
    outcome = "match" if matched else "no match"
    return (
        f"{outcome}: {found.query_percent:.1f} % of the query's {found.query_frames} distinct "
        f"frames are in the compared video (asked: {query_percent:g} %), "
        f"{found.compared_percent:.1f} % of the compared video's {found.compared_frames} are in "
        f"the query (asked: {compared_percent:g} %); radius {found.radius_bits} bits, quality "
        f"{found.min_quality} or more"
    )
