"""One pass over everything that a service holds, for everything that is looked for.

Guarantees: while a service is searched, all its processes stand still; each of files, log, open
files and memory is told apart, with its size and with what could not be read.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from tests.compare import haystack
from tests.compare.finder import Finder
from tests.compare.haystack import Piece
from tests.compare.needles import Needle
from tests.compare.running import Served

FILES, LOG, OPEN, MEMORY = "files", "log", "open files", "memory"
CHANNELS: Final = (FILES, LOG, OPEN, MEMORY)


@dataclass
class Searched:
    """What came of searching one channel of one service. found: the places of each needle."""

    size_bytes: int = 0
    seconds: float = 0.0
    found: dict[Needle, set[str]] = field(default_factory=dict)
    unread: list[str] = field(default_factory=list)

    def of(self, needles: Iterable[Needle]) -> dict[Needle, set[str]]:
        """Which of these were found, and where."""
        return {needle: self.found[needle] for needle in needles if needle in self.found}


class Search:
    """Looks for these needles wherever it is told to."""

    def __init__(self, needles: Sequence[Needle]) -> None:
        self._needles = needles
        self._finder = Finder([needle.body for needle in needles])

    def service(self, served: Served) -> dict[str, Searched]:
        """Everything that a running service holds, by channel; memory only if it may be read."""
        pids = haystack.session(served.pid)
        with haystack.standing_still(pids):
            return {name: self.pieces(found) for name, found in self._channels(served, pids)}

    def files(self, served: Served) -> Searched:
        """Its files alone, while it goes on."""
        return self.pieces(haystack.files_below(served.place.folder, self._finder.longest_bytes))

    def memory(self, served: Served) -> Searched:
        """Its memory alone, while it goes on."""
        return self.pieces(self._memory(haystack.session(served.pid)))

    def pieces(self, pieces: Iterable[Piece]) -> Searched:
        """Look through all of these."""
        begun, searched = time.perf_counter(), Searched()
        for piece in pieces:
            if piece.unread:
                searched.unread.append(f"{piece.place}: {piece.unread}")
            searched.size_bytes += len(piece.body) - piece.repeated_bytes
            for number, _ in self._finder.find(piece.body):
                searched.found.setdefault(self._needles[number], set()).add(piece.place)
        searched.seconds = time.perf_counter() - begun
        return searched

    def _channels(
        self, served: Served, pids: Sequence[int]
    ) -> Iterator[tuple[str, Iterator[Piece]]]:
        folder, log = served.place.folder, served.place.log
        overlap_bytes = self._finder.longest_bytes
        yield FILES, haystack.files_below(folder, overlap_bytes, besides=(log,))
        yield LOG, haystack.file(log, log.name, overlap_bytes)
        yield OPEN, haystack.open_files(pids, folder, overlap_bytes)
        if not haystack.why_unreadable(served.pid):
            yield MEMORY, self._memory(pids)

    def _memory(self, pids: Sequence[int]) -> Iterator[Piece]:
        for pid in pids:
            yield from haystack.memory(pid, self._finder.longest_bytes)
