"""Notices: what an account is told once a person has decided; words are made on its device.

Guarantees, by their form: a notice has room for what was decided, of which messages, until when,
and until when it may be appealed: none for a reason in words, for who decided, or for who reported.
"""

from enum import StrEnum

from softfall.messaging.envelope import ADDRESS, ENVELOPE_ID_BYTES, MILLISECONDS
from softfall.wire import Bytes, Field, ListOf, Message, Nested, Optional, Party, Text, Uint

NOTICE_ID_BYTES = 16
MAX_ENVELOPES = 500
MAX_NOTICES = 50
MAX_APPEAL_CHARS = 4_000


class NoticeKind(StrEnum):
    """What a notice tells."""

    DECIDED = "decided"  # messages of this account: delivered, or blocked
    NOT_DELIVERED = "not delivered"  # messages to this account, of `account`
    REPORT_DECIDED = "report decided"  # what came of a report of this account's
    WARNED = "warned"
    RESTRICTED = "restricted"  # may not send until `until_ms`
    LIFTED = "lifted"  # may send again
    APPEAL_DECIDED = "appeal decided"


class Told(StrEnum):
    """An outcome, as accounts are told it."""

    DELIVERED = "delivered"
    BLOCKED = "blocked"
    AGAINST_RULES = "against the rules"
    WARNED = "warned"
    RESTRICTED = "restricted"
    ACTED = "acted"
    NO_ACTION = "no action"


NOTICE = Message(
    "notice",
    Party.DEVICE,
    (
        Field("notice_id", Bytes(NOTICE_ID_BYTES, NOTICE_ID_BYTES), "to appeal by"),
        Field("sequence", Uint(), "this account's own running number"),
        Field("kind", Text(32), f"one of: {', '.join(NoticeKind)}"),
        Field("told_at_ms", MILLISECONDS, "when it was decided"),
        Field("outcome", Text(32), f"one of: {', '.join(Told)}"),
        Field("account", Optional(ADDRESS), "whose messages, or who was reported"),
        Field(
            "envelopes",
            ListOf(Bytes(ENVELOPE_ID_BYTES, ENVELOPE_ID_BYTES), 0, MAX_ENVELOPES),
            "the messages",
        ),
        Field("report_id", Optional(Text(32)), "the report that is answered"),
        Field("until_ms", Optional(MILLISECONDS), "how long a restriction lasts"),
        Field("appeal_until_ms", Optional(MILLISECONDS), "nothing: it can't be appealed"),
    ),
    max_bytes=10_000,
)

NOTICES = Message(
    "notices",
    Party.DEVICE,
    (Field("notices", ListOf(Nested(NOTICE), 0, MAX_NOTICES), "not acknowledged, oldest first"),),
    max_bytes=510_000,
)
