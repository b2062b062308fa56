"""The list on the provider's disk, segment by segment: rows as fetched, and prepared for matching.

Guarantees: a segment that `open` returns is whole and the custodian's: its rows had the digest that
the custodian signed, and every byte of the prepared file was compared with its own digest, by this
process, when it was mapped. All processes of one machine share one file a segment; one prepares it
while the others wait, and a kill in the midst leaves nothing that anybody would use. What is
damaged is made again from the rows, and rows that are damaged are fetched again.
Refuses: RowsMissing, BadListFile, SnapshotUnwritable (a full disk: what was there stays).
Why rows are kept beside what is made of them: they are a twentieth of it, and without them a
damaged file could not be made again while the custodian is away.
"""

import fcntl
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from softfall.crypto.lattice.prepared import prepare
from softfall.errors import OperatorError
from softfall.lists.index import snapshot
from softfall.lists.index.snapshot import Arrays, Position
from softfall.options.homomorphic.listing import SegmentEntry
from softfall.options.homomorphic.segments import BadListFile, U32Array, read_rows
from softfall.provider.files import Files

FORM: Final = 1  # of what `prepare` makes; another number, and all is prepared anew
_SUFFIX: Final = ".prepared"


class RowsMissing(OperatorError):
    """A segment's rows are not on this disk (any more)."""

    remedy = "Nothing: they are fetched again from the custodian."


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment, mapped. prepared: as `crypto.lattice.prepared`; numbers: (blocks, 48) uint32."""

    prepared: U32Array = field(repr=False)
    numbers: U32Array = field(repr=False)

    @property
    def arrays(self) -> Arrays:
        """All that it needs."""
        return {"prepared": self.prepared, "numbers": self.numbers}

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> "Segment":
        """The segment again."""
        return cls(arrays["prepared"], arrays["numbers"])


class Shelf:
    """One folder of segments. threads: how many prepare."""

    def __init__(self, folder: Path, threads: int = 2) -> None:
        self._folder = folder / "prepared"
        for each in (folder, folder / "rows", self._folder):  # hashes: for their owner alone
            each.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.rows = Files(folder / "rows")
        self._threads = threads
        self._step = threading.Lock()
        self._open: dict[bytes, Segment] = {}

    def missing(self, segments: Iterable[SegmentEntry]) -> list[SegmentEntry]:
        """Those whose rows are to be fetched before they can be opened."""
        return [
            each
            for each in segments
            if each.rows_sha256 not in self._open and not self.rows.has(each.rows_sha256)
        ]

    def open(self, entry: SegmentEntry) -> Segment:
        """The segment, mapped; prepared now if it is not yet.

        Raises RowsMissing, BadListFile, SnapshotUnwritable.
        """
        with self._step:
            known = self._open.get(entry.rows_sha256)
            if known is None:
                known = self._open[entry.rows_sha256] = self._mapped(entry)
            return known

    def keep_only(self, segments: Iterable[SegmentEntry]) -> None:
        """Drop all others, from the disk too; whoever still works with one keeps it mapped."""
        named = {each.rows_sha256 for each in segments}
        with self._step:
            self._open = {digest: each for digest, each in self._open.items() if digest in named}
            for digest in set(self.rows.all()) - named:
                self.rows.delete(digest)
            for path in self._folder.glob(f"*{_SUFFIX}"):
                if path.name.removesuffix(_SUFFIX) not in {digest.hex() for digest in named}:
                    path.unlink(missing_ok=True)

    def _mapped(self, entry: SegmentEntry) -> Segment:
        path = self._folder / (entry.rows_sha256.hex() + _SUFFIX)
        found = _read(path, entry)
        if found is not None:
            return found
        with self._alone():
            found = _read(path, entry)  # another process may have made it meanwhile
            if found is None:
                self._prepare(path, entry)
                found = _read(path, entry)
        if found is None:
            raise BadListFile("a segment's file was damaged as soon as it was written")
        return found

    def _prepare(self, path: Path, entry: SegmentEntry) -> None:
        try:
            body = self.rows.read(entry.rows_sha256)
        except FileNotFoundError:
            raise RowsMissing("a segment's rows are not here") from None
        try:
            rows = read_rows(body, entry.rows_sha256)
        except BadListFile:
            self.rows.delete(entry.rows_sha256)
            raise
        if len(rows) != entry.blocks:
            raise BadListFile("a segment has not as many blocks as its list version says")
        made = Segment(prepare(rows.hashes, self._threads), rows.numbers)
        snapshot.write(path, made, _position(entry))

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One process of this machine at a time; the lock goes with the process."""
        with (self._folder / "preparing.lock").open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _read(path: Path, entry: SegmentEntry) -> Segment | None:
    """What is there, if it is whole and of this form; else None: it is made (again)."""
    with suppress(OperatorError, LookupError):
        found = snapshot.read(path)
        if found.position == _position(entry):
            return Segment.from_arrays(found.arrays)
    return None


def _position(entry: SegmentEntry) -> Position:
    return Position(FORM, entry.rows_sha256)
