"""Putting statements into the catalogue, a few thousand at a time, inside one transaction.

Guarantees: two statements by one source on one hash merge as `lists.entries` says, whether the
first came from this file or an earlier one; an entry number is given once.
The caller holds the write lock (see `Catalogue`) and commits.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

from sqlalchemy import Connection, bindparam, insert, select, update

from softfall.custodian.rows import entries_of, row_of
from softfall.custodian.tables import catalogue_state, entries, statements
from softfall.lists.entries import Statement, merge


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


class Changes:
    """The changes of one transaction."""

    def __init__(self, connection: Connection, now_ms: int) -> None:
        self._connection = connection
        self._now_ms = now_ms
        self.outcomes: Counter[str] = Counter()

    def apply(self, batch: Iterable[Statement]) -> None:
        """Merge a batch into the list; `outcomes` counts what became of each statement."""
        spoken = [self._dated(statement) for statement in batch]
        kept = self._known({statement.pdq for statement in spoken})
        for statement in spoken:
            self.outcomes[self._join(kept, statement)] += 1
        self._store(kept.values())
        for entry in kept.values():
            if entry.was_active and not entry.active:
                self.outcomes["withdrawn"] += 1
            elif entry.active and not entry.was_active and not entry.is_new:
                self.outcomes["relisted"] += 1

    def _dated(self, statement: Statement) -> Statement:
        """Where nobody said when it was listed, it was now."""
        if statement.added_ms is None and statement.withdrawn_ms is None:
            return replace(statement, added_ms=self._now_ms)
        return statement

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

    def _store(self, kept: Iterable[_Kept]) -> None:
        new = [entry for entry in kept if entry.is_new]
        number = self._take_numbers(len(new))
        rows = []
        for entry in new:
            entry.number = number
            number += 1
            rows.append({"number": entry.number, "pdq": _hash_of(entry)})
        if rows:
            self._connection.execute(insert(entries), rows)
        added: list[dict[str, object]] = []
        changed: list[dict[str, object]] = []
        for entry in kept:
            for source in entry.changed:
                row = row_of(entry.number, entry.by_source[source])
                (changed if source in entry.stored else added).append(row)
        if added:
            self._connection.execute(insert(statements), added)
        if changed:
            self._connection.execute(_UPDATE, [_as_update(row) for row in changed])

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
            for column in ("labels", "certifiers", "added_ms", "listed_ms", "withdrawn_ms")
        }
    )
)


def _as_update(row: dict[str, object]) -> dict[str, object]:
    named = {f"new_{column}": value for column, value in row.items()}
    return named | {"key_number": row["entry_number"], "key_source": row["source"]}


def _hash_of(entry: _Kept) -> bytes:
    return next(iter(entry.by_source.values())).pdq
