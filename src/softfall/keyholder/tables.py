"""What the keyholder keeps: epochs and list versions, dealt material that waits, what was answered.

Guarantees, by the schema itself: a serial lies in `stock` or in `spent`, once in each at most; one
version of each list is the newest. `migrations/` must yield exactly these tables.
Times are milliseconds since 1970-01-01T00:00:00Z. Nothing here is of a picture but commitments,
which are digests of random seeds.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
)

metadata = MetaData()

# The signed manifests of epochs that have not ended.
epochs = Table(
    "epochs",
    metadata,
    Column("epoch", BigInteger, primary_key=True, autoincrement=False),
    Column("manifest", LargeBinary, nullable=False),
    Column("expires_at_ms", BigInteger, nullable=False),
)

# Signed versions of their lists.
versions = Table(
    "versions",
    metadata,
    Column("epoch", BigInteger, ForeignKey("epochs.epoch"), primary_key=True, autoincrement=False),
    Column("list_version", BigInteger, primary_key=True, autoincrement=False),
    Column("signed", LargeBinary, nullable=False),
    Column("taken_at_ms", BigInteger, nullable=False),
)

# In the order in which the dealer handed them out. mode: as `Mode` numbers it; capacity_rows: how
# many rows of a list the material is enough for; key: of the file that holds it.
stock = Table(
    "stock",
    metadata,
    Column("position", Integer, primary_key=True, autoincrement=True),
    Column("serial", BigInteger, nullable=False, unique=True),
    Column("mode", Integer, nullable=False),
    Column("capacity_rows", BigInteger, nullable=False),
    Column("key", LargeBinary(32), nullable=False),
    Index("stock_by_kind", "mode", "capacity_rows", "position"),
    sqlite_autoincrement=True,
)

# The furthest position of each kind that was asked for, the last serial that came, and when either
# was.
reached = Table(
    "reached",
    metadata,
    Column("mode", Integer, primary_key=True, autoincrement=False),
    Column("capacity_rows", BigInteger, primary_key=True, autoincrement=False),
    Column("position", Integer, nullable=False),
    Column("newest", BigInteger, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
)

# Serials that were used, for as long as somebody may name them again by mistake.
spent = Table(
    "spent",
    metadata,
    Column("serial", BigInteger, primary_key=True, autoincrement=False),
    Column("spent_at_ms", BigInteger, nullable=False),
    Index("spent_by_time", "spent_at_ms"),
)

# How often each query was answered about in its epoch.
runs = Table(
    "runs",
    metadata,
    Column("epoch", BigInteger, ForeignKey("epochs.epoch"), primary_key=True, autoincrement=False),
    Column("commitment", LargeBinary(32), primary_key=True),
    Column("count", Integer, nullable=False),
)
