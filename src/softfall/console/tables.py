"""The console's own tables: staff, their sessions, failed log-ins, and tools that hand cases in.

They live in casework's database, so that a deed of staff and its audit line are one transaction.
Only digests of tokens are kept; a password is kept as Argon2id's encoded hash.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    Table,
)

from softfall.casework.schema import ROW, metadata

staff = Table(
    "staff",
    metadata,
    Column("row", ROW, primary_key=True, autoincrement=True),
    Column("name", String(64), nullable=False, unique=True),
    Column("role", String(16), nullable=False),
    Column("password", String(200)),
    Column("oidc_subject", String(255), unique=True),
    Column("must_change", Boolean, nullable=False),
    Column("disabled_at_ms", BigInteger),
    Column("theme", String(8), nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
)

staff_sessions = Table(
    "staff_sessions",
    metadata,
    Column("row", ROW, primary_key=True, autoincrement=True),
    Column("token_sha256", LargeBinary(32), nullable=False, unique=True),
    Column("staff", ROW, ForeignKey("staff.row"), nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("seen_at_ms", BigInteger, nullable=False),
    Column("by_password", Boolean, nullable=False),
    Index("staff_sessions_by_staff", "staff"),
)

# key: SHA-256 of what is counted (an account's name, an address, a known browser).
login_failures = Table(
    "login_failures",
    metadata,
    Column("key", LargeBinary(32), primary_key=True),
    Column("failures", BigInteger, nullable=False),
    Column("locked_until_ms", BigInteger, nullable=False),
    Column("last_at_ms", BigInteger, nullable=False),
)

# Browsers in which somebody has logged in before: strangers' failures do not lock them out.
known_browsers = Table(
    "known_browsers",
    metadata,
    Column("token_sha256", LargeBinary(32), primary_key=True),
    Column("staff", ROW, ForeignKey("staff.row"), nullable=False),
    Column("seen_at_ms", BigInteger, nullable=False),
    Index("known_browsers_by_staff", "staff"),
)

# Log-ins that have gone to the OIDC provider and not come back; nothing in them opens anything.
oidc_logins = Table(
    "oidc_logins",
    metadata,
    Column("state_sha256", LargeBinary(32), primary_key=True),
    Column("browser_sha256", LargeBinary(32), nullable=False),
    Column("onward", String(400), nullable=False),
    Column("started_at_ms", BigInteger, nullable=False),
)

tools = Table(
    "tools",
    metadata,
    Column("row", ROW, primary_key=True, autoincrement=True),
    Column("name", String(64), nullable=False, unique=True),
    Column("token_sha256", LargeBinary(32), nullable=False, unique=True),
    Column("added_at_ms", BigInteger, nullable=False),
    Column("removed_at_ms", BigInteger),
)
