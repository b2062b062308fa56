"""Every migration of every room, on tables that have rows in them, on every database of the room.

Each revision is reached in its turn, and there every table gets rows, made up from what the
database itself says of its columns; at the newest revision all of them must still be there, value
by value. So an upgrade from any earlier release is tested, and a new migration is without a line
of its own. What a migration means to change of old rows it says in `CHANGED`.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Engine,
    Integer,
    LargeBinary,
    MetaData,
    NullPool,
    Table,
    and_,
    create_engine,
    insert,
    make_url,
    select,
)

import softfall
from softfall.store import postgresql
from softfall.store.database import migrate
from tests.databases import Databases

ROOMS = sorted(path.parent for path in Path(softfall.__file__).parent.rglob("*migrations/env.py"))
ON_BOTH = ("provider", "provider_confirm", "casework")  # the others are files of one process each

# Tables of exactly one row, which a migration puts in; and the one of migrations themselves.
NOT_FILLED = {"catalogue_state", "reached", "alembic_version"}

# Where the database itself asks for a value that no rule here makes up.
CHOSEN = {"listed": 1}

# Columns that a migration changes in old rows on purpose: (room, table, column).
CHANGED: set[tuple[str, str, str]] = set()


@dataclass
class Kept:
    """A row as it was put in."""

    table: str
    key: dict[str, Any]
    values: dict[str, Any]


class Rows:
    """Makes rows up: each value is another one, as far as its type allows."""

    def __init__(self) -> None:
        self.number = 100  # past what a migration puts in itself
        self.kept: list[Kept] = []

    def fill(self, tx: Connection) -> None:
        """One row more in every table there is."""
        found = MetaData()
        found.reflect(tx)
        newest: dict[str, dict[str, Any]] = {}
        for table in found.sorted_tables:
            if table.name not in NOT_FILLED:
                newest[table.fullname] = self._add(tx, table, newest)

    def _add(
        self, tx: Connection, table: Table, newest: dict[str, dict[str, Any]]
    ) -> dict[str, Any]:
        self.number += 1
        values = {column.name: self._value(column, newest) for column in table.columns}
        tx.execute(insert(table).values(values))
        named = table.primary_key.columns or table.columns  # a table of one row has no key
        key = {column.name: values[column.name] for column in named}
        self.kept.append(Kept(table.name, key, values))
        return values

    def _value(self, column: Column[Any], newest: dict[str, dict[str, Any]]) -> Any:
        if column.name in CHOSEN:
            return CHOSEN[column.name]
        for foreign in column.foreign_keys:
            target = foreign.column
            row = newest.get(target.table.fullname)
            assert row is not None or column.nullable, f"{column} refers to what is not yet there"
            return row[target.name] if row else None
        if isinstance(column.type, Boolean):
            return self.number % 2 == 0
        if isinstance(column.type, LargeBinary):
            return self.number.to_bytes(16)
        if isinstance(column.type, Integer | BigInteger):
            return self.number
        return f"{self.number}"


def revisions(room: Path) -> list[str]:
    config = Config()
    config.set_main_option("script_location", str(room))
    walked = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    return walked[::-1]


def missing(tx: Connection, room: str, kept: list[Kept]) -> list[str]:
    """What is not as it was put in."""
    found = MetaData()
    found.reflect(tx)
    tables = {table.name: table for table in found.sorted_tables}
    faults = []
    for row in kept:
        table = tables[row.table]
        mine = and_(*(table.c[column] == value for column, value in row.key.items()))
        there = tx.execute(select(table).where(mine)).mappings().first()
        for column, value in row.values.items():
            lost = there is None or there[column] != value
            if lost and (room, row.table, column) not in CHANGED:
                faults.append(f"{row.table}.{column} of {row.key}")
    return faults


def engine_of(databases: Databases, room: Path) -> Engine:
    url = make_url(databases.new())
    if databases.kind == "sqlite":
        return create_engine(url, poolclass=NullPool)
    engine = postgresql.make_migrating_engine(url, postgresql.room_of(room))
    with engine.begin() as tx:
        postgresql.make_room(tx, postgresql.room_of(room))
    return engine


RUNS = [
    pytest.param(kind, room, id=f"{kind}-{postgresql.room_of(room)}")
    for room in ROOMS
    for kind in ("sqlite", "postgresql")
    if kind == "sqlite" or postgresql.room_of(room) in ON_BOTH
]


@pytest.mark.parametrize(("databases", "room"), RUNS, indirect=["databases"])
def test_every_upgrade_keeps_every_row(databases: Databases, room: Path) -> None:
    engine, rows = engine_of(databases, room), Rows()
    for revision in revisions(room):
        with engine.begin() as tx:
            migrate(tx, room, revision)
        with engine.begin() as tx:
            rows.fill(tx)
    with engine.begin() as tx:
        assert missing(tx, postgresql.room_of(room), rows.kept) == []
    assert rows.kept
