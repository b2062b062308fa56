"""Fetching the on-device list from a mirror that is not trusted: verified, bounded, resumable.

Guarantees: metadata is believed as The Update Framework says, from the pinned root on, by the clock
that is given in; a segment is kept only if length and SHA-256 are those that the metadata names.
What came of a segment before the connection broke, or the process died, is not fetched again.
Every wait ends: metadata within `METADATA_SECONDS`, segments at `MIN_BYTES_PER_SECOND` at least.
Refuses by name: see list_errors.py.
Source: The Update Framework 1.0, section 5 (the client's workflow), by `tuf.ngclient`.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from tuf.api.exceptions import DownloadHTTPError
from tuf.api.metadata import Metadata, TargetFile, Targets
from tuf.ngclient import Updater, UpdaterConfig
from tuf.ngclient.fetcher import FetcherInterface

from softfall.device.list_errors import ListAltered, ListIncomplete, ListTooSlow
from softfall.device.list_shelf import ListShelf, Segment
from softfall.device.surroundings import Surroundings
from softfall.device.transport import SaidByService, ServiceUnreachable, Transport
from softfall.lists.distribution import (
    MAX_METADATA_BYTES,
    MAX_SEGMENT_BYTES,
    MAX_VERSIONS,
    METADATA,
    manifest_name,
    read_target,
    segment_name,
    target_path,
)

METADATA_SECONDS = 30.0
MIN_BYTES_PER_SECOND = 2048
PACE_SECONDS = 20.0
TRIES = 3

_PREFIX = "list:/"
_MISSING = "ListFileMissing"
_CONFIG = UpdaterConfig(
    root_max_length=MAX_METADATA_BYTES,
    timestamp_max_length=MAX_METADATA_BYTES,
    snapshot_max_length=MAX_METADATA_BYTES,
    targets_max_length=MAX_METADATA_BYTES,
)

Progress = Callable[[int, int], None]
"""Called with (bytes here, bytes in all) of what an update has to fetch."""


@dataclass(frozen=True, slots=True)
class Offered:
    """What the signed metadata says of one epoch. segments: the base, then each delta in order."""

    epoch: int
    manifest: TargetFile
    segments: tuple[Segment, ...]

    @property
    def version(self) -> int:
        """The newest version."""
        return len(self.segments) - 1


def refresh(
    shelf: ListShelf, transport: Transport, trusted_root: bytes, around: Surroundings
) -> Offered:
    """The newest epoch of the list, by verified metadata.

    Raises what `tuf` raises (see `named_list_errors`), ListIncomplete, ListTooSlow, ListAltered.
    """
    updater = Updater(
        str(shelf.metadata),
        f"{_PREFIX}{METADATA}",
        fetcher=_Fetcher(transport, around),
        config=_CONFIG,
        bootstrap=trusted_root,
    )
    # The client reads the system's clock when it is made. Ours is given in: a test moves it.
    now = datetime.fromtimestamp(around.now_ms() // 1000, UTC)
    updater._trusted_set.reference_time = now
    updater.refresh()
    # What `refresh` has just verified, it has also written here.
    body = (shelf.metadata / "targets.json").read_bytes()
    return newest(Metadata[Targets].from_bytes(body).signed.targets)


def newest(targets: Mapping[str, TargetFile]) -> Offered:
    """The newest epoch among verified targets. Raises ListIncomplete, ListAltered."""
    named = {name: read_target(name) for name in targets}
    numbers = [target.epoch for target in named.values() if target and target.version is None]
    if not numbers:
        raise ListIncomplete("the list has no epoch yet")
    epoch = max(numbers)
    versions = sorted(
        target.version
        for target in named.values()
        if target and target.epoch == epoch and target.version is not None
    )
    if not versions or versions != list(range(len(versions))):
        raise ListAltered(f"versions of epoch {epoch} are missing from the signed list")
    files = [targets[segment_name(epoch, version)] for version in versions]
    if len(files) > MAX_VERSIONS or max(file.length for file in files) > MAX_SEGMENT_BYTES:
        raise ListAltered("the signed list names more than a list may have")
    segments = tuple(Segment(_sha256(file), file.length) for file in files)
    return Offered(epoch, targets[manifest_name(epoch)], segments)


def fetch_small(transport: Transport, name: str, file: TargetFile, around: Surroundings) -> bytes:
    """A target that fits in memory, verified. Raises ListAltered, ListIncomplete, ListTooSlow."""
    if file.length > MAX_METADATA_BYTES:
        raise ListAltered("a small file of the list is a large one")
    body = bytearray()
    path = target_path(name, _sha256(file).hex())
    try:
        for piece in _bounded(transport, path, around):
            body += piece
            if len(body) > file.length:
                break
    except DownloadHTTPError:
        raise ListIncomplete("a file of the list is missing") from None
    if len(body) < file.length:
        raise ListIncomplete("a file of the list ended early")
    return _verified(bytes(body), file)


class Download:
    """Fetching one epoch's missing segments."""

    def __init__(
        self,
        shelf: ListShelf,
        transport: Transport,
        around: Surroundings,
        progress: Progress,
        stopped: Callable[[], bool],
    ) -> None:
        self._shelf = shelf
        self._transport = transport
        self._around = around
        self._progress = progress
        self._stopped = stopped
        self._total_bytes = 0
        self._here_bytes = 0

    def run(self, offered: Offered) -> None:
        """Until all are here. Raises as list_errors.py names it, ServiceUnreachable, OSError."""
        missing = [
            (version, segment)
            for version, segment in enumerate(offered.segments)
            if not self._shelf.has(segment)
        ]
        self._shelf.drop_parts([segment for _, segment in missing])
        self._total_bytes = sum(segment.size_bytes for _, segment in missing)
        self._here_bytes = sum(self._begun(segment) for _, segment in missing)
        if missing:
            self._progress(self._here_bytes, self._total_bytes)
        for version, segment in missing:
            name = segment_name(offered.epoch, version)
            self._fetch(target_path(name, segment.sha256.hex()), segment)

    def _fetch(self, path: str, segment: Segment) -> None:
        tries, pace = TRIES, _Pace(self._around)
        while (begun := self._begun(segment)) < segment.size_bytes:
            try:
                self._go_on(path, segment, begun, pace)
            except ServiceUnreachable:
                # Once more while it helps: a mobile network breaks often.
                pace.count(0)
                tries -= self._begun(segment) == begun
                if tries <= 0 or self._stopped():
                    raise
            else:
                if self._begun(segment) < segment.size_bytes:
                    raise ListIncomplete("a segment of the list ended early")
        if not self._shelf.accept(segment):
            raise ListAltered("a segment is not the one that the signed list names")

    def _go_on(self, path: str, segment: Segment, begun: int, pace: "_Pace") -> None:
        part = self._shelf.part(segment)
        with part.open("ab", buffering=0) as file:
            for piece in _from(self._transport, path, begun):
                if self._stopped():
                    raise ListIncomplete("the device is closing")
                begun += len(piece)
                if begun > segment.size_bytes:
                    break
                self._write(part, file, piece)
                pace.count(len(piece))
                self._here_bytes += len(piece)
                self._progress(self._here_bytes, self._total_bytes)
        if begun > segment.size_bytes:
            part.unlink(missing_ok=True)
            raise ListAltered("a segment is longer than the signed list says")

    def _write(self, part: Path, file: IO[bytes], piece: bytes) -> None:
        rest = memoryview(piece)
        try:
            while rest:
                rest = rest[file.write(rest) :]
        except OSError:
            part.unlink(missing_ok=True)  # a full disk: do not be what fills it
            raise

    def _begun(self, segment: Segment) -> int:
        """How much of a segment is here already."""
        part = self._shelf.part(segment)
        size_bytes = part.stat().st_size if part.exists() else 0
        if size_bytes > segment.size_bytes:
            part.unlink()
            return 0
        return size_bytes


class _Pace:
    """A download that is slower than this, window by window, is given up."""

    def __init__(self, around: Surroundings) -> None:
        self._now_ms = around.monotonic_ms
        self._since_ms = around.monotonic_ms()
        self._bytes = 0

    def count(self, size_bytes: int) -> None:
        """Raises ListTooSlow at the end of a slow window."""
        self._bytes += size_bytes
        passed_ms = self._now_ms() - self._since_ms
        if passed_ms < PACE_SECONDS * 1000:
            return
        if self._bytes * 1000 < MIN_BYTES_PER_SECOND * passed_ms:
            raise ListTooSlow(f"under {MIN_BYTES_PER_SECOND} bytes a second")
        self._since_ms, self._bytes = self._now_ms(), 0


class _Fetcher(FetcherInterface):
    """The update client's way to metadata: the device's own transport."""

    def __init__(self, transport: Transport, around: Surroundings) -> None:
        self._transport = transport
        self._around = around

    def _fetch(self, url: str) -> Iterator[bytes]:
        return _bounded(self._transport, url.removeprefix(_PREFIX), self._around)


def _bounded(transport: Transport, path: str, around: Surroundings) -> Iterator[bytes]:
    """A small file's pieces, all within METADATA_SECONDS. Raises ListTooSlow."""
    deadline_ms = around.monotonic_ms() + METADATA_SECONDS * 1000
    for piece in _from(transport, path, 0):
        if around.monotonic_ms() > deadline_ms:
            raise ListTooSlow("the list's metadata takes too long")
        yield piece


def _from(transport: Transport, path: str, start: int) -> Iterator[bytes]:
    """A file's pieces. Raises DownloadHTTPError for one that is not there."""
    try:
        yield from transport.get_list(path, start)
    except Exception as error:
        if isinstance(error, SaidByService) and error.name == _MISSING:
            raise DownloadHTTPError("the mirror has no such file", 404) from None
        raise


def _verified(body: bytes, file: TargetFile) -> bytes:
    if len(body) != file.length or hashlib.sha256(body).digest() != _sha256(file):
        raise ListAltered("a file is not the one that the signed list names")
    return body


def _sha256(file: TargetFile) -> bytes:
    """The digest that the metadata gives. Raises ListAltered where it gives none."""
    try:
        digest = bytes.fromhex(file.hashes["sha256"])
    except (KeyError, ValueError):
        digest = b""
    if len(digest) != 32:
        raise ListAltered("the signed list gives no SHA-256")
    return digest
