"""Which frames of a video are submitted: those that differ from every one chosen before.

Guarantees: a function of the frames' hashes alone, so that any recipient chooses alike, up to what
decoders disagree on. A frame within `REPEAT_BITS` of a chosen one is a repeat and dropped; so is
one without a dependable hash; of a video that has no other, the first frame is submitted like an
unhashable picture, so that no video goes unsubmitted.
Refuses: more than `MAX_FRAMES` distinct frames (TooManyFrames); none is dropped for want of room.
Limit, printed: a repeat may lie within the match radius where the chosen frame does not, by
`REPEAT_BITS` at most.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from softfall.errors import InputError
from softfall.media.pdq import PdqHash, Unhashable
from softfall.options.framed import MAX_FRAMES

PERIOD_MS: Final = 1000.0
REPEAT_BITS: Final = 4

U8Array = npt.NDArray[np.uint8]


class TooManyFrames(InputError):
    """A video with more distinct frames than one message may hold."""

    remedy = "Cut the clip and send its parts; `softfall.media.cutting.cut` does it."


@dataclass(frozen=True, slots=True)
class SeenFrame:
    """One frame as it was looked at. number: its place in the video; at_ms: when it is shown."""

    number: int
    at_ms: float
    media: PdqHash | Unhashable


def distinct(frames: Sequence[SeenFrame]) -> tuple[SeenFrame, ...]:
    """The frames to submit, in order; at least one. frames: at least one, in order.

    Raises TooManyFrames.
    """
    chosen = first_distinct(frames, MAX_FRAMES + 1)
    if len(chosen) > MAX_FRAMES:
        raise TooManyFrames(f"the video has more than {MAX_FRAMES} distinct frames")
    return chosen


def first_distinct(frames: Sequence[SeenFrame], count: int = MAX_FRAMES) -> tuple[SeenFrame, ...]:
    """The same, `count` at most and no matter how many there are."""
    chosen: list[SeenFrame] = []
    bits: list[bytes] = []
    for frame in frames:
        media = frame.media
        if len(chosen) == count:
            break
        if isinstance(media, PdqHash) and nearest_bits(media.bits, bits) > REPEAT_BITS:
            chosen.append(frame)
            bits.append(media.bits)
    return tuple(chosen) or (frames[0],)


def nearest_bits(hash_bits: bytes, among: Sequence[bytes]) -> int:
    """The Hamming distance to the nearest of some 32-byte hashes; 257 where there is none."""
    if not among:
        return 257
    rows: U8Array = np.frombuffer(b"".join(among), np.uint8).reshape(-1, len(hash_bits))
    apart = rows ^ np.frombuffer(hash_bits, np.uint8)
    return int(np.bitwise_count(apart).sum(axis=1, dtype=np.int64).min())
