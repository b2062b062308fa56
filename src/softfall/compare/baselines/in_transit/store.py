"""What the baseline's provider keeps: accounts and messages, words and pictures in the open.

Guarantees: a message is on disk, with what was decided about it, before its sender is answered.
"""

import hashlib
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import (
    Column,
    Engine,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    create_engine,
    event,
    insert,
    select,
    update,
)
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import IntegrityError
from sqlalchemy.pool import ConnectionPoolEntry

from softfall.compare.baselines.in_transit.wire import MAX_DELIVERIES
from softfall.errors import InputError, RefusedError
from softfall.store.database import sqlite_url
from softfall.wire import Value

DELIVERED: Final = "delivered"
HELD: Final = "held"

_METADATA = MetaData()
_ACCOUNTS = Table(
    "accounts",
    _METADATA,
    Column("name", String, primary_key=True),
    Column("token_digest", LargeBinary, unique=True, nullable=False),
)
_MESSAGES = Table(
    "messages",
    _METADATA,
    Column("sequence", Integer, primary_key=True),
    Column("message_id", LargeBinary, unique=True, nullable=False),
    Column("sender", String, nullable=False),
    Column("recipient", String, nullable=False, index=True),
    Column("text", String, nullable=False),
    Column("picture", LargeBinary),
    Column("state", String, nullable=False),
    Column("reason", String, nullable=False),
)


class NameTaken(InputError):
    """Somebody has registered this account already."""

    remedy = "Choose another name."


class NotKnownHere(RefusedError):
    """No account has this token, or no message this id."""

    remedy = "Register first; use the token that registration answered."


@dataclass(frozen=True, slots=True)
class Decided:
    """What became of a message, and why."""

    state: str
    reason: str


class OpenStore:
    """One SQLite file, as durable as the services' own (write-ahead log, full sync)."""

    def __init__(self, path: Path) -> None:
        self._engine: Engine = create_engine(sqlite_url(path))
        event.listen(self._engine, "connect", make_durable)
        _METADATA.create_all(self._engine)

    def register(self, account: str) -> str:
        """The new account's token. Raises NameTaken."""
        token = secrets.token_urlsafe(32)
        row = {"name": account, "token_digest": _digest(token)}
        try:
            with self._engine.begin() as connection:
                connection.execute(insert(_ACCOUNTS).values(row))
        except IntegrityError:
            raise NameTaken("the account exists") from None
        return token

    def account(self, token: str) -> str:
        """Whose token this is. Raises NotKnownHere."""
        query = select(_ACCOUNTS.c.name).where(_ACCOUNTS.c.token_digest == _digest(token))
        with self._engine.connect() as connection:
            name: str | None = connection.scalar(query)
        if name is None:
            raise NotKnownHere("no account has this token")
        return name

    def keep(self, sender: str, values: dict[str, Value], decided: Decided) -> None:
        """Keep one message. One that is kept already stays as it is."""
        kept = {name: values[name] for name in ("message_id", "recipient", "text", "picture")}
        row = {**kept, "sender": sender, "state": decided.state, "reason": decided.reason}
        try:
            with self._engine.begin() as connection:
                connection.execute(insert(_MESSAGES).values(row))
        except IntegrityError:
            return  # a retry

    def deliveries(self, recipient: str, after: int) -> list[dict[str, Value]]:
        """The recipient's delivered messages past a sequence, oldest first."""
        column = _MESSAGES.c
        query = (
            select(column.sequence, column.message_id, column.sender, column.text, column.picture)
            .where(column.recipient == recipient, column.state == DELIVERED)
            .where(column.sequence > after)
            .order_by(column.sequence)
            .limit(MAX_DELIVERIES)
        )
        with self._engine.connect() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def drop_pictures(self, recipient: str, through: int) -> None:
        """What the recipient has is dropped."""
        column = _MESSAGES.c
        fetched = (column.recipient == recipient, column.sequence <= through)
        with self._engine.begin() as connection:
            connection.execute(
                update(_MESSAGES)
                .where(*fetched, column.state == DELIVERED)
                .values(picture=None, text="")
            )

    def decided(self, message_id: bytes) -> Decided:
        """What became of a message. Raises NotKnownHere."""
        query = select(_MESSAGES.c.state, _MESSAGES.c.reason).where(
            _MESSAGES.c.message_id == message_id
        )
        with self._engine.connect() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            raise NotKnownHere("no message has this id")
        return Decided(row.state, row.reason)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def make_durable(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    """On disk before it is said to be, as the services' own stores."""
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=10000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
