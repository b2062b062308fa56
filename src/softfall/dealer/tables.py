"""What the dealer keeps: halves that wait for their party, and which serial comes next."""

from sqlalchemy import BigInteger, Column, LargeBinary, MetaData, String, Table

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
