"""What is sent past each option with `--video`: the clip, in parts where it must be, and a control.

Guarantees: what is listed is what plain PDQ says of the very frames that a device looks at; without
a list, one frame from the clip's middle is listed. The control is the same clip mirrored, which
plain PDQ must not match. A live stream is the clip as a camera would record it, in parts.
Refuses: a clip of which no frame is listed (ClipNotListed).
"""

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Final

from softfall.compare.camera import record
from softfall.compare.known import KnownList, make_list, read_list
from softfall.config import MediaLimits
from softfall.device.films import watch
from softfall.errors import InputError
from softfall.media.cutting import cut
from softfall.media.pdq import PdqHash
from softfall.options.framed import MAX_FRAMES
from softfall.options.frames.choosing import SeenFrame, first_distinct

PART_MS: Final = 15_000.0  # of a clip with too many distinct frames for one message
LIVE_PART_MS: Final = 2_000.0


class ClipNotListed(InputError):
    """No frame of the clip is on the list, so there is nothing to stop."""

    remedy = "Leave --list out to have a frame put on a list, or name a clip that is on it."


class FilmKind(Enum):
    """Why a message is sent."""

    CLIP = "the clip"
    CONTROL = "the clip mirrored, which is not listed"
    LIVE = "a part of the live stream"


@dataclass(frozen=True, slots=True)
class FilmMessage:
    """One message. start_ms: when it begins in the whole. distances_bits: of each frame looked at
    that is listed by plain PDQ, to the nearest entry. listed_ms: when the first is shown, in the
    whole; None without.
    """

    kind: FilmKind
    data: bytes = field(repr=False)
    start_ms: float
    seen: int
    distinct: int
    listed: int
    listed_ms: float | None

    @property
    def sha256(self) -> str:
        """Of the file, in hex."""
        return hashlib.sha256(self.data).hexdigest()


@dataclass(frozen=True, slots=True)
class FilmPlan:
    """What is sent, in order; and the list that it is sent past. live: in order, at its pace."""

    known: KnownList
    messages: tuple[FilmMessage, ...]
    live: tuple[FilmMessage, ...]


def plan_films(
    clip: Path, list_file: Path | None, random_count: int, seed: int, live: bool
) -> FilmPlan:
    """The plan for one clip. Raises ClipNotListed, or what watching and cutting raise."""
    limits = MediaLimits()
    data = clip.read_bytes()
    parts = _parts(data, limits)
    known = _known(parts, list_file, random_count, seed, limits)
    messages = [_message(FilmKind.CLIP, part, start, known, limits) for part, start in parts]
    if not any(message.listed for message in messages):
        raise ClipNotListed("no frame of the clip is within the match radius of an entry")
    control = record(data, limits, LIVE_PART_MS, mirrored=True)
    messages += [
        _message(FilmKind.CONTROL, part, start, known, limits)
        for part, start in _parts(control, limits)
    ]
    stream: list[FilmMessage] = []
    if live:
        filmed = record(data, limits, LIVE_PART_MS, mirrored=False)
        stream = [
            _message(FilmKind.LIVE, part.data, part.start_ms, known, limits)
            for part in cut(io.BytesIO(filmed), limits, LIVE_PART_MS)
        ]
    return FilmPlan(known, tuple(messages), tuple(stream))


def _parts(data: bytes, limits: MediaLimits) -> list[tuple[bytes, float]]:
    """The whole, or parts where it has too many distinct frames for one message."""
    if len(first_distinct(watch(data, limits).seen, MAX_FRAMES + 1)) <= MAX_FRAMES:
        return [(data, 0.0)]
    return [(part.data, part.start_ms) for part in cut(io.BytesIO(data), limits, PART_MS)]


def _known(
    parts: Sequence[tuple[bytes, float]],
    list_file: Path | None,
    random_count: int,
    seed: int,
    limits: MediaLimits,
) -> KnownList:
    if list_file is not None:
        hashes, told = read_list(list_file)
        return make_list(hashes, random_count, seed, told)
    frames = [
        frame.media.bits
        for part, _ in parts
        for frame in first_distinct(watch(part, limits).seen)
        if isinstance(frame.media, PdqHash)
    ]
    if not frames:
        raise ClipNotListed("no frame of the clip has a dependable hash")
    origin = f"one frame of the clip, and {random_count:,} random balanced hashes"
    return make_list([frames[len(frames) // 2]], random_count, seed, origin)


def _message(
    kind: FilmKind, data: bytes, start_ms: float, known: KnownList, limits: MediaLimits
) -> FilmMessage:
    seen = watch(data, limits).seen
    listed = _listed(seen, known)
    return FilmMessage(
        kind=kind,
        data=data,
        start_ms=start_ms,
        seen=len(seen),
        distinct=len(first_distinct(seen)),
        listed=len(listed),
        listed_ms=start_ms + listed[0].at_ms if listed else None,
    )


def _listed(seen: Sequence[SeenFrame], known: KnownList) -> list[SeenFrame]:
    bits = known.distances_bits([frame.media for frame in seen])
    return [frame for frame, found in zip(seen, bits, strict=True) if found is not None]
