"""The device's one table: sealed cells, in drawers."""

from sqlalchemy import Column, Integer, LargeBinary, MetaData, Table, Text, UniqueConstraint

metadata = MetaData()

cells = Table(
    "cells",
    metadata,
    Column("row", Integer, primary_key=True, autoincrement=True),
    Column("drawer", Text, nullable=False),
    Column("place", LargeBinary, nullable=False),  # HMAC of the key: names nobody
    Column("sealed", LargeBinary, nullable=False),  # nonce, then AES-256-GCM of key and value
    UniqueConstraint("drawer", "place"),
    sqlite_autoincrement=True,
)
