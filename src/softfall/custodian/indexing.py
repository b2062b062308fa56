"""The custodian's index of its list: opened or built once, up to date ever after.

Guarantees: a search sees one state of the list, whole, and waits for nobody; a change is in effect
within `poll_seconds` and the moment that it takes to apply (`start`), or with the next `catch_up`.
Neither building nor merging stops a search. What can't be done now (a full disk, a busy database)
is told in the log, once, and tried again.
Leaves to others: what is searched for, and who may.

A list that changed more than the feed keeps (a first import of millions) is read whole, in the
background; until then the index is as it was before.
"""

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from softfall.custodian.catalogue import Catalogue
from softfall.custodian.feed import Lost, Progress
from softfall.custodian.index_file import FileId, Followed, IndexFile
from softfall.edge.logs import Logger, failure, make_logger
from softfall.errors import SoftfallError
from softfall.lists.entries import MATCH_RADIUS_BITS
from softfall.lists.index.hamming import WORDS, Matches, U64Array
from softfall.lists.index.scan import VectorScan

POLL_SECONDS: Final = 0.2
MERGED_FROM_CHANGES: Final = 20_000
"""So many changes, or a 20th of the list if that is more, are merged into a new base."""

_MOST_CHANGES: Final = 500_000  # a 20th of a larger list would take too much to look through
_SHARE: Final = 20
_RETRY_SECONDS: Final = 600.0
_NICE: Final = 10
_CLOSE_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class IndexState:
    """revision: of the list, as far as it is followed. base: entries of the part that never
    changes. pending: entries changed since. on_disk: whether the base is a mapped file."""

    revision: int
    base: int
    pending: int
    on_disk: bool


class ListIndex:
    """One process's index of the custodian's list; safe to use from any thread."""

    def __init__(
        self,
        catalogue: Catalogue,
        folder: Path,
        poll_seconds: float = POLL_SECONDS,
        merged_from: int = MERGED_FROM_CHANGES,
        log: Logger | None = None,
    ) -> None:
        """folder: where the file lies, shared by all processes that search this list.

        Nothing is opened yet: `start` does it in the background, or the first search does.
        """
        self._feed = catalogue.feed
        self._poll_seconds = poll_seconds
        self._merged_from = merged_from
        self._log = log or make_logger("index")
        self._closing = threading.Event()
        self._file = IndexFile(folder, self._feed, self._log, self._closing.is_set)
        self._now: Followed | None = None
        self._step = threading.Lock()  # held by whoever is about to replace `_now`
        self._refused: FileId | None = None
        self._threads: list[threading.Thread] = []
        self._merging = threading.Lock()
        self._merge_after = 0.0
        self._trouble = ""

    def search(self, queries: U64Array, radius_bits: int = MATCH_RADIUS_BITS) -> Matches:
        """Every active entry within the radius of each query; see `HammingIndex.search`.

        The first one opens the index, or builds it.
        """
        now = self._now or self.open()
        return now.live.search(queries, radius_bits)

    def open(self, progress: Progress | None = None) -> Followed:
        """Open the index now, or build it; progress is told of the entries that are read."""
        with self._step:
            if self._now is None:
                self._now = self._file.best(progress)
            return self._now

    def catch_up(self) -> None:
        """Take in what has changed until now: one question to the database, if nothing has.

        What the feed can't tell any more is read in the background, where `start` has begun one.
        """
        self.open()
        with self._step:
            assert self._now is not None
            followed = self._now.on(self._feed)
            if isinstance(followed, Followed):
                self._now = followed
            elif not self._threads:
                self._now = self._file.best()

    def state(self) -> IndexState:
        """Where the index stands. Opens it."""
        now = self._now or self.open()
        return IndexState(
            now.position.revision, len(now.live.base), now.live.pending, now.file is not None
        )

    def start(self) -> None:
        """Follow the list in the background, until `close`."""
        self._begin(self._follow, "index")

    def close(self) -> None:
        """End the background's work; what is half written is begun again next time.

        A building that can't be stopped at once ends with the process.
        """
        self._closing.set()
        for thread in self._threads:
            thread.join(_CLOSE_SECONDS)
        self._threads.clear()

    def _follow(self) -> None:
        is_ready = False
        while not self._closing.is_set():
            try:
                if not is_ready:
                    _compile_layers()
                    is_ready = True
                self._take_in()
                self._trouble = ""
            except Exception as error:  # it must outlive any failure; told once a change of fortune
                if self._trouble != type(error).__name__:
                    self._trouble = type(error).__name__
                    self._log.error("following the list failed", **_told(error))
            self._closing.wait(self._poll_seconds)

    def _take_in(self) -> None:
        """One look: at the file, which another process may have replaced, and at the feed."""
        now = self._now or self.open()
        file = self._file.file()
        if file not in (None, now.file, self._refused):
            found = self._file.opened()
            self._refused = None if found else file
            if found:
                self._replace(found)
        with self._step:
            assert self._now is not None
            followed = self._now.on(self._feed)
            if isinstance(followed, Followed):
                self._now = followed
        if isinstance(followed, Lost):
            self._log.info("the index is built again", reason=followed.reason)
            self._begin_again(self._file.best())
        elif self._is_due(followed):
            self._merge_beside()

    def _replace(self, found: Followed) -> None:
        """Go on from another base, followed as far as the list is."""
        followed = found.on(self._feed)  # the most of it, while others may take a step
        if isinstance(followed, Followed):
            with self._step:
                followed = followed.on(self._feed)
                if isinstance(followed, Followed):
                    self._now = followed  # if not, the next look builds

    def _begin_again(self, found: Followed) -> None:
        """Go on from an index that was built, whatever this one thought it knew."""
        with self._step:
            self._now = found

    def _is_due(self, followed: Followed) -> bool:
        due = max(self._merged_from, min(len(followed.live.base) // _SHARE, _MOST_CHANGES))
        return followed.applied >= due and time.monotonic() >= self._merge_after

    def _merge_beside(self) -> None:
        """Merge in a thread of its own, since changes must be taken in meanwhile."""
        if not self._merging.acquire(blocking=False):
            return
        try:
            self._threads = [thread for thread in self._threads if thread.is_alive()]
            self._begin(self._merge, "index merge")
        except BaseException:  # no thread can be had: the next look tries again
            self._merging.release()
            raise

    def _begin(self, work: Callable[[], None], name: str) -> None:
        """Work in a thread that `close` waits for."""
        thread = threading.Thread(target=work, name=name, daemon=True)
        self._threads.append(thread)
        try:
            thread.start()
        except BaseException:
            self._threads.remove(thread)
            raise

    def _merge(self) -> None:
        try:
            _give_way()
            with self._step:
                now = self._now
            assert now is not None
            merged = self._file.merged(now)
            if merged is not None:
                self._replace(merged)
        except Exception as error:  # the index goes on as it is
            self._merge_after = time.monotonic() + _RETRY_SECONDS
            self._log.error("merging the index failed", **_told(error))
        finally:
            self._merging.release()


def _compile_layers() -> None:
    """What searches layers of changes is compiled now, if ever, and not while somebody waits."""
    nothing = np.zeros((1, WORDS), np.uint64)
    VectorScan(nothing).search(nothing)


def _give_way() -> None:
    """This thread's work waits for searches, where the system knows threads' priorities."""
    with suppress(OSError, AttributeError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)


def _told(error: Exception) -> dict[str, object]:
    if isinstance(error, SoftfallError):
        return {"error": error.name, "what": error.what}
    return failure(error)
