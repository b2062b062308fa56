"""What the dealer keeps: halves, or seeds of them, that wait for their party; the next serial."""

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, MetaData, String, Table

metadata = MetaData()

# A half is here only while its party has not fetched it, and the other party has fetched its own.
halves = Table(
    "halves",
    metadata,
    Column("party", String(16), primary_key=True),
    Column("serial", BigInteger, primary_key=True, autoincrement=False),
    Column("dealt", LargeBinary, nullable=False),
)

# One row.
counter = Table("counter", metadata, Column("next_serial", BigInteger, nullable=False))

# A serial of `homomorphic` that one party has and the other has not fetched. Where that is the
# provider, the keyholder's seed is gone already.
seeds = Table(
    "seeds",
    metadata,
    Column("serial", BigInteger, primary_key=True, autoincrement=False),
    Column("waits_for", String(16), nullable=False),
    Column("mode", Integer, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("provider_seed", LargeBinary, nullable=False),
    Column("keyholder_seed", LargeBinary),
)
