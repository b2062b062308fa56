"""Putting statements into the catalogue, a few thousand at a time, inside one transaction.

Guarantees: two statements by one source on one hash merge as `lists.entries` says, whether the
first came from this file or an earlier one; an entry number is given once; a view is
withdrawn with its picture and listed again with it, whichever of the two came first; what joins the
active entries or leaves them is written down in the feed.
The caller holds the write lock (see `Catalogue`) and commits.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

from sqlalchemy import Connection, Table, bindparam, insert, select, update

from softfall.custodian.feed import FeedWriter
from softfall.custodian.rows import STATEMENT_COLUMNS, entries_of, row_of, views_of
from softfall.custodian.tables import catalogue_state, entries, statements
from softfall.lists.entries import Statement, follow, merge


@dataclass(slots=True)
class _Kept:
    """What the catalogue holds of one hash, while a batch changes it."""

    number: int
    is_new: bool
    was_active: bool
    stored: frozenset[str]
    by_source: dict[str, Statement]
    changed: set[str]

    @property
    def active(self) -> bool:
        return any(statement.active for statement in self.by_source.values())


def only_news(connection: Connection, batch: list[Statement], now_ms: int) -> list[Statement]:
    """A batch without those statements that would change nothing, now or ever.

    Needs no lock: merging only ever adds, so what is told already stays told.
    """
    known = entries_of(connection, {statement.pdq for statement in batch})
    told = {
        (entry.pdq, statement.source): statement
        for entry in known.values()
        for statement in entry.statements
    }

    def is_news(statement: Statement) -> bool:
        before = told.get((statement.pdq, statement.source))
        return before is None or merge(before, dated(statement, now_ms)) != before

    return [statement for statement in batch if is_news(statement)]


def dated(statement: Statement, now_ms: int) -> Statement:
    """Where nobody said when it was listed, it was now."""
    if statement.added_ms is None and statement.withdrawn_ms is None:
        return replace(statement, added_ms=now_ms)
    return statement


class Changes:
    """The changes of one transaction."""

    def __init__(self, connection: Connection, feed: FeedWriter, now_ms: int) -> None:
        self._connection = connection
        self._feed = feed
        self._now_ms = now_ms
        self.outcomes: Counter[str] = Counter()
        self.followed = 0
        """How many statements on views changed with their pictures'."""

    def apply(self, batch: Iterable[Statement]) -> None:
        """Merge a batch into the list; `outcomes` counts what became of each statement."""
        spoken = [dated(statement, self._now_ms) for statement in batch]
        kept = self._known({statement.pdq for statement in spoken})
        for statement in spoken:
            self.outcomes[self._join(kept, statement)] += 1
        self._follow(kept)
        self._store(kept.values())
        self._feed.touched(
            [entry.number for entry in kept.values() if entry.active != entry.was_active]
        )
        for entry in kept.values():
            if entry.was_active and not entry.active:
                self.outcomes["withdrawn"] += 1
            elif entry.active and not entry.was_active and not entry.is_new:
                self.outcomes["relisted"] += 1

    def _known(self, hashes: set[bytes]) -> dict[bytes, _Kept]:
        kept = {}
        for pdq, entry in entries_of(self._connection, hashes).items():
            by_source = {statement.source: statement for statement in entry.statements}
            stored = frozenset(by_source)
            kept[pdq] = _Kept(entry.number, False, entry.active, stored, by_source, set())
        return kept

    def _join(self, kept: dict[bytes, _Kept], statement: Statement) -> str:
        entry = kept.get(statement.pdq)
        if entry is None:
            source = statement.source
            kept[statement.pdq] = _Kept(0, True, False, frozenset(), {source: statement}, {source})
            return "added"
        before = entry.by_source.get(statement.source)
        after = statement if before is None else merge(before, statement)
        if after == before:
            return "unchanged"
        entry.by_source[statement.source] = after
        entry.changed.add(statement.source)
        return "merged"

    def _follow(self, kept: dict[bytes, _Kept]) -> None:
        """Let views follow their pictures, where either of the two changed."""
        changed = [
            (pdq, entry.by_source[source])
            for pdq, entry in kept.items()
            for source in entry.changed
        ]
        wholes = {spoken.view.whole for _, spoken in changed if spoken.view}
        withdrawn = {
            pdq for pdq, spoken in changed if not spoken.view and spoken.withdrawn_ms is not None
        }
        others = wholes | (views_of(self._connection, withdrawn) if withdrawn else set())
        kept.update(self._known(others - kept.keys()))
        for entry in kept.values():
            for source, spoken in entry.by_source.items():
                picture = kept.get(spoken.view.whole) if spoken.view else None
                whole = picture.by_source.get(source) if picture else None
                after = follow(spoken, whole) if whole else spoken
                if after != spoken:
                    entry.by_source[source] = after
                    entry.changed.add(source)
                    self.followed += 1

    def _store(self, kept: Iterable[_Kept]) -> None:
        new = [entry for entry in kept if entry.is_new]
        first = self._take_numbers(len(new))
        for number, entry in enumerate(new, first):
            entry.number = number
        _insert_all(self._connection, entries, [(entry.number, _hash_of(entry)) for entry in new])
        added: list[tuple[object, ...]] = []
        changed: list[dict[str, object]] = []
        for entry in kept:
            for source in entry.changed:
                row = row_of(entry.number, entry.by_source[source])
                if source in entry.stored:
                    changed.append(_as_update(row))
                else:
                    added.append(tuple(row.values()))
        _insert_all(self._connection, statements, added)
        if changed:
            self._connection.execute(_UPDATE, changed)

    def _take_numbers(self, count: int) -> int:
        """The first of `count` entry numbers that nobody ever had."""
        first: int = self._connection.scalars(select(catalogue_state.c.next_number)).one()
        if count:
            self._connection.execute(update(catalogue_state).values(next_number=first + count))
        return first


_UPDATE = (
    update(statements)
    .where(
        statements.c.entry_number == bindparam("key_number"),
        statements.c.source == bindparam("key_source"),
    )
    .values(
        {
            column: bindparam(f"new_{column}")
            for column in STATEMENT_COLUMNS
            if column not in ("entry_number", "source")
        }
    )
)


def _insert_all(connection: Connection, table: Table, rows: list[tuple[object, ...]]) -> None:
    """Insert rows of values, in the table's order of columns.

    Handed to the driver as they are: a million rows would spend most of their time being renamed.
    """
    compiled = insert(table).compile(dialect=connection.dialect)
    names = table.columns.keys()
    if not rows:
        return
    if compiled.positional:
        connection.exec_driver_sql(str(compiled), rows)
    else:
        named = [dict(zip(names, row, strict=True)) for row in rows]
        connection.exec_driver_sql(str(compiled), named)


def _as_update(row: dict[str, object]) -> dict[str, object]:
    named = {f"new_{column}": value for column, value in row.items()}
    return named | {"key_number": row["entry_number"], "key_source": row["source"]}


def _hash_of(entry: _Kept) -> bytes:
    return next(iter(entry.by_source.values())).pdq
