"""Other tools that may hand cases in, each by a token of its own.

Guarantees: a token is 256 random bits, told once; only its SHA-256 is kept; a removed tool's token
is worth nothing from the next request on, and its name is never given to another.
"""

import secrets
from dataclasses import dataclass

from sqlalchemy import insert, select, update

from softfall.audit.trail import append
from softfall.console.sessions import digest
from softfall.console.staff_names import check_name
from softfall.console.tables import tools
from softfall.errors import InputError
from softfall.store.transactions import Database


class ToolUnknown(InputError):
    """No tool of this name may hand cases in."""

    remedy = "See `softfall console tool list`."


class ToolNameTaken(InputError):
    """There is, or was, a tool of this name."""

    remedy = "Choose another name: cases name the tool that they came from."


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool, as the operator sees it."""

    name: str
    added_at_ms: int
    removed: bool


def add_tool(db: Database, by: str, name: str, now_ms: int) -> str:
    """A new tool's token, told this once. Raises StaffNameUnfit, ToolNameTaken."""
    check_name(name)
    token = secrets.token_urlsafe(32)
    with db.write() as tx:
        if tx.execute(select(tools.c.row).where(tools.c.name == name)).one_or_none():
            raise ToolNameTaken(f"{name} is, or was, a tool's name")
        tx.execute(insert(tools).values(name=name, token_sha256=digest(token), added_at_ms=now_ms))
        append(tx, now_ms, by, "tool.added", name)
    return token


def remove_tool(db: Database, by: str, name: str, now_ms: int) -> None:
    """Take a tool's token away; its cases stay. Raises ToolUnknown."""
    with db.write() as tx:
        mine = (tools.c.name == name) & tools.c.removed_at_ms.is_(None)
        if not tx.execute(update(tools).where(mine).values(removed_at_ms=now_ms)).rowcount:
            raise ToolUnknown("no tool of this name may hand cases in")
        append(tx, now_ms, by, "tool.removed", name)


def all_tools(db: Database) -> list[Tool]:
    """Every tool, by name, those that were removed too."""
    with db.read() as tx:
        rows = tx.execute(select(tools).order_by(tools.c.name)).all()
    return [Tool(row.name, row.added_at_ms, row.removed_at_ms is not None) for row in rows]


def tool_of(db: Database, token: str) -> str | None:
    """The name of the tool whose token this is; None where it is no tool's."""
    mine = (tools.c.token_sha256 == digest(token)) & tools.c.removed_at_ms.is_(None)
    with db.read() as tx:
        name: str | None = tx.execute(select(tools.c.name).where(mine)).scalar()
    return name
