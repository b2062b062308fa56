"""What is kept of evidence, of who looked at it, of shifts, and of legal holds.

Guarantees, by constraint: one key a case; a piece of evidence's number is never used twice, so an
audit line that names it can't come to mean another.
Kept never: evidence in the clear, the master key, a view's pixels. A piece that was deleted leaves
its row without its body: that there was one, what kind, and when it went.
The migration v0002 makes these tables; a test compares the two.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
)

from softfall.casework.schema import ROW, metadata
from softfall.casework.tables import cases, sources

# One row: which master key wraps the cases' keys, and the joining key that it wraps too.
evidence_masters = Table(
    "evidence_masters",
    metadata,
    Column("only", Integer, primary_key=True, autoincrement=False),
    Column("master_id", LargeBinary(16), nullable=False),
    Column("wrapped_joining_key", LargeBinary(64), nullable=False),
)

evidence_keys = Table(
    "evidence_keys",
    metadata,
    Column("case_row", ForeignKey(cases.c.row), primary_key=True, autoincrement=False),
    Column("wrapped_key", LargeBinary(64), nullable=False),
)

evidence = Table(
    "evidence",
    metadata,
    Column("row", ROW, primary_key=True, autoincrement=True),
    Column("case_row", ForeignKey(cases.c.row), nullable=False),
    Column("source_row", ForeignKey(sources.c.row), nullable=True),
    Column("kind", String(16), nullable=False),
    Column("label", String(200), nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("sealed", LargeBinary, nullable=True),
    Column("added_at_ms", BigInteger, nullable=False),
    Column("deleted_at_ms", BigInteger, nullable=True),
    Index("evidence_by_case", "case_row"),
    sqlite_autoincrement=True,
)

views = Table(
    "views",
    metadata,
    Column("row", ROW, primary_key=True, autoincrement=True),
    Column("staff", String(64), nullable=False),
    Column("evidence", ForeignKey(evidence.c.row), nullable=False),
    Column("region", Integer, nullable=False),
    Column("severity", String(16), nullable=False),
    Column("opened_at_ms", BigInteger, nullable=False),
    Column("until_ms", BigInteger, nullable=False),
    Column("closed_at_ms", BigInteger, nullable=True),
    Index("views_by_staff", "staff", "until_ms"),
    sqlite_autoincrement=True,
)

# skips: JSON, the categories that the person skips during this shift.
shifts = Table(
    "shifts",
    metadata,
    Column("row", ROW, primary_key=True, autoincrement=True),
    Column("staff", String(64), nullable=False),
    Column("started_at_ms", BigInteger, nullable=False),
    Column("ends_at_ms", BigInteger, nullable=False),
    Column("stopped_at_ms", BigInteger, nullable=True),
    Column("skips", Text, nullable=False),
    Index("shifts_by_staff", "staff", "started_at_ms"),
)

# A lead lets somebody start a shift sooner than the rules do; each permit serves one start.
shift_permits = Table(
    "shift_permits",
    metadata,
    Column("row", ROW, primary_key=True, autoincrement=True),
    Column("staff", String(64), nullable=False),
    Column("given_by", String(64), nullable=False),
    Column("given_at_ms", BigInteger, nullable=False),
    Column("used_at_ms", BigInteger, nullable=True),
    Index("shift_permits_by_staff", "staff", "given_at_ms"),
)

legal_holds = Table(
    "legal_holds",
    metadata,
    Column("row", ROW, primary_key=True, autoincrement=True),
    Column("case_row", ForeignKey(cases.c.row), nullable=False),
    Column("set_by", String(64), nullable=False),
    Column("set_at_ms", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("withholds_telling", Boolean, nullable=False),
    Column("lifted_by", String(64), nullable=True),
    Column("lifted_at_ms", BigInteger, nullable=True),
    Column("lift_reason", Text, nullable=True),
    Index("legal_holds_by_case", "case_row"),
)
