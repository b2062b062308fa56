"""The audit log's three tables, in whichever service's database the log is.

Guarantees, by constraint: a line's number is used once, so a chain can't fork.
The migration of the service makes the tables, with triggers that refuse changes and deletions;
`declare` adds them to the service's catalogue.
"""

from sqlalchemy import BigInteger, Column, Index, LargeBinary, MetaData, String, Table, Text

metadata = MetaData()

# One row: what the log is called. The first line is chained to it.
logs = Table("audit_logs", metadata, Column("name", String(64), primary_key=True))

lines = Table(
    "audit_lines",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("who", String(64), nullable=False),
    Column("action", String(64), nullable=False),
    Column("subject", String(128), nullable=False),
    Column("details", Text, nullable=False),
    Column("previous", LargeBinary(32), nullable=False),
    Column("hash", LargeBinary(32), nullable=False),
    Index("audit_lines_by_subject", "subject", "number"),
    Index("audit_lines_by_action", "action", "number"),
)

checkpoints = Table(
    "audit_checkpoints",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("at_ms", BigInteger, primary_key=True, autoincrement=False),
    Column("hash", LargeBinary(32), nullable=False),
    Column("public_key", LargeBinary(32), nullable=False),
    Column("signature", LargeBinary(64), nullable=False),
)

APPEND_ONLY = (logs, lines, checkpoints)


def declare(catalogue: MetaData) -> None:
    """Add the tables to a service's own catalogue."""
    for table in APPEND_ONLY:
        table.to_metadata(catalogue)
