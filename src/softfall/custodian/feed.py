"""The change feed: what an index must learn to be up to date, without reading the list again.

Guarantees: what touched an entry is written down in the transaction that did it, so a reader who
follows the feed from any position has, at the end, the list as it is. Each revision has a random
stamp: a position of another store, or of one that was put back from a backup, is not mistaken for
one of this store. All the reads of one answer see one state.
Refuses: nothing. A position that the feed no longer reaches back to is answered by `Lost`, with the
reason; the reader then reads the list once, whole.
Whoever changes what `ENTRY_ACTIVE` depends on calls `touched` for every entry concerned; naming one
too many costs a little time, and nothing else.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from sqlalchemy import Connection, Engine, Select, delete, func, insert, literal, select, text

from softfall.custodian.rows import ENTRY_ACTIVE, STATEMENT_ACTIVE
from softfall.custodian.tables import (
    catalogue_state,
    entries,
    list_changes,
    list_revisions,
    statements,
)
from softfall.lists.index.hamming import WORDS, I64Array, U64Array
from softfall.lists.index.live import BoolArray, Edits
from softfall.lists.index.snapshot import Position

KEPT_CHANGES: Final = 1_000_000
"""A reader who is further behind reads the whole list: it takes about as long."""

STAMP_BYTES: Final = 16
_ROWS_READ_AT_ONCE: Final = 2_000  # few enough to stay in the caches

# Once for each entry, though an import may come to it again and again.
_WRITE_DOWN: Final = text(
    "INSERT INTO list_changes (revision, entry_number) VALUES (:revision, :entry_number)"
    " ON CONFLICT DO NOTHING"
)

Progress = Callable[[int, int], None]
"""Called with (entries so far, at most so many)."""


@dataclass(frozen=True, slots=True)
class Lost:
    """The feed can't lead on from a position. reason: a clause for a log.

    of_another: the position is not one of this list; else it only lies too far back.
    """

    reason: str
    of_another: bool


@dataclass(frozen=True, slots=True)
class News:
    """What changed, and the position after it."""

    position: Position
    edits: Edits


@dataclass(frozen=True, slots=True, eq=False)
class Listed:
    """The list's active entries: (N, 4) uint64 hashes and (N,) int64 numbers, by number."""

    position: Position
    hashes: U64Array
    numbers: I64Array


class FeedWriter:
    """The feed's part of one transaction that changes the list."""

    def __init__(self, connection: Connection, stamp: bytes) -> None:
        """After the transaction has counted its revision. stamp: STAMP_BYTES, never used before."""
        self._connection = connection
        self._revision: int = connection.scalars(select(catalogue_state.c.revision)).one()
        self._touched = 0
        connection.execute(insert(list_revisions).values(revision=self._revision, stamp=stamp))

    def touched(self, numbers: Sequence[int]) -> None:
        """Entries that may have been put on the list, or taken off it."""
        if numbers and self._room_for(len(numbers)):
            rows = [{"revision": self._revision, "entry_number": number} for number in numbers]
            self._connection.execute(_WRITE_DOWN, rows)

    def touched_by(self, source: str) -> None:
        """Every entry of which this source says something that stands."""
        said = statements.c.source == source, STATEMENT_ACTIVE
        count = select(func.count()).select_from(statements).where(*said)
        if self._room_for(self._connection.scalar(count) or 0):
            theirs = select(literal(self._revision), statements.c.entry_number).where(*said)
            columns = ["revision", "entry_number"]
            self._connection.execute(insert(list_changes).from_select(columns, theirs))

    def close(self) -> None:
        """Cut off what is too old."""
        column = list_changes.c.revision
        oldest = self._connection.scalar(
            select(column).order_by(column.desc()).limit(1).offset(KEPT_CHANGES)
        )
        self._cut(max(oldest or 0, self._revision - KEPT_CHANGES))

    def _room_for(self, count: int) -> bool:
        """Whether so many more are written down; if not, the feed begins after this change."""
        self._touched += count
        if self._touched <= KEPT_CHANGES:
            return True
        self._cut(self._revision)
        return False

    def _cut(self, revision: int) -> None:
        """The feed begins at this revision: what it changed, and what came before, is gone."""
        self._connection.execute(delete(list_changes).where(list_changes.c.revision <= revision))
        older = list_revisions.c.revision < revision
        self._connection.execute(delete(list_revisions).where(older))


class FeedReader:
    """Following the list of one custodian's database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def position(self) -> Position:
        """Where the list is now: one question, all that has to be asked again and again."""
        with self._engine.connect() as connection:
            return _position(connection)

    def since(self, position: Position) -> News | Lost:
        """What changed after a position: each entry touched, as it is now."""
        with self._view() as connection:
            now = _position(connection)
            if now == position:
                return News(now, Edits.of(()))
            if position.revision > now.revision:
                return Lost("the list is older than the index: put back from a backup", True)
            stamp = connection.scalar(
                select(list_revisions.c.stamp).where(list_revisions.c.revision == position.revision)
            )
            if stamp is None:
                return Lost("more has changed since than the feed keeps", False)
            if stamp != position.stamp:
                return Lost("the index is of another list", True)
            touched = select(list_changes.c.entry_number).where(
                list_changes.c.revision > position.revision
            )
            query = select(entries.c.number, entries.c.pdq, ENTRY_ACTIVE).where(
                entries.c.number.in_(touched)
            )
            numbers, hashes, listed = _columns(connection, query)
            return News(now, Edits(numbers, hashes, listed))

    def listed(self, progress: Progress | None = None) -> Listed:
        """Every active entry. Takes their 40 bytes each of memory, and little more."""
        query = select(entries.c.number, entries.c.pdq, literal(1)).where(ENTRY_ACTIVE)
        with self._view() as connection:
            position = _position(connection)
            ordered = query.order_by(entries.c.number)
            numbers, hashes, _ = _columns(connection, ordered, progress)
        return Listed(position, hashes, numbers)

    @contextmanager
    def _view(self) -> Iterator[Connection]:
        """One state of the database for all that is read."""
        with self._engine.connect() as connection:
            if connection.dialect.name == "sqlite":
                connection.exec_driver_sql("BEGIN")  # the driver itself begins before writes only
            yield connection


def new_stamp() -> bytes:
    """A stamp that no revision of any store has."""
    return os.urandom(STAMP_BYTES)


_POSITION: Final = select(list_revisions.c.revision, list_revisions.c.stamp).join(
    catalogue_state, catalogue_state.c.revision == list_revisions.c.revision
)


def _position(connection: Connection) -> Position:
    row = connection.execute(_POSITION).one()
    return Position(row.revision, row.stamp)


def _columns(
    connection: Connection, query: Select[Any], progress: Progress | None = None
) -> tuple[I64Array, U64Array, BoolArray]:
    """The rows (number, hash, truth value) of a query, as arrays.

    As long as the list could be at most: pages that are never written to take no memory.
    """
    most = connection.scalars(select(catalogue_state.c.next_number)).one() - 1
    numbers, listed = np.empty(most, np.int64), np.empty(most, np.bool_)
    hashes = np.empty((most, WORDS), np.uint64)
    done = 0
    # The driver's own rows: ten million of SQLAlchemy's take three times as long.
    rows: Any = connection.execute(query).cursor
    while part := rows.fetchmany(_ROWS_READ_AT_ONCE):
        some, pdqs, truths = zip(*part, strict=True)
        end = done + len(some)
        numbers[done:end] = some
        listed[done:end] = truths
        hashes[done:end] = np.frombuffer(b"".join(pdqs), ">u8").reshape(-1, WORDS)
        done = end
        if progress:
            progress(done, most)
    return numbers[:done], hashes[:done], listed[:done]
