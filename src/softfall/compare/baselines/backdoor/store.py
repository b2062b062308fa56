"""What the back door's provider keeps: accounts, every message's ciphertext and escrowed key.

Guarantees: a message is on disk before its sender is answered. It stays there: an escrow whose
ciphertexts are deleted on delivery would serve no later investigation.
"""

import hashlib
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
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
)
from sqlalchemy.exc import IntegrityError

from softfall.compare.baselines.backdoor.sealing import new_secret
from softfall.compare.baselines.backdoor.wire import MAX_DELIVERIES
from softfall.compare.baselines.in_transit.store import NameTaken, NotKnownHere, make_durable
from softfall.store.database import sqlite_url
from softfall.wire import Value

DATABASE: Final = "backdoor.db"
ESCROW_FILE: Final = "escrow.key"

_METADATA = MetaData()
_ACCOUNTS = Table(
    "accounts",
    _METADATA,
    Column("name", String, primary_key=True),
    Column("token_digest", LargeBinary, unique=True, nullable=False),
    Column("public_key", LargeBinary, nullable=False),
)
_MESSAGES = Table(
    "messages",
    _METADATA,
    Column("sequence", Integer, primary_key=True),
    Column("message_id", LargeBinary, unique=True, nullable=False),
    Column("sender", String, nullable=False),
    Column("recipient", String, nullable=False, index=True),
    Column("body", LargeBinary, nullable=False),
    Column("wrap", LargeBinary, nullable=False),
    Column("escrow", LargeBinary, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Kept:
    """One message as it lies in the store: ciphertext, and its key sealed to the escrow."""

    message_id: bytes
    body: bytes = field(repr=False)
    escrow: bytes = field(repr=False)


class EscrowStore:
    """One SQLite file and the escrow's key beside it, in one folder."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._engine: Engine = create_engine(sqlite_url(folder / DATABASE))
        event.listen(self._engine, "connect", make_durable)
        _METADATA.create_all(self._engine)
        self._key_file = folder / ESCROW_FILE
        if not self._key_file.exists():
            descriptor = os.open(self._key_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(new_secret())

    @property
    def escrow_secret(self) -> bytes:
        """The one key that opens everything."""
        return self._key_file.read_bytes()

    def register(self, account: str, public_key: bytes) -> str:
        """The new account's token. Raises NameTaken."""
        token = secrets.token_urlsafe(32)
        row = {"name": account, "token_digest": _digest(token), "public_key": public_key}
        try:
            with self._engine.begin() as connection:
                connection.execute(insert(_ACCOUNTS).values(row))
        except IntegrityError:
            raise NameTaken("the account exists") from None
        return token

    def account(self, token: str) -> str:
        """Whose token this is. Raises NotKnownHere."""
        return str(self._scalar(_ACCOUNTS.c.name, _ACCOUNTS.c.token_digest, _digest(token)))

    def public_key(self, account: str) -> bytes:
        """An account's public key. Raises NotKnownHere."""
        key = self._scalar(_ACCOUNTS.c.public_key, _ACCOUNTS.c.name, account)
        assert isinstance(key, bytes)
        return key

    def keep(self, sender: str, values: dict[str, Value]) -> None:
        """Keep one message. One that is kept already stays as it is."""
        names = ("message_id", "recipient", "body", "wrap", "escrow")
        row = {name: values[name] for name in names} | {"sender": sender}
        try:
            with self._engine.begin() as connection:
                connection.execute(insert(_MESSAGES).values(row))
        except IntegrityError:
            return  # a retry

    def deliveries(self, recipient: str, after: int) -> list[dict[str, Value]]:
        """The recipient's messages past a sequence, oldest first."""
        column = _MESSAGES.c
        query = (
            select(column.sequence, column.message_id, column.sender, column.body, column.wrap)
            .where(column.recipient == recipient, column.sequence > after)
            .order_by(column.sequence)
            .limit(MAX_DELIVERIES)
        )
        with self._engine.connect() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def require(self, message_id: bytes) -> None:
        """Raises NotKnownHere for a message that is not here."""
        self._scalar(_MESSAGES.c.sequence, _MESSAGES.c.message_id, message_id)

    def everything(self) -> Iterator[Kept]:
        """Every message that was ever taken in: what whoever gets into the store gets."""
        column = _MESSAGES.c
        query = select(column.message_id, column.body, column.escrow).order_by(column.sequence)
        with self._engine.connect() as connection:
            for row in connection.execute(query):
                yield Kept(row.message_id, row.body, row.escrow)

    def close(self) -> None:
        """Close the file."""
        self._engine.dispose()

    def _scalar(self, wanted: Column[object], by: Column[object], value: object) -> object:
        with self._engine.connect() as connection:
            found: object = connection.scalar(select(wanted).where(by == value))
        if found is None:
            raise NotKnownHere("no account has this token or name, or no message this id")
        return found


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
