"""Between the list's values and its rows: reading entries, and what "active" means in SQL."""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, exists, or_, select

from softfall.custodian.tables import entries, statements
from softfall.lists.entries import NAME_SEPARATOR, Entry, Statement, ViewOf

ROWS_AT_ONCE = 5_000

# `Statement.active`, in SQL; a property test holds the two together.
STATEMENT_ACTIVE: ColumnElement[bool] = or_(
    statements.c.withdrawn_ms.is_(None), statements.c.listed_ms > statements.c.withdrawn_ms
)
ENTRY_ACTIVE: ColumnElement[bool] = exists().where(
    and_(statements.c.entry_number == entries.c.number, STATEMENT_ACTIVE)
)
# An entry that at least one source lists as it is, not as a view of another.
PICTURE_ACTIVE: ColumnElement[bool] = exists().where(
    and_(
        statements.c.entry_number == entries.c.number,
        statements.c.view_of.is_(None),
        STATEMENT_ACTIVE,
    )
)

STATEMENT_COLUMNS: tuple[str, ...] = tuple(column.name for column in statements.columns)

ENTRY_ROWS: Select[Any] = select(
    entries.c.number,
    entries.c.pdq,
    statements.c.source,
    statements.c.labels,
    statements.c.certifiers,
    statements.c.added_ms,
    statements.c.listed_ms,
    statements.c.withdrawn_ms,
    statements.c.view,
    statements.c.view_of,
).join(statements, statements.c.entry_number == entries.c.number)


def statement_of(row: Row[Any]) -> Statement:
    """The statement in one row of ENTRY_ROWS."""
    return Statement(
        row.pdq,
        row.source,
        names(row.labels),
        names(row.certifiers),
        row.added_ms,
        row.listed_ms,
        row.withdrawn_ms,
        ViewOf(row.view_of, row.view) if row.view else None,
    )


def row_of(entry_number: int, statement: Statement) -> dict[str, object]:
    """The columns of one statement."""
    return {
        "entry_number": entry_number,
        "source": statement.source,
        "labels": cell(statement.labels),
        "certifiers": cell(statement.certifiers),
        "added_ms": statement.added_ms,
        "listed_ms": statement.listed_ms,
        "withdrawn_ms": statement.withdrawn_ms,
        "view": statement.view.name if statement.view else "",
        "view_of": statement.view.whole if statement.view else None,
    }


def entries_where(connection: Connection, *conditions: ColumnElement[bool]) -> Iterator[Entry]:
    """Whole entries, in order of number, a few thousand rows in memory at once."""
    query = ENTRY_ROWS.where(*conditions).order_by(entries.c.number, statements.c.source)
    rows = connection.execution_options(yield_per=ROWS_AT_ONCE).execute(query)
    number, gathered = 0, list[Statement]()
    for row in rows:
        if row.number != number and gathered:
            yield Entry(gathered[0].pdq, tuple(gathered), number)
            gathered = []
        number = row.number
        gathered.append(statement_of(row))
    if gathered:
        yield Entry(gathered[0].pdq, tuple(gathered), number)


def entries_of(connection: Connection, hashes: Iterable[bytes]) -> dict[bytes, Entry]:
    """The entries of those hashes that are known."""
    return {
        entry.pdq: entry for entry in entries_where(connection, entries.c.pdq.in_(list(hashes)))
    }


def views_of(connection: Connection, wholes: Iterable[bytes]) -> set[bytes]:
    """The hashes that any source lists as a view of one of these pictures."""
    query = (
        select(entries.c.pdq)
        .join(statements, statements.c.entry_number == entries.c.number)
        .where(statements.c.view_of.in_(list(wholes)))
    )
    return set(connection.scalars(query))


@lru_cache(maxsize=1024)
def cell(names: frozenset[str]) -> str:
    """Names as one cell: in order, joined."""
    return NAME_SEPARATOR.join(sorted(names))


@lru_cache(maxsize=1024)
def names(cell: str) -> frozenset[str]:
    """The names in one cell."""
    return frozenset(cell.split(NAME_SEPARATOR)) if cell else frozenset()
