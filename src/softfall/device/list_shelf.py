"""The on-device list's files on this device: which versions are here, and the switch between them.

Guarantees: segments are named by their SHA-256 and never change; what is current is one small file,
replaced whole and on the disk before anything counts on it: killed anywhere, either the version
before or the one after is in use, and all its files are here. What is not named by it is removed,
but not under a reader's hands; what a reader has mapped stays readable after.
Holds nothing secret: the list's signed, public part. A state that can't be read counts as none.
"""

import contextlib
import hashlib
import os
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from softfall.lists.distribution import MAX_SEGMENT_BYTES, MAX_VERSIONS
from softfall.wire import Bytes, Field, ListOf, MalformedMessage, Message, Nested, Party, Uint

MAX_EPOCHS = 8
_STATE_FILE = "state"
_TIME = Uint(2**48)

_SEGMENT = Message(
    "kept segment",
    Party.DEVICE,
    (
        Field("sha256", Bytes(32, 32), "its name on the disk"),
        Field("size_bytes", Uint(MAX_SEGMENT_BYTES), "how long it is"),
    ),
    max_bytes=64,
)

_EPOCH = Message(
    "kept epoch",
    Party.DEVICE,
    (
        Field("epoch", Uint(2**32), "which epoch"),
        Field("manifest", Bytes(1, 16_384), "as the custodian signed it"),
        Field("replaced_at_ms", _TIME, "when a newer epoch came; 0: it is the newest"),
        Field("segments", ListOf(Nested(_SEGMENT), 1, MAX_VERSIONS), "base first, then deltas"),
    ),
    max_bytes=100_000,
)

LIST_STATE = Message(
    "list state",
    Party.DEVICE,
    (
        Field("version", Uint(1), "1"),
        Field("checked_at_ms", _TIME, "when it was last known to be the newest"),
        Field("epochs", ListOf(Nested(_EPOCH), 0, MAX_EPOCHS), "newest first"),
    ),
    max_bytes=MAX_EPOCHS * 100_000 + 64,
)


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment that is here, whole and verified."""

    sha256: bytes
    size_bytes: int


@dataclass(frozen=True, slots=True)
class KeptEpoch:
    """One epoch of which all segments are here. replaced_at_ms: 0 while it is the newest."""

    epoch: int
    manifest: bytes = field(repr=False)
    segments: tuple[Segment, ...]
    replaced_at_ms: int = 0

    @property
    def version(self) -> int:
        """The newest version: 0 is the base."""
        return len(self.segments) - 1


@dataclass(frozen=True, slots=True)
class Kept:
    """All that is here, newest first. checked_at_ms: when the newest was last known to be that."""

    epochs: tuple[KeptEpoch, ...] = ()
    checked_at_ms: int = 0


class ListShelf:
    """The folder of one device's list; one process at a time, any number of threads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.metadata = folder / "metadata"
        for path in (self.metadata, folder / "segments", folder / "parts"):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        for left_over in self.metadata.glob("tmp*"):
            left_over.unlink()  # of a process that was killed while it wrote
        self._readers: Counter[bytes] = Counter()
        self._lock = threading.Lock()
        self.kept = self._read()

    def path(self, segment: Segment) -> Path:
        """Where a segment lies."""
        return self._folder / "segments" / segment.sha256.hex()

    def part(self, segment: Segment) -> Path:
        """Where a segment grows while it is fetched."""
        return self._folder / "parts" / segment.sha256.hex()

    def has(self, segment: Segment) -> bool:
        """Whether the segment is here, whole."""
        path = self.path(segment)
        return path.is_file() and path.stat().st_size == segment.size_bytes

    def accept(self, segment: Segment) -> bool:
        """Make a fetched part the segment, if it is that; else delete it. Raises OSError."""
        part = self.part(segment)
        with part.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").digest()
            os.fsync(file.fileno())
        if digest != segment.sha256 or part.stat().st_size != segment.size_bytes:
            part.unlink()
            return False
        part.replace(self.path(segment))
        _sync(self._folder / "segments")
        return True

    def switch(self, kept: Kept) -> None:
        """Make this what is here; the files of what it leaves out go. Raises OSError."""
        self._write(kept)
        self.kept = kept
        self.tidy()

    def check(self) -> bool:
        """Read every segment again and drop what is damaged, with its epoch; whether all was well.

        An epoch that is dropped is fetched again by the next update. Raises OSError.
        """
        good = tuple(
            epoch for epoch in self.kept.epochs if all(map(self._is_whole, epoch.segments))
        )
        if good == self.kept.epochs:
            return True
        for epoch in self.kept.epochs:
            for segment in epoch.segments:
                if not self._is_whole(segment):
                    self.path(segment).unlink(missing_ok=True)
        self.switch(replace(self.kept, epochs=good, checked_at_ms=0))
        return False

    @contextlib.contextmanager
    def reading(self, segments: Sequence[Segment]) -> Iterator[tuple[Path, ...]]:
        """The segments' paths; their files stay until the end of the block."""
        names = Counter(segment.sha256 for segment in segments)
        with self._lock:
            self._readers += names
        try:
            yield tuple(self.path(segment) for segment in segments)
        finally:
            with self._lock:
                self._readers -= names
            self.tidy()

    def tidy(self) -> None:
        """Remove segments that are neither kept nor being read."""
        named = {segment.sha256 for epoch in self.kept.epochs for segment in epoch.segments}
        with self._lock:
            for path in (self._folder / "segments").iterdir():
                digest = bytes.fromhex(path.name)
                if digest not in named and not self._readers[digest]:
                    path.unlink(missing_ok=True)

    def drop_parts(self, wanted: Sequence[Segment]) -> None:
        """Remove what was begun and is not wanted any more."""
        names = {segment.sha256.hex() for segment in wanted}
        for path in (self._folder / "parts").iterdir():
            if path.name not in names:
                path.unlink(missing_ok=True)

    def _is_whole(self, segment: Segment) -> bool:
        try:
            with self.path(segment).open("rb") as file:
                return hashlib.file_digest(file, "sha256").digest() == segment.sha256
        except OSError:
            return False

    def _read(self) -> Kept:
        try:
            values: dict[str, Any] = LIST_STATE.decode((self._folder / _STATE_FILE).read_bytes())
        except (OSError, MalformedMessage):
            return Kept()
        epochs = tuple(
            KeptEpoch(
                row["epoch"],
                row["manifest"],
                tuple(Segment(**segment) for segment in row["segments"]),
                row["replaced_at_ms"],
            )
            for row in values["epochs"]
        )
        here = tuple(epoch for epoch in epochs if all(map(self.has, epoch.segments)))
        return Kept(here, values["checked_at_ms"] if here == epochs else 0)

    def _write(self, kept: Kept) -> None:
        body = LIST_STATE.encode(
            {
                "version": 1,
                "checked_at_ms": kept.checked_at_ms,
                "epochs": [
                    {
                        "epoch": epoch.epoch,
                        "manifest": epoch.manifest,
                        "replaced_at_ms": epoch.replaced_at_ms,
                        "segments": [
                            {"sha256": one.sha256, "size_bytes": one.size_bytes}
                            for one in epoch.segments
                        ],
                    }
                    for epoch in kept.epochs
                ],
            }
        )
        fresh = self._folder / (_STATE_FILE + ".new")
        with fresh.open("wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._folder / _STATE_FILE)
        _sync(self._folder)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
