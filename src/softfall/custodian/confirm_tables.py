"""What the custodian keeps for `confirm`: dealt material that waits, and confirmations.

Guarantees, by the schema itself: a serial stands in `stock` or in `confirmations`, once in each at
most; a share (named by its commitment) and an entry have one released bit at most (an index).
A file of its own (`confirm.db`), as the quota's: SQLite has one writer at a time, and a long import
must keep nobody's confirmation waiting. `confirm_migrations/` must yield exactly these tables.
Times are milliseconds since 1970-01-01T00:00:00Z.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    text,
)

metadata = MetaData()

# In the order in which the dealer handed them out; a position is never used again.
stock = Table(
    "stock",
    metadata,
    Column("position", Integer, primary_key=True, autoincrement=True),
    Column("serial", BigInteger, nullable=False, unique=True),
    Column("dealt", LargeBinary, nullable=False),
    sqlite_autoincrement=True,
)

# One row: the furthest position that the provider has asked for, and the last serial that came.
reached = Table(
    "reached",
    metadata,
    Column("id", Integer, CheckConstraint("id = 1", name="one_row"), primary_key=True),
    Column("position", Integer, nullable=False),
    Column("newest", BigInteger, nullable=False),
)

# How many confirmations were begun in the minute that began then.
confirms_counted = Table(
    "confirms_counted",
    metadata,
    Column("window_start_ms", BigInteger, primary_key=True, autoincrement=False),
    Column("used", BigInteger, nullable=False),
)

_RELEASED = text("finished IS NOT NULL")

# kept: what finishing needs; NULL once the bit is released, or where there is nothing to finish.
# finished: the released share of the bit; NULL until then.
confirmations = Table(
    "confirmations",
    metadata,
    Column("serial", BigInteger, primary_key=True, autoincrement=False),
    Column("epoch", BigInteger, nullable=False),
    Column("commitment", LargeBinary(32), nullable=False),
    Column("entry", BigInteger, nullable=False),
    Column("begin_sha256", LargeBinary(32), nullable=False),
    Column("begun", LargeBinary, nullable=False),
    Column("kept", LargeBinary),
    Column("begun_at_ms", BigInteger, nullable=False),
    Column("finish_sha256", LargeBinary(32)),
    Column("finished", LargeBinary),
    Index("confirmations_by_time", "begun_at_ms"),
    Index(
        "one_bit_a_share_and_entry",
        "commitment",
        "entry",
        unique=True,
        sqlite_where=_RELEASED,
        postgresql_where=_RELEASED,
    ),
)
