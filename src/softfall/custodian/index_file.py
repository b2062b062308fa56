"""The file that the custodian keeps its index in: opened, built from the store, written anew.

Guarantees: what is opened leads to the list as it is: the feed goes on from it, or it is not used.
An index is up to date when its revision and its stamp are the store's; another list may have the
same revision. One process at a time builds or writes; the others wait, and then use what it has
written. A file that is damaged, of another release, no index, or of another list, is built again
from the store, and the log says why. Where no file can be written, or none that reads well, the
service goes on in memory, and says so.
Lists that a plain pass searches fastest have no file: there is nothing to build.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from softfall.custodian.feed import FeedReader, Lost, Progress
from softfall.custodian.store import DataInUse, only_one
from softfall.edge.logs import Logger
from softfall.errors import OperatorError
from softfall.lists.index import snapshot
from softfall.lists.index.choose import SCAN_UP_TO_ENTRIES
from softfall.lists.index.hamming import I64Array, U64Array
from softfall.lists.index.live import Base, LiveIndex
from softfall.lists.index.ring import RingIndex
from softfall.lists.index.scan import VectorScan
from softfall.lists.index.snapshot import Position, SnapshotMissing, SnapshotUnwritable

FOLDER: Final = "index"
FILE: Final = "list.index"

_TURN_POLL_SECONDS: Final = 0.1

FileId = tuple[int, int]
"""Inode and time of change: another file under the same name has another."""


class IndexClosing(OperatorError):
    """The service was stopped while it waited for its index."""

    remedy = "Nothing: start the service again."


@dataclass(frozen=True, slots=True)
class Followed:
    """An index, and how far it has followed the list.

    base_position: where its base stands. applied: how many changes were read since. file: whose
    base it is; None for one in this process's memory alone.
    """

    live: LiveIndex
    position: Position
    base_position: Position
    applied: int
    file: FileId | None

    def on(self, feed: FeedReader) -> "Followed | Lost":
        """The same, up to date."""
        if feed.position() == self.position:
            return self
        news = feed.since(self.position)
        if isinstance(news, Lost):
            return news
        return replace(
            self,
            live=self.live.changed(news.edits),
            position=news.position,
            applied=self.applied + len(news.edits),
        )


class IndexFile:
    """One list's file, under a folder of its own."""

    def __init__(
        self,
        folder: Path,
        feed: FeedReader,
        log: Logger,
        closing: Callable[[], bool] = lambda: False,
    ) -> None:
        """folder: made if need be, its owner's alone. closing: whether to give up waiting."""
        self.path = folder / FILE
        self._feed = feed
        self._log = log
        self._closing = closing

    def file(self) -> FileId | None:
        """Which file lies there now; None for none."""
        try:
            status = self.path.stat()
        except OSError:
            return None
        return status.st_ino, status.st_mtime_ns

    def opened(self) -> Followed | None:
        """The file's index, up to date; None, and a line in the log, where it can't be used."""
        found = self._read()
        if found is None:
            return None
        followed = found.on(self._feed)
        if isinstance(followed, Lost):
            self._log.info("the index is built again", reason=followed.reason)
            return None
        return followed

    def best(self, progress: Progress | None = None) -> Followed:
        """The file's index, or else one built from the store.

        Raises IndexClosing.
        """
        found = self.opened()
        if found is not None:
            return found
        seen = self.file()
        with self._turn():
            if self.file() != seen and (found := self.opened()) is not None:
                return found  # which another process has built meanwhile
            return self.built(progress)

    def built(self, progress: Progress | None = None) -> Followed:
        """An index built from the store, and saved where there is room. The caller has the turn."""

        def tell(done: int, most: int) -> None:
            if self._closing():
                raise IndexClosing("the service was stopped")
            if progress:
                progress(done, most)

        listed = self._feed.listed(tell)
        base = _base(listed.hashes, listed.numbers)
        try:
            return self._saved(base, listed.position)
        except SnapshotUnwritable as unwritable:
            self._log.error("the index can't be saved", what=unwritable.what)
            return _fresh(base, listed.position, None)

    def merged(self, followed: Followed) -> Followed | None:
        """Base and changes as one new base; None while another process is at it.

        Raises SnapshotUnwritable: the index goes on as it is.
        """
        with suppress(DataInUse), only_one(self.path.parent, "index"):
            return self._saved(_base(*followed.live.merged()), followed.position)
        return None

    def _saved(self, base: RingIndex | VectorScan, position: Position) -> Followed:
        if isinstance(base, VectorScan):
            return _fresh(base, position, None)
        size_bytes = snapshot.write(self.path, base, position)
        self._log.info(
            "index saved", entries=len(base), revision=position.revision, bytes=size_bytes
        )
        written = self._read()  # mapped, in place of this process's own memory
        if written is None or written.position != position:
            return _fresh(base, position, None)
        return written

    def _read(self) -> Followed | None:
        """The file's index as it was written; None, and a line in the log, where it can't be used.

        Whatever it is that makes it useless, the store is there.
        """
        try:
            found = snapshot.read(self.path)
            base = RingIndex.from_arrays(found.arrays)
        except SnapshotMissing:
            return None
        except OperatorError as refused:
            self._log.warning("the index can't be used", error=refused.name, what=refused.what)
            return None
        base.ready()  # compiled now, if ever, and not while somebody waits for an answer
        return _fresh(base, found.position, found.file)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Wait until no other process builds."""
        while True:
            try:
                with only_one(self.path.parent, "index"):
                    yield
                    return
            except DataInUse:
                if self._closing():
                    raise IndexClosing("the service was stopped") from None
                time.sleep(_TURN_POLL_SECONDS)


def _fresh(base: Base, position: Position, file: FileId | None) -> Followed:
    return Followed(LiveIndex(base), position, position, 0, file)


def _base(hashes: U64Array, numbers: I64Array) -> RingIndex | VectorScan:
    if len(hashes) <= SCAN_UP_TO_ENTRIES:
        return VectorScan(hashes, numbers)
    return RingIndex.build(hashes, numbers)
