"""What a video file is, told by its first bytes alone, and the containers that are opened at all.

Guarantees: nothing is parsed; a file's name plays no part. Pictures in the same family of boxes
(HEIC, AVIF) are not taken for videos.
Refuses: files over the limit, as VideoTooLarge; what is unknown is simply no video. Playlists (HLS,
DASH, concat lists) are none: they name other files.
Source: ISO/IEC 14496-12 (MP4, MOV), RFC 8794 (Matroska, WebM), ISO/IEC 13818-1 (MPEG streams), the
RIFF, FLV, Ogg and ASF specifications.
"""

from typing import Final

from softfall.config import MediaLimits
from softfall.errors import RefusedError

HEAD_BYTES: Final = 1024

_PICTURE_BRANDS: Final = {
    *(b"avif", b"avis", b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
}
_BOXES: Final = {b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"styp"}
_MAGICS: Final = (
    (b"\x1a\x45\xdf\xa3", "matroska"),
    (b"FLV\x01", "flv"),
    (b"OggS", "ogg"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "asf"),
    (b"\x00\x00\x01\xba", "mpeg"),
)
_TS_PACKETS_BYTES: Final = (188, 192)
_TS_MARK: Final = 0x47

# FFmpeg's name of each container that may be opened, and the name by which results call it.
CONTAINERS: Final = {
    "mov,mp4,m4a,3gp,3g2,mj2": "mp4",
    "matroska,webm": "matroska",
    "mpegts": "mpegts",
    "avi": "avi",
    "flv": "flv",
    "ogg": "ogg",
    "asf": "asf",
    "mpeg": "mpeg",
}


class VideoTooLarge(RefusedError):
    """A video over one of the limits of the media table that speak of videos."""

    remedy = "Cut or scale the video, or raise the limit of [media] that is named."


def check_size(size_bytes: int, limits: MediaLimits) -> None:
    """Raises VideoTooLarge if a file of this size is over the limit."""
    if size_bytes > limits.max_video_bytes:
        raise VideoTooLarge(f"the file is over media.max_video_bytes, {limits.max_video_bytes}")


def video_format(head: bytes) -> str | None:
    """ "mp4", "matroska", "mpegts", "avi", "flv", "ogg", "asf" or "mpeg"; None for no video.

    head: the file's first `HEAD_BYTES`, or all of a shorter file.
    """
    if head[4:8] in _BOXES:
        picture = head[4:8] == b"ftyp" and head[8:12] in _PICTURE_BRANDS
        return None if picture else "mp4"
    if head[:4] == b"RIFF":
        return "avi" if head[8:12] == b"AVI " else None
    for magic, name in _MAGICS:
        if head.startswith(magic):
            return name
    return "mpegts" if _is_transport_stream(head) else None


def _is_transport_stream(head: bytes) -> bool:
    for size in _TS_PACKETS_BYTES:
        marks = head[size - 188 :: size]
        if len(marks) >= 2 and all(mark == _TS_MARK for mark in marks):
            return True
    return False
