"""Tables that only grow: triggers that refuse to change or delete a row, on either database.

Guarantees: an UPDATE, a DELETE, an INSERT that would replace a row, and (PostgreSQL) a TRUNCATE
fail, whoever asks, the service itself included.
Leaves open: the database's owner can drop a trigger; that is what hash chains and checkpoints that
were carried away are for.
Source: SQLite, "CREATE TRIGGER" (REPLACE fires no delete trigger, hence the one on INSERT);
PostgreSQL, "Trigger Functions".
"""

from sqlalchemy import Connection


def refuse_changes(connection: Connection, table: str, key: tuple[str, ...]) -> None:
    """Make the triggers of `table`, whose primary key is `key`; for a migration to call."""
    makers = {"sqlite": _sqlite, "postgresql": _postgresql}
    for statement in makers[connection.dialect.name](table, key):
        connection.exec_driver_sql(statement)


def _sqlite(table: str, key: tuple[str, ...]) -> list[str]:
    same = " AND ".join(f"{column} = NEW.{column}" for column in key)
    events = {
        "update": f"BEFORE UPDATE ON {table}",
        "delete": f"BEFORE DELETE ON {table}",
        "replace": f"BEFORE INSERT ON {table} WHEN EXISTS (SELECT 1 FROM {table} WHERE {same})",  # noqa: S608 - names from the migration, never input
    }
    return [
        f"CREATE TRIGGER {table}_no_{name} {event} "
        f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        for name, event in events.items()
    ]


def _postgresql(table: str, key: tuple[str, ...]) -> list[str]:
    del key  # ON CONFLICT DO UPDATE fires the trigger on UPDATE
    return [
        f"CREATE FUNCTION {table}_no_change() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{table} is append-only'; END $$",
        f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE ON {table} "
        f"FOR EACH ROW EXECUTE FUNCTION {table}_no_change()",
        f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {table}_no_change()",
    ]
