"""The catalogue: the custodian's list, its changes, its searches, and its frozen epochs.

Guarantees: every change is one transaction (killed in its middle, it never happened); an entry
number means one hash for ever; a frozen epoch never changes, whatever is withdrawn later.
Refuses: entries that it doesn't know (`UnknownEntry`), epochs that are not what was frozen
(`EpochDamaged`). Never deletes: what is withdrawn stays, so that no old file brings it back.
How statements merge is the business of `lists.entries`; keys and manifests are that of `publish`.
"""

import contextlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Select, case, func, insert, literal, select, update
from sqlalchemy.exc import DBAPIError

from softfall.custodian.changes import Changes, only_news
from softfall.custodian.feed import FeedReader, FeedWriter, new_stamp
from softfall.custodian.rows import (
    ENTRY_ACTIVE,
    PICTURE_ACTIVE,
    ROWS_AT_ONCE,
    STATEMENT_ACTIVE,
    entries_where,
)
from softfall.custodian.spool import Spool
from softfall.custodian.store import open_database
from softfall.custodian.tables import (
    catalogue_state,
    entries,
    epoch_entries,
    epochs,
    statements,
)
from softfall.errors import InputError, OperatorError
from softfall.lists.entries import MATCH_RADIUS_BITS, Entry, Statement
from softfall.lists.epochs import entries_digest
from softfall.lists.index.choose import build_index
from softfall.lists.index.hamming import I64Array, Matches, U64Array
from softfall.lists.report import ImportReport, Item, Tally

_IMPORT_CACHE_KIB = 128 * 1024

Progress = Callable[[str, int, int], None]
"""Called with ("reading", statements so far, 0), then ("storing", done, all)."""


class UnknownEntry(InputError):
    """No entry of this number or hash."""

    remedy = "Look it up with `softfall list search`; numbers are those that it prints."


class UnknownSource(InputError):
    """A source that says nothing about what it was named for."""

    remedy = "See which sources there are: `softfall list show`."


class UnknownEpoch(InputError):
    """No epoch of this number was ever frozen."""

    remedy = "See which epochs there are: `softfall list show`."


class EpochDamaged(OperatorError):
    """A frozen epoch's entries are no longer those that were frozen."""

    remedy = "Put back a backup of the custodian's data folder, or publish a new epoch."


class ListUnwritable(OperatorError):
    """The list could not be changed; it is as it was."""

    remedy = "Check the data folder's free space and owner, and that no other import runs."


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """What a withdrawal did: how many sources withdrew, and the entries that it took off.

    views: how many statements on views of the picture went with it; their entries are counted too.
    """

    statements: int
    entries: int
    views: int = 0


@dataclass(frozen=True, slots=True)
class SourceCount:
    """What one source says: how many statements stand, and how many it withdrew."""

    source: str
    active: int
    withdrawn: int


@dataclass(frozen=True, slots=True)
class Summary:
    """The list in figures. last_epoch: the newest frozen epoch's number, 0 for none.

    active: entries; pictures: those of them that are no mere views of another.
    """

    active: int
    pictures: int
    withdrawn: int
    by_source: tuple[SourceCount, ...]
    last_epoch: int
    revision: int


class Catalogue:
    """The list in the custodian's database."""

    def __init__(self, engine: Engine, data_dir: Path) -> None:
        """engine: from `open_database(data_dir)`. An import keeps there what it has read."""
        self._engine = engine
        self._data_dir = data_dir

    @classmethod
    def open(cls, data_dir: Path) -> "Catalogue":
        """The catalogue in a custodian's data folder. Raises StoreUnusable."""
        return cls(open_database(data_dir), data_dir)

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    def import_items(
        self, items: Iterable[Item], now_ms: int, progress: Progress | None = None
    ) -> ImportReport:
        """Everything that a file says, all of it or nothing.

        items: from `lists.formats.forms.read`, whose errors pass through (nothing was changed).
        Raises ListUnwritable.
        """
        tell = progress or (lambda *_: None)
        tally = Tally()
        with _named_failures(), Spool(self._data_dir, ROWS_AT_ONCE) as spool:
            for batch in _batches(tally, items):
                tell("reading", tally.statements, 0)
                with self._engine.connect() as connection:
                    news = only_news(connection, batch, now_ms)
                tally.outcomes["unchanged"] += len(batch) - len(news)
                for statement in news:
                    spool.put(statement)
            if spool.count:
                tally.outcomes.update(self._store(spool, now_ms, tell))
        return tally.report()

    def _store(self, spool: Spool, now_ms: int, tell: Progress) -> Counter[str]:
        done = 0
        with self._changing() as (connection, feed):
            changes = Changes(connection, feed, now_ms)
            for batch in spool.batches():
                changes.apply(batch)
                done += len(batch)
                tell("storing", done, spool.count)
        return changes.outcomes

    def add(self, statement: Statement, now_ms: int) -> Entry:
        """Put one statement on the list by hand; the entry as it then is.

        Labels and certifiers join those that stand; what its source withdrew is listed again.
        Raises ListUnwritable.
        """
        with self._changing() as (connection, feed):
            known = next(entries_where(connection, entries.c.pdq == statement.pdq), None)
            before = known.statements if known else ()
            for spoken in before:
                if spoken.source == statement.source:
                    statement = _joined(spoken, statement, now_ms)
            Changes(connection, feed, now_ms).apply([statement])
            return next(entries_where(connection, entries.c.pdq == statement.pdq))

    def withdraw(self, key: int | bytes, source: str | None, now_ms: int) -> Withdrawal:
        """Take one entry off the list, and its picture's views: for all its sources, or one.

        key: entry number or 32-byte hash. Withdrawing twice changes nothing.
        Raises UnknownEntry, UnknownSource, ListUnwritable.
        """
        with self._changing() as (connection, feed):
            entry = _entry(connection, key)
            chosen = [s for s in entry.statements if source in (None, s.source)]
            if not chosen:
                raise UnknownSource(f"{source!r} says nothing about entry {entry.number}")
            withdrawn = [
                replace(s, withdrawn_ms=max(now_ms, s.listed_ms or 0)) for s in chosen if s.active
            ]
            changes = Changes(connection, feed, now_ms)
            changes.apply(withdrawn)
            taken_off = changes.outcomes["withdrawn"]
            return Withdrawal(len(withdrawn), taken_off, changes.followed)

    def withdraw_source(self, source: str, now_ms: int) -> Withdrawal:
        """Withdraw everything that one source says. Raises UnknownSource, ListUnwritable."""
        column = statements.c
        with self._changing() as (connection, feed):
            known = select(func.count()).select_from(statements).where(column.source == source)
            if not connection.scalar(known):
                raise UnknownSource(f"{source!r} says nothing on this list")
            before = _count_active(connection)
            feed.touched_by(source)
            moment = case((column.listed_ms > now_ms, column.listed_ms), else_=now_ms)
            withdrawn = connection.execute(
                update(statements)
                .where(column.source == source, STATEMENT_ACTIVE)
                .values(withdrawn_ms=moment)
            )
            return Withdrawal(withdrawn.rowcount, before - _count_active(connection))

    def show(self, key: int | bytes) -> Entry:
        """One entry, by its number or its hash. Raises UnknownEntry."""
        with self._engine.connect() as connection:
            return _entry(connection, key)

    def show_all(self, numbers: Iterable[int]) -> dict[int, Entry]:
        """The entries of these numbers that exist, by number."""
        wanted = sorted(set(numbers))
        found = {}
        with self._engine.connect() as connection:
            for start in range(0, len(wanted), ROWS_AT_ONCE):
                some = entries.c.number.in_(wanted[start : start + ROWS_AT_ONCE])
                found.update({entry.number: entry for entry in entries_where(connection, some)})
        return found

    def whole_of(self, entry: Entry) -> Entry | None:
        """The entry of the picture that an entry is a view of; None if it is one itself.

        Also None where the picture's own hash is not on the list.
        """
        if not entry.views:
            return None
        with self._engine.connect() as connection:
            return next(entries_where(connection, entries.c.pdq == entry.views[0].whole), None)

    def summary(self) -> Summary:
        """The list in figures."""
        active = func.sum(case((STATEMENT_ACTIVE, 1), else_=0))
        column = statements.c
        with self._engine.connect() as connection:
            rows = connection.execute(
                select(column.source, active, func.count())
                .group_by(column.source)
                .order_by(column.source)
            ).all()
            standing = _count_active(connection)
            everything = connection.scalar(select(func.count()).select_from(entries)) or 0
            return Summary(
                active=standing,
                pictures=connection.scalar(
                    select(func.count()).select_from(entries).where(PICTURE_ACTIVE)
                )
                or 0,
                withdrawn=everything - standing,
                by_source=tuple(SourceCount(row[0], row[1], row[2] - row[1]) for row in rows),
                last_epoch=connection.scalar(select(func.max(epochs.c.number))) or 0,
                revision=connection.scalars(select(catalogue_state.c.revision)).one(),
            )

    @property
    def feed(self) -> FeedReader:
        """What an index follows the list by."""
        return FeedReader(self._engine)

    def entries(self) -> Iterator[Entry]:
        """Every entry, withdrawn ones too, in order of number; streamed from one snapshot."""
        with self._engine.connect() as connection:
            yield from entries_where(connection)

    def active_hashes(self) -> tuple[U64Array, I64Array]:
        """What an index is built from: (N, 4) uint64 hashes and (N,) entry numbers."""
        listed = self.feed.listed()
        return listed.hashes, listed.numbers

    def search(self, queries: U64Array, radius_bits: int = MATCH_RADIUS_BITS) -> Matches:
        """Every active entry within the radius of each query; see `HammingIndex.search`."""
        hashes, numbers = self.active_hashes()
        return build_index(hashes, numbers, len(queries)).search(queries, radius_bits)

    def freeze(self, option: str, now_ms: int) -> int:
        """Freeze the active entries as a new epoch, for ever; its number.

        Nobody is told: an epoch is announced by its manifest. An empty list freezes too (or what
        was withdrawn last could never leave the epoch). Raises ListUnwritable.
        """
        with self._changing() as (connection, _):
            rows = _active_rows(connection)
            number = (connection.scalar(select(func.max(epochs.c.number))) or 0) + 1
            connection.execute(
                insert(epochs).values(
                    number=number,
                    option=option,
                    frozen_at_ms=now_ms,
                    entries_count=len(rows),
                    entries_sha256=entries_digest(rows),
                )
            )
            frozen = select(literal(number), entries.c.number).where(ENTRY_ACTIVE)
            connection.execute(insert(epoch_entries).from_select(["epoch", "entry_number"], frozen))
            return number

    def epoch_entries(self, epoch: int) -> list[tuple[int, bytes]]:
        """(entry number, 32-byte PDQ) of a frozen epoch, in order of number.

        Raises UnknownEpoch, EpochDamaged.
        """
        with self._engine.connect() as connection:
            frozen = connection.execute(select(epochs).where(epochs.c.number == epoch)).first()
            if frozen is None:
                raise UnknownEpoch(f"epoch {epoch} was never frozen")
            query = (
                select(entries.c.number, entries.c.pdq)
                .join(epoch_entries, epoch_entries.c.entry_number == entries.c.number)
                .where(epoch_entries.c.epoch == epoch)
                .order_by(entries.c.number)
            )
            rows = _plain_rows(connection, query)
        if (len(rows), entries_digest(rows)) != (frozen.entries_count, frozen.entries_sha256):
            raise EpochDamaged(f"epoch {epoch} no longer holds what was frozen")
        return rows

    @contextlib.contextmanager
    def _changing(self) -> Iterator[tuple[Connection, FeedWriter]]:
        """One transaction that holds the write lock from its start, and its part of the feed."""
        with _named_failures(), self._engine.connect() as connection:
            if connection.dialect.name == "sqlite":
                connection.exec_driver_sql(f"PRAGMA cache_size=-{_IMPORT_CACHE_KIB}")
                connection.rollback()
            with connection.begin():
                state = catalogue_state.c.revision
                connection.execute(update(catalogue_state).values(revision=state + 1))
                feed = FeedWriter(connection, new_stamp())
                yield connection, feed
                feed.close()


def _batches(tally: Tally, items: Iterable[Item]) -> Iterator[list[Statement]]:
    taken = (tally.take(item) for item in items)
    spoken = (statement for statement in taken if statement is not None)
    while batch := list(islice(spoken, ROWS_AT_ONCE)):
        yield batch


def _entry(connection: Connection, key: int | bytes) -> Entry:
    column = entries.c.number if isinstance(key, int) else entries.c.pdq
    found = next(entries_where(connection, column == key), None)
    if found is None:
        what = f"number {key}" if isinstance(key, int) else "that hash"
        raise UnknownEntry(f"no entry has {what}")
    return found


def _joined(before: Statement, added: Statement, now_ms: int) -> Statement:
    """What a keeper's own addition means beside what its source said before."""
    if before.active:
        return replace(added, listed_ms=before.listed_ms)
    after_ms = (before.withdrawn_ms or 0) + 1
    return replace(added, added_ms=before.added_ms, listed_ms=max(now_ms, after_ms))


def _count_active(connection: Connection) -> int:
    return connection.scalar(select(func.count()).select_from(entries).where(ENTRY_ACTIVE)) or 0


def _active_rows(connection: Connection) -> list[tuple[int, bytes]]:
    query = select(entries.c.number, entries.c.pdq).where(ENTRY_ACTIVE).order_by(entries.c.number)
    return _plain_rows(connection, query)


def _plain_rows(connection: Connection, query: Select[Any]) -> list[tuple[int, bytes]]:
    """The driver's own rows: a million of SQLAlchemy's take three times as long."""
    rows: Any = connection.execute(query).cursor
    found: list[tuple[int, bytes]] = rows.fetchall()
    return found


@contextlib.contextmanager
def _named_failures() -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        raise ListUnwritable(f"the list could not be changed: {error.orig}") from None
    except OSError as error:
        raise ListUnwritable(f"the list could not be changed: {error.strerror}") from None
