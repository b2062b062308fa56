"""The tables of the custodian's counts and tokens, in a database of their own.

Kept: how much was used in which time, and by which tool where tools look up; live token keys, and
which of their tokens are spent. Never: which user asked, what was asked, which tokens were issued
(they are blinded; nobody here knows them).
The truth about the columns is here; `quota_migrations/` must yield exactly these (a test compares).
Times are milliseconds since 1970-01-01T00:00:00Z.
"""

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, MetaData, Table, Text

metadata = MetaData()

# How many evaluations were used in the minute that began then.
evaluations = Table(
    "evaluations",
    metadata,
    Column("window_start_ms", BigInteger, primary_key=True, autoincrement=False),
    Column("used", BigInteger, nullable=False),
)

# How many tokens were minted in the half-hour that began then.
tokens_minted = Table(
    "tokens_minted",
    metadata,
    Column("window_start_ms", BigInteger, primary_key=True, autoincrement=False),
    Column("used", BigInteger, nullable=False),
)

# How many lookups of entries were answered in the minute that began then.
lookups = Table(
    "lookups",
    metadata,
    Column("window_start_ms", BigInteger, primary_key=True, autoincrement=False),
    Column("used", BigInteger, nullable=False),
)

# How much of what a tool used in the minute that began then; which hashes, nobody writes down.
tool_lookups = Table(
    "tool_lookups",
    metadata,
    Column("tool", Text, primary_key=True),
    Column("what", Text, primary_key=True),
    Column("window_start_ms", BigInteger, primary_key=True, autoincrement=False),
    Column("used", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# A key's row is overwritten and removed once no live epoch names it.
token_keys = Table(
    "token_keys",
    metadata,
    Column("public_key", LargeBinary(32), primary_key=True),
    Column("secret_key", LargeBinary(32), nullable=False),
    Column("made_at_ms", BigInteger, nullable=False),
)

# ask_sha256: of the whole `ask`, so that its repetition can be told from another use of the token.
tokens_spent = Table(
    "tokens_spent",
    metadata,
    Column("key_id", LargeBinary(8), primary_key=True),
    Column("nonce", LargeBinary(32), primary_key=True),
    Column("ask_sha256", LargeBinary(32), nullable=False),
    Column("answers", Integer, nullable=False),
    Column("spent_at_ms", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
