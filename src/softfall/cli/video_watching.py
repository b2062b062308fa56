"""What `softfall video watch` does: a stream in, lines out, until the stream or the user ends it.

Guarantees: what comes through a pipe is taken as it comes, never waited for to fill a buffer; a
match is a line at once. Where the reading of a live stream falls behind, key frames alone are
decoded until it has caught up; the last line says what the hashed frames cover.
Refuses: a source that can't be opened, as UnreadableStream; a list without entries, as EmptyList.
Never prints a whole hash.
"""

import json
import os
import select
import signal
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from io import FileIO
from typing import Any, BinaryIO, Final, cast

from softfall.config import MediaLimits
from softfall.errors import InputError
from softfall.lists.entries import MATCH_RADIUS_BITS, Entry, short_hash
from softfall.lists.formats.fields import Importer
from softfall.lists.formats.forms import EmptyList, Form, load
from softfall.lists.index.choose import build_index
from softfall.lists.index.hamming import words
from softfall.lists.stream_matching import StreamMatch, StreamMatcher
from softfall.media.stream import PERIOD_MS, Lag, StreamHasher
from softfall.media.video_planes import plane_of
from softfall.media.video_reading import Reading, open_video

STANDARD: Final = "-"
_STANDARD_INPUT: Final = 0
_GRACE_MS: Final = 3_600_000  # how far ahead of this clock a list's times may lie


class UnreadableStream(InputError):
    """A stream that can't be opened to be read."""

    remedy = "Name a file or a pipe that this user may read, or - for standard input."


class Source:
    """The bytes of a stream as they come. waited: whether there were none for a moment.

    What is no regular file is read from front to back: it has no `seek`.
    """

    def __init__(self, raw: FileIO) -> None:
        self._raw = raw
        self.live = not stat.S_ISREG(os.fstat(raw.fileno()).st_mode)
        self._waited = self._ended = False
        self._woken, self._wake = os.pipe()

    def end(self) -> None:
        """Let the stream end here, even for one that waits for it: a signal's handler may call."""
        self._ended = True
        os.write(self._wake, b"\0")

    def close(self) -> None:
        """Gives back what only this holds."""
        os.close(self._woken)
        os.close(self._wake)

    def read(self, size_bytes: int) -> bytes:
        """Some bytes, as soon as there are any; none at the end."""
        sources = [self._raw.fileno(), self._woken]
        if self.live and not select.select(sources, [], [], 0)[0]:
            self._waited = True
            select.select(sources, [], [])
        return b"" if self._ended else self._raw.read(size_bytes) or b""

    def take_waited(self) -> bool:
        """Whether a read had to wait since this was last asked."""
        waited, self._waited = self._waited, False
        return waited

    @property
    def bytes(self) -> BinaryIO:
        """What FFmpeg reads from; in a file it may go back and forth."""
        return cast(BinaryIO, self if self.live else _Sought(self))

    @property
    def raw(self) -> FileIO:
        """The file as it was opened."""
        return self._raw


class _Sought:
    """A regular file, which ends where its source is ended."""

    def __init__(self, source: Source) -> None:
        self.read = source.read
        self.seek, self.tell = source.raw.seek, source.raw.tell


@dataclass(frozen=True, slots=True)
class Line:
    """One thing to say."""

    text: str
    values: dict[str, Any]

    @property
    def json(self) -> str:
        """The same for programs."""
        return json.dumps(self.values)


@contextmanager
def open_source(name: str) -> Iterator[Source]:
    """A file, a pipe, or `-` for standard input. Raises UnreadableStream."""
    try:
        raw = FileIO(_STANDARD_INPUT, closefd=False) if name == STANDARD else FileIO(name)
        source = Source(raw)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a file name"
        raise UnreadableStream(f"the stream can't be read: {reason}") from None
    with raw, closing(source):
        yield source


@contextmanager
def ended_by_ctrl_c(source: Source) -> Iterator[None]:
    """The first Ctrl-C ends the stream; a second one the program, as ever."""

    def end(*_: object) -> None:
        signal.signal(signal.SIGINT, before)
        source.end()

    before = signal.signal(signal.SIGINT, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def load_list(stream: BinaryIO, form: Form) -> list[Entry]:
    """A list file's active entries. Raises EmptyList, and what the readers of lists raise."""
    importer = Importer("watched", latest_ms=int(time.time() * 1000) + _GRACE_MS)
    entries = [entry for entry in load(stream, form, importer)[0] if entry.active]
    if not entries:
        raise EmptyList("the list has no active entry")
    return entries


class Watch:
    """One stream and one list."""

    def __init__(
        self,
        entries: list[Entry],
        radius_bits: int = MATCH_RADIUS_BITS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._entries = entries
        index = build_index(words([entry.pdq for entry in entries]))
        self._clock = clock
        # The reading takes the frames that are due; so each that comes is hashed.
        self._matcher = StreamMatcher(index, self._now_ms, StreamHasher(period_ms=0), radius_bits)
        self._lag = Lag()

    def lines(self, source: Source, limits: MediaLimits) -> Iterator[Line]:
        """What to say, as soon as it is to be said. Raises what `open_video` raises."""
        with open_video(source.bytes, limits, period_ms=PERIOD_MS, endless=source.live) as reading:
            yield from self._matches(reading, source)
            yield self._last(reading)

    def _matches(self, reading: Reading, source: Source) -> Iterator[Line]:
        for _, at_ms, frame in reading.frames():
            came_ms = self._now_ms()
            if source.live:
                reading.only_keyframes(self._lag.at(at_ms, came_ms, source.take_waited()))
            for match in self._matcher.push(plane_of(frame), at_ms, came_ms):
                yield self._matched(match)

    def _now_ms(self) -> float:
        return self._clock() * 1000

    def _matched(self, match: StreamMatch) -> Line:
        entry = self._entries[match.entry_number]
        labels = ", ".join(sorted(entry.labels)) or "no label"
        text = (
            f"{match.shown_at_ms / 1000:.1f} s: entry {match.entry_number} "
            f"({short_hash(entry.pdq)}, {labels}), {match.distance_bits} bits apart"
            f"{', again' if match.again else ''}"
        )
        return Line(text, {"event": "match", "hash": short_hash(entry.pdq), **asdict(match)})

    def _last(self, reading: Reading) -> Line:
        seen, coverage = self._matcher.hasher.seen, reading.coverage.share()
        values = {
            "event": "end",
            "duration_ms": round(reading.end_ms),
            "frames_seen": reading.frames_seen,
            "hashed": seen.hashed,
            "repeats": seen.repeats,
            "unhashable": seen.unhashable,
            "coverage": round(coverage, 4),
        }
        text = (
            f"end: {reading.end_ms / 1000:.1f} s, {reading.frames_seen} frames, {seen.hashed} "
            f"hashed, of these {seen.repeats} repeats; {seen.unhashable} unhashable; coverage "
            f"{100 * coverage:.1f} %"
        )
        return Line(text, values)
