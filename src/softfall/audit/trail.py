"""Writing to the audit log, and reading it.

Guarantees: a line is written in the caller's own transaction, so a deed and its line are there
both or neither; lines are numbered from 1 without gaps, each chained to the one before.
Leaves to the caller: one writer at a time (`store.transactions.Database.write`). Without it two
writers may meet, and one of them fails: the line's number is the table's key, so nothing forks.
Refuses: what `chain.make_line` refuses. Nothing here changes or deletes a line; the triggers that
the migration makes refuse it too.
"""

import secrets
from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import Connection, Row, Select, func, insert, select

from softfall.audit.chain import Detail, Line, genesis, make_line
from softfall.audit.tables import lines, logs

READ_AT_ONCE = 2_000


def append(
    tx: Connection,
    at_ms: int,
    who: str,
    action: str,
    subject: str,
    details: Mapping[str, Detail] | None = None,
) -> int:
    """Write one line; its number.

    tx: the writing transaction of the deed itself. who: a name of staff, or one of the words of
    `casework.model` that act without a person. action: dotted words. subject: an identifier.
    details: identifiers, reasons, counts; never content, never a hash. Raises LineRefused.
    """
    last = tx.execute(select(lines.c.number, lines.c.hash).order_by(lines.c.number.desc()).limit(1))
    before = last.one_or_none()
    number, previous = (before.number, before.hash) if before else (0, genesis(_begun(tx)))
    line = make_line(number + 1, bytes(previous), at_ms, who, action, subject, details or {})
    tx.execute(insert(lines).values({name: getattr(line, name) for name in Line.__slots__}))
    return line.number


def read(
    tx: Connection,
    since: int = 0,
    limit: int = 1_000,
    action: str | None = None,
    subject: str | None = None,
) -> list[Line]:
    """At most `limit` lines numbered above `since`, in order; of one action or subject only."""
    wanted = _in_order(since, action, subject).limit(limit)
    return [_line(row) for row in tx.execute(wanted)]


def newest(
    tx: Connection,
    before: int | None = None,
    limit: int = 100,
    action: str | None = None,
    subject: str | None = None,
    who: str | None = None,
) -> list[Line]:
    """At most `limit` lines numbered below `before` (the newest of all: None), newest first.

    Of one action, subject or person only, where told; an action that ends in a dot stands for all
    that begin so.
    """
    wanted = select(lines).order_by(lines.c.number.desc()).limit(limit)
    if before is not None:
        wanted = wanted.where(lines.c.number < before)
    if action is not None:
        many = lines.c.action.startswith(action, autoescape=True)
        wanted = wanted.where(many if action.endswith(".") else lines.c.action == action)
    if subject is not None:
        wanted = wanted.where(lines.c.subject == subject)
    if who is not None:
        wanted = wanted.where(lines.c.who == who)
    return [_line(row) for row in tx.execute(wanted)]


def read_one(tx: Connection, number: int) -> Line | None:
    """The line of that number, if there is one."""
    row = tx.execute(select(lines).where(lines.c.number == number)).one_or_none()
    return None if row is None else _line(row)


def stream(tx: Connection, since: int = 0) -> Iterator[Line]:
    """Every line numbered above `since`, in order, without holding them all in memory."""
    while found := read(tx, since, READ_AT_ONCE):
        yield from found
        since = found[-1].number


def last_number(tx: Connection) -> int:
    """The newest line's number; 0 for an empty log."""
    return tx.execute(select(func.max(lines.c.number))).scalar() or 0


def log_name(tx: Connection) -> str | None:
    """What the log is called; None before its first line."""
    return tx.execute(select(logs.c.name)).scalar()


def _begun(tx: Connection) -> str:
    """The log's name, drawn at random when its first line is written."""
    if (name := log_name(tx)) is None:
        name = secrets.token_hex(16)
        tx.execute(insert(logs).values(name=name))
    return name


def _in_order(since: int, action: str | None, subject: str | None) -> Select[Any]:
    wanted = select(lines).where(lines.c.number > since).order_by(lines.c.number)
    if action is not None:
        wanted = wanted.where(lines.c.action == action)
    if subject is not None:
        wanted = wanted.where(lines.c.subject == subject)
    return wanted


def _line(row: Row[Any]) -> Line:
    octets = {"previous": _octets(row.previous), "hash": _octets(row.hash)}
    return Line(**{**row._mapping, **octets})


def _octets(value: object) -> bytes:
    """A column's bytes; none where somebody has put anything else there."""
    return bytes(value) if isinstance(value, bytes | bytearray | memoryview) else b""
