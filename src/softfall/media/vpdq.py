"""vPDQ: a video's frame hashes as text, and how far two videos share frames, from both sides.

Guarantees: what `write` makes, `read` reads, and so does python-threatexchange; both of its text
forms are read. `match` gives both percentages, each with the number of frames behind it, equal to
python-threatexchange's: frames under the quality are left out, equal hashes of a video count once,
a frame matches at `radius_bits` or less.
Refuses: text that is no such list, as MalformedVpdq.
Limits: public tools decide by opposite sides: python-threatexchange asks 80 % of the query and
nothing of the compared video; others ask the compared side. So a result here is never one number.
vpdq's own C++ matcher counts equal hashes each time and asks for less than the radius.
A time is written with three digits behind the point; python-threatexchange's own writer keeps
three digits in all, so that its times get coarse beyond a few seconds.
Source: facebook/ThreatExchange, vpdq and python-threatexchange's extensions/vpdq.
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from softfall.errors import InputError
from softfall.media.pdq import MIN_QUALITY

RADIUS_BITS: Final = 31
QUERY_PERCENT: Final = 80.0
COMPARED_PERCENT: Final = 0.0
MAX_FRAMES: Final = 1_000_000

_BLOCK_ROWS: Final = 256
_HEX: Final = re.compile(r"[0-9a-fA-F]{64}")
_WHOLE: Final = re.compile(r"[0-9]{1,3}")
_TIME: Final = re.compile(r"[0-9]{1,12}(\.[0-9]{1,12})?(e[+-]?[0-9]{1,2})?")

U64Array = npt.NDArray[np.uint64]


class MalformedVpdq(InputError):
    """Text that is no list of vPDQ frames."""

    remedy = 'Hand over a JSON list of "hash,quality,seconds", as vPDQ tools write it.'


class Hashed(Protocol):
    """A frame that was hashed: 32 bytes, and a quality from 0 to 100."""

    @property
    def bits(self) -> bytes: ...  # noqa: D102

    @property
    def quality(self) -> int: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class VpdqFrame:
    """A frame as text tells it. quality: 0 to 100; at_ms: when it is shown."""

    bits: bytes
    quality: int
    at_ms: float


@dataclass(frozen=True, slots=True)
class MatchPercent:
    """How far two videos share frames.

    query_percent: the share of the query's frames that the compared video has; compared_percent:
    the other way round. Both are 0 where a side has no frame of the quality. query_frames,
    compared_frames: how many distinct ones there were. Both thresholds stand beside.
    """

    query_percent: float
    compared_percent: float
    query_frames: int
    compared_frames: int
    radius_bits: int
    min_quality: int

    def reaches(self, query_percent: float, compared_percent: float) -> bool:
        """Whether both sides reach what is asked of each; never where nothing was compared."""
        return (
            min(self.query_frames, self.compared_frames) > 0
            and self.query_percent >= query_percent
            and self.compared_percent >= compared_percent
        )


def match(
    query: Iterable[Hashed],
    compared: Iterable[Hashed],
    radius_bits: int = RADIUS_BITS,
    min_quality: int = MIN_QUALITY,
) -> MatchPercent:
    """Both percentages. A frame matches if the other video has one within `radius_bits`."""
    ours, theirs = _distinct(query, min_quality), _distinct(compared, min_quality)
    in_theirs = _found(ours, theirs, radius_bits)
    in_ours = _found(theirs, ours, radius_bits)
    return MatchPercent(
        _percent(in_theirs, len(ours)),
        _percent(in_ours, len(theirs)),
        len(ours),
        len(theirs),
        radius_bits,
        min_quality,
    )


def write(frames: Iterable[tuple[bytes, int, float]]) -> str:
    """A JSON list, one string a frame: hash in hex, quality, seconds.

    frames: 32 bytes, quality, and ms from the first frame.
    """
    return json.dumps(
        [f"{bits.hex()},{quality},{at_ms / 1000:.3f}" for bits, quality, at_ms in frames]
    )


def read(text: str | bytes) -> tuple[VpdqFrame, ...]:
    """The frames of a text in either form. Raises MalformedVpdq."""
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError):
        raise MalformedVpdq("the text is no JSON") from None
    if not isinstance(parsed, list | dict):
        raise MalformedVpdq("the text is no list of frames")
    if len(parsed) > MAX_FRAMES:
        raise MalformedVpdq(f"the text holds over {MAX_FRAMES} frames")
    return tuple(_frames(parsed))


def _frames(parsed: list[Any] | dict[str, Any]) -> Iterator[VpdqFrame]:
    if isinstance(parsed, list):
        for line in parsed:
            yield _frame(*_three(line))
        return
    for frame in parsed.values():  # the older form: frame numbers, and an object for each
        if not isinstance(frame, dict) or not {"hash", "quality", "timestamp"} <= frame.keys():
            raise MalformedVpdq("a frame lacks its hash, quality or timestamp")
        yield _frame(str(frame["hash"]), str(frame["quality"]), str(frame["timestamp"]))


def _three(line: object) -> tuple[str, str, str]:
    parts = line.split(",") if isinstance(line, str) else []
    if len(parts) != 3:
        raise MalformedVpdq("a frame is not a hash, a quality and a time")
    return parts[0], parts[1], parts[2]


def _frame(digits: str, quality: str, seconds: str) -> VpdqFrame:
    if _HEX.fullmatch(digits) is None:
        raise MalformedVpdq("a frame's hash has not 64 hex digits")
    if _WHOLE.fullmatch(quality) is None or int(quality) > 100:
        raise MalformedVpdq("a frame's quality is not a whole number from 0 to 100")
    if _TIME.fullmatch(seconds) is None:
        raise MalformedVpdq("a frame's time is not a number of seconds")
    return VpdqFrame(bytes.fromhex(digits), int(quality), float(seconds) * 1000)


def _distinct(frames: Iterable[Hashed], min_quality: int) -> U64Array:
    """(N, 4) uint64, each hash once."""
    kept: Sequence[bytes] = [*{frame.bits for frame in frames if frame.quality >= min_quality}]
    return np.frombuffer(b"".join(kept), np.uint64).reshape(-1, 4)


def _found(wanted: U64Array, among: U64Array, radius_bits: int) -> int:
    """How many of some hashes have one within the radius among others; blocks bound the memory."""
    if not len(among):
        return 0
    found = 0
    for start in range(0, len(wanted), _BLOCK_ROWS):
        block = wanted[start : start + _BLOCK_ROWS]
        nearest = np.full(len(block), 256, np.uint64)
        for first in range(0, len(among), _BLOCK_ROWS * 16):
            apart = block[:, None] ^ among[None, first : first + _BLOCK_ROWS * 16]
            bits = np.bitwise_count(apart).sum(axis=2, dtype=np.uint64)
            nearest = np.minimum(nearest, bits.min(axis=1))
        found += int((nearest <= radius_bits).sum())
    return found


def _percent(part: int, whole: int) -> float:
    return part * 100 / whole if whole else 0.0
