"""Every message of the baseline `in_transit`: encrypted on the way, open at the provider.

What it measures: today's common service. TLS hides words and pictures from the network only; the
provider receives both, so it can match, read, keep and hand over everything.
A baseline for comparison: it lives outside the services, and no service can load it.
"""

from typing import Final

from softfall.messaging.envelope import ADDRESS, CONVERSATION, MILLISECONDS
from softfall.wire import Bytes, Field, ListOf, Message, Nested, Optional, Party, Text, Uint

MAX_PICTURE_BYTES: Final = 33_554_432
MAX_DELIVERIES: Final = 20

_TEXT = Field("text", Text(16384, may_be_empty=True), "the words, readable")
_PICTURE = Field(
    "picture", Optional(Bytes(1, MAX_PICTURE_BYTES)), "the photograph's file, readable"
)

SENT = Message(
    "in_transit_sent",
    Party.PROVIDER,
    (
        Field("message_id", Bytes(16, 16), "chosen by the sender; makes a retry harmless"),
        Field("recipient", ADDRESS, "whose mailbox"),
        Field("conversation", CONVERSATION, "which conversation"),
        _TEXT,
        _PICTURE,
        Field("sent_at_ms", MILLISECONDS, "the sender's clock, Unix time"),
    ),
    max_bytes=MAX_PICTURE_BYTES + 20_000,
)

DELIVERED = Message(
    "in_transit_delivered",
    Party.DEVICE,
    (
        Field("sequence", Uint(), "this mailbox's own running number"),
        Field("message_id", Bytes(16, 16), "as sent"),
        Field("sender", ADDRESS, "as authenticated by the provider"),
        _TEXT,
        _PICTURE,
    ),
    max_bytes=MAX_PICTURE_BYTES + 20_000,
)

INBOX = Message(
    "in_transit_inbox",
    Party.DEVICE,
    (Field("deliveries", ListOf(Nested(DELIVERED), 0, MAX_DELIVERIES), "oldest first"),),
    max_bytes=(MAX_PICTURE_BYTES + 20_000) * MAX_DELIVERIES,
)
