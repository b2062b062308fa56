"""What the provider keeps of dealt material: what waits, and what became of the rest.

Guarantees, by the schema itself: a serial stands in a stock once; of `confirm`, one share and entry
have one run at most. A database of its own (database.py says why). `confirm_migrations/` makes
these tables.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

metadata = MetaData()

# SQLite numbers rows by INTEGER only; elsewhere a row number is 64 bits wide.
_ROW = BigInteger().with_variant(Integer, "sqlite")

# In the order in which the dealer handed them out.
confirm_stock = Table(
    "confirm_stock",
    metadata,
    Column("position", _ROW, primary_key=True, autoincrement=True),
    Column("serial", BigInteger, nullable=False, unique=True),
    Column("dealt", LargeBinary, nullable=False),
    sqlite_autoincrement=True,
)

# dealt: NULL once the bit is known. begun: the custodian's first answer, once it came. within: the
# bit; NULL until it is known. shares_sha256: of the submission's `confirm_shares`.
confirm_runs = Table(
    "confirm_runs",
    metadata,
    Column("shares_sha256", LargeBinary(32), primary_key=True),
    Column("entry", BigInteger, primary_key=True, autoincrement=False),
    Column("dealt", LargeBinary, nullable=True),
    Column("begun", LargeBinary, nullable=True),
    Column("within", Boolean, nullable=True),
    Column("since_ms", BigInteger, nullable=False),
    Index("confirm_runs_by_time", "since_ms"),
)

# For `homomorphic`, in the order in which the dealer handed them out; a row goes when it is used.
# mode: as `Mode` numbers it. capacity_rows: how many rows of a list the material is enough for.
homomorphic_stock = Table(
    "homomorphic_stock",
    metadata,
    Column("position", _ROW, primary_key=True, autoincrement=True),
    Column("serial", BigInteger, nullable=False, unique=True),
    Column("mode", Integer, nullable=False),
    Column("capacity_rows", BigInteger, nullable=False),
    Column("dealt", LargeBinary, nullable=False),
    sqlite_autoincrement=True,
)

# What became of each query, and which one a commitment first came with. outcome: as outcomes.py
# names it; NULL until there is one. entries: of a match, as JSON, where entries are named.
# list_version: what it was compared with.
homomorphic_outcomes = Table(
    "homomorphic_outcomes",
    metadata,
    Column("epoch", BigInteger, primary_key=True, autoincrement=False),
    Column("commitment", LargeBinary(32), primary_key=True),
    Column("query_sha256", LargeBinary(32), nullable=False),
    Column("outcome", String(16), nullable=True),
    Column("entries", Text, nullable=True),
    Column("list_version", BigInteger, nullable=True),
)
