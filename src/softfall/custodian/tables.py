"""The custodian's tables: the list, and its frozen epochs with their keys.

Guarantees, by the schema itself:
- an entry number means one hash for ever, and is never given out again;
- an epoch's entries can be neither changed nor deleted once frozen (triggers, where SQLite runs it;
  the digest in `epochs.entries_sha256` shows it everywhere); nor can a version within an epoch;
- there is one statement per (entry, source): what one source says about one hash.
What touched the list is written down in the transaction that did it (`list_changes`).

The truth about the columns is here; `migrations/` must yield exactly these (a test compares them).
Times are milliseconds since 1970-01-01T00:00:00Z.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
)

metadata = MetaData()

# One row: the next free entry number, and how often the list has changed. Every change to the list
# updates this row first, which takes the write lock before anything is read.
catalogue_state = Table(
    "catalogue_state",
    metadata,
    Column("id", Integer, CheckConstraint("id = 1", name="one_row"), primary_key=True),
    Column("next_number", Integer, nullable=False),
    Column("revision", Integer, nullable=False),
)

entries = Table(
    "entries",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("pdq", LargeBinary(32), nullable=False, unique=True),
)

# added_ms: the earliest date of listing (NULL: only ever withdrawn). listed_ms: the latest date
# that the source itself gave (NULL: none). withdrawn_ms: the latest withdrawal. Labels and
# certifiers are sorted names joined by ";", which no name may hold. view ("" for none) and view_of:
# of a hash that is a view of a picture, its name and the picture's own hash.
statements = Table(
    "statements",
    metadata,
    Column("entry_number", Integer, ForeignKey("entries.number"), primary_key=True),
    Column("source", Text, primary_key=True),
    Column("labels", Text, nullable=False),
    Column("certifiers", Text, nullable=False),
    Column("added_ms", BigInteger),
    Column("listed_ms", BigInteger),
    Column("withdrawn_ms", BigInteger),
    Column("view", Text, nullable=False, server_default=""),
    Column("view_of", LargeBinary(32)),
    sqlite_with_rowid=False,
)
Index(
    "statements_by_whole",
    statements.c.view_of,
    sqlite_where=statements.c.view_of.is_not(None),
    postgresql_where=statements.c.view_of.is_not(None),
)

# The change feed (`feed`). One row a change of the list, with a random stamp that tells it from
# another store's change of the same number; and the entries that each touched: put on the list,
# taken off it, or perhaps neither. Both are cut off from the oldest end.
list_revisions = Table(
    "list_revisions",
    metadata,
    Column("revision", Integer, primary_key=True),
    Column("stamp", LargeBinary(16), nullable=False),
)

list_changes = Table(
    "list_changes",
    metadata,
    Column("revision", Integer, primary_key=True),
    Column("entry_number", Integer, ForeignKey("entries.number"), primary_key=True),
    sqlite_with_rowid=False,
)

# One published version of the list. The first five columns are set when the set is frozen; the rest
# when its keys, artefact and manifest are made. A frozen epoch without a manifest was never
# announced to anyone. secret_key and confirm_secret (of the HPKE key that `confirm` shares are
# sealed to) are overwritten with NULL when the epoch ends.
epochs = Table(
    "epochs",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("option", Text, nullable=False),
    Column("frozen_at_ms", BigInteger, nullable=False),
    Column("entries_count", Integer, nullable=False),
    Column("entries_sha256", LargeBinary(32), nullable=False),
    Column("public_key", LargeBinary),
    Column("secret_key", LargeBinary),
    Column("artefact_sha256", LargeBinary(32)),
    Column("manifest", LargeBinary),
    Column("published_at_ms", BigInteger),
    Column("expires_at_ms", BigInteger),
    Column("confirm_secret", LargeBinary),
    Index("epochs_by_option", "option", "number"),
)

epoch_entries = Table(
    "epoch_entries",
    metadata,
    Column("epoch", Integer, ForeignKey("epochs.number"), primary_key=True),
    Column("entry_number", Integer, ForeignKey("entries.number"), primary_key=True),
    sqlite_with_rowid=False,
)

# What changed within an epoch whose list may still change: one row a published version past the
# first (which is the epoch itself), and under it each entry that joined (listed = 1) or left (0).
epoch_versions = Table(
    "epoch_versions",
    metadata,
    Column("epoch", Integer, ForeignKey("epochs.number"), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("published_at_ms", BigInteger, nullable=False),
    Column("entries_count", Integer, nullable=False),
    Column("segment_sha256", LargeBinary(32), nullable=False),
    Column("segment_bytes", Integer, nullable=False),
    sqlite_with_rowid=False,
)

epoch_changes = Table(
    "epoch_changes",
    metadata,
    Column("epoch", Integer, primary_key=True),
    Column("entry_number", Integer, ForeignKey("entries.number"), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column(
        "listed", Integer, CheckConstraint("listed IN (0, 1)", name="yes_or_no"), nullable=False
    ),
    ForeignKeyConstraint(["epoch", "version"], ["epoch_versions.epoch", "epoch_versions.version"]),
    sqlite_with_rowid=False,
)

# How much of the change feed each published version (0: the epoch itself) has taken in. Versions
# from before this table have no line.
epoch_positions = Table(
    "epoch_positions",
    metadata,
    Column("epoch", Integer, ForeignKey("epochs.number"), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("stamp", LargeBinary(16), nullable=False),
    sqlite_with_rowid=False,
)
