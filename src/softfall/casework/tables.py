"""Casework's tables of cases: what came in, what was decided, what is still to be enacted.

Guarantees, by constraint: one (origin, reference) is one source; a decision has one appeal an
account; one enactment id is one enactment.
Kept never: words or bytes of a message, a public name, an appeal's text (they lie in the vault,
encrypted under the case's own key), and no hash: what joins cases are keyed digests.
The migrations in `migrations/` make these tables; a test compares the two.
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
    UniqueConstraint,
)

from softfall.casework.schema import ROW, metadata

# subject: the account of the first source. rank, due_at_ms: the queue's order (`priority`).
# reasons: JSON, a list of words. newest_source: what a decider must have seen.
# assigned_role: a moderator loses a case that is escalated to leads.
cases = Table(
    "cases",
    metadata,
    Column("row", ROW, primary_key=True, autoincrement=True),
    Column("case_id", String(32), nullable=False, unique=True),
    Column("subject", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("state_since_ms", BigInteger, nullable=False),
    Column("opened_at_ms", BigInteger, nullable=False),
    Column("closed_at_ms", BigInteger, nullable=True),
    Column("closed_why", Text, nullable=True),
    Column("category", String(32), nullable=False),
    Column("severity", String(16), nullable=False),
    Column("child_at_risk_now", Boolean, nullable=False),
    Column("own_picture", Boolean, nullable=False),
    Column("escalated_at_ms", BigInteger, nullable=True),
    Column("rank", Integer, nullable=False),
    Column("due_at_ms", BigInteger, nullable=False),
    Column("reasons", Text, nullable=False),
    Column("newest_source", BigInteger, nullable=False),
    Column("assigned_to", String(64), nullable=True),
    Column("assigned_role", String(16), nullable=True),
    Column("touched_at_ms", BigInteger, nullable=True),
    Index("cases_by_queue", "state", "rank", "due_at_ms"),
    Index("cases_by_subject", "subject"),
    Index("cases_by_assignment", "assigned_to"),
    sqlite_autoincrement=True,  # a row number, which keys of evidence are bound to, comes once
)

# origin: who handed it in, "provider" or a tool's name. body_digest: keyed; tells a repetition
# from another thing under the same reference. facts: JSON (`HashFacts`).
# hold_state: of the held message: held, released, blocked, expired; null where nothing is held.
sources = Table(
    "sources",
    metadata,
    Column("row", ROW, primary_key=True, autoincrement=True),
    Column("case", ForeignKey("cases.row"), nullable=False),
    Column("origin", String(64), nullable=False),
    Column("reference", String(128), nullable=False),
    Column("body_digest", LargeBinary(32), nullable=False),
    Column("source", String(16), nullable=False),
    Column("subject", String(64), nullable=False),
    Column("reason", Text, nullable=False),
    Column("kind", String(64), nullable=False),
    Column("arrived_at_ms", BigInteger, nullable=False),
    Column("taken_at_ms", BigInteger, nullable=False),
    Column("reporter", String(64), nullable=True),
    Column("child_at_risk_now", Boolean, nullable=False),
    Column("escalated", Boolean, nullable=False),
    Column("facts", Text, nullable=True),
    Column("held_sender", String(64), nullable=True),
    Column("held_envelope_id", String(32), nullable=True),
    Column("hold_state", String(16), nullable=True),
    UniqueConstraint("origin", "reference"),
    Index("sources_by_case", "case"),
    Index("sources_by_hold", "held_sender", "held_envelope_id"),
    sqlite_autoincrement=True,
)

# What makes two things the same: kind is "subject", "picture" or "entry"; digest is keyed.
join_keys = Table(
    "join_keys",
    metadata,
    Column("case", ForeignKey("cases.row"), primary_key=True),
    Column("kind", String(16), primary_key=True),
    Column("digest", LargeBinary(32), primary_key=True),
    Index("join_keys_by_digest", "kind", "digest"),
)

# Cases that belong together, though each is decided for itself. why: words.
links = Table(
    "links",
    metadata,
    Column("case", ForeignKey("cases.row"), primary_key=True),
    Column("other", ForeignKey("cases.row"), primary_key=True),
    Column("why", Text, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
)

# Pictures that a source says will follow. digest: keyed. evidence: the vault's number, once here.
pictures = Table(
    "pictures",
    metadata,
    Column("source", ForeignKey("sources.row"), primary_key=True),
    Column("digest", LargeBinary(32), primary_key=True),
    Column("position", Integer, nullable=False),
    Column("arrived_at_ms", BigInteger, nullable=True),
    Column("evidence", BigInteger, nullable=True),
)

# Everything that happened to a case. start, end: states, where what is "moved".
timeline = Table(
    "timeline",
    metadata,
    Column("row", ROW, primary_key=True, autoincrement=True),
    Column("case", ForeignKey("cases.row"), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("who", String(64), nullable=False),
    Column("actor", String(16), nullable=False),
    Column("what", String(32), nullable=False),
    Column("start", String(16), nullable=True),
    Column("end", String(16), nullable=True),
    Column("words", Text, nullable=False),
    Index("timeline_by_case", "case"),
)

# state: proposed (waits for a second reader), refused (by the second reader), withdrawn, final,
# reversed (by an appeal). accounts: JSON, whom an account measure is for.
# told: whether the accounts that it is about were told; wants_telling: whether they are to be.
decisions = Table(
    "decisions",
    metadata,
    Column("row", ROW, primary_key=True, autoincrement=True),
    Column("decision_id", String(32), nullable=False, unique=True),
    Column("case", ForeignKey("cases.row"), nullable=False),
    Column("state", String(16), nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("reason", Text, nullable=False),
    Column("policy_ref", String(64), nullable=False),
    Column("restrict_days", Integer, nullable=False),
    Column("accounts", Text, nullable=False),
    Column("override_reason", Text, nullable=False),
    Column("proposed_by", String(64), nullable=False),
    Column("proposed_at_ms", BigInteger, nullable=False),
    Column("second_reader", String(64), nullable=True),
    Column("second_reason", Text, nullable=True),
    Column("second_at_ms", BigInteger, nullable=True),
    Column("final_at_ms", BigInteger, nullable=True),
    Column("wants_telling", Boolean, nullable=False),
    Column("told", Boolean, nullable=False),
    Column("appeal_until_ms", BigInteger, nullable=True),
    Index("decisions_by_case", "case"),
)

# evidence: the vault's number of the appeal's text. upheld: the decision stands.
appeals = Table(
    "appeals",
    metadata,
    Column("row", ROW, primary_key=True, autoincrement=True),
    Column("appeal_id", String(32), nullable=False, unique=True),
    Column("case", ForeignKey("cases.row"), nullable=False),
    Column("decision", ForeignKey("decisions.row"), nullable=False),
    Column("origin", String(64), nullable=False),
    Column("reference", String(128), nullable=False),
    Column("account", String(64), nullable=False),
    Column("made_at_ms", BigInteger, nullable=False),
    Column("evidence", BigInteger, nullable=True),
    Column("decided_by", String(64), nullable=True),
    Column("decided_at_ms", BigInteger, nullable=True),
    Column("upheld", Boolean, nullable=True),
    Column("reason", Text, nullable=True),
    UniqueConstraint("origin", "reference"),
    UniqueConstraint("decision", "account"),
    Index("appeals_by_case", "case"),
)

# What the provider is still to do, or did. body: JSON (`Enactment`). state: waiting, done, failed
# (refused by name), set aside (by a lead).
# late: JSON, holds that had moved before, with where they were.
enactments = Table(
    "enactments",
    metadata,
    Column("row", ROW, primary_key=True, autoincrement=True),
    Column("enactment_id", String(32), nullable=False, unique=True),
    Column("case", ForeignKey("cases.row"), nullable=False),
    Column("decision", ForeignKey("decisions.row"), nullable=False),
    Column("appeal", ForeignKey("appeals.row"), nullable=True),
    Column("body", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("made_at_ms", BigInteger, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("next_try_at_ms", BigInteger, nullable=False),
    Column("leased_by", String(64), nullable=True),
    Column("leased_until_ms", BigInteger, nullable=True),
    Column("done_at_ms", BigInteger, nullable=True),
    Column("trouble", String(128), nullable=True),
    Column("late", Text, nullable=True),
    Index("enactments_by_turn", "state", "next_try_at_ms"),
    Index("enactments_by_case", "case"),
)
