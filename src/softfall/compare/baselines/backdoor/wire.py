"""Every message of the baseline `backdoor`: end-to-end encrypted, with each key escrowed.

What it measures: a messenger whose provider is handed the key of every message, sealed to one key
of its own, so that it can open messages when an investigation asks. It matches nothing.
A baseline for comparison: it lives outside the services, and no service can load it.
"""

from typing import Final

from softfall.crypto.hpke import OVERHEAD_BYTES, PUBLIC_BYTES
from softfall.messaging.envelope import ADDRESS, CONVERSATION, MILLISECONDS
from softfall.wire import Bytes, Field, ListOf, Message, Nested, Optional, Party, Text, Uint

MAX_PICTURE_BYTES: Final = 33_554_432
MAX_DELIVERIES: Final = 20
MESSAGE_KEY_BYTES: Final = 32
WRAP_BYTES: Final = MESSAGE_KEY_BYTES + OVERHEAD_BYTES

_WRAP = Bytes(WRAP_BYTES, WRAP_BYTES)
_PUBLIC = Bytes(PUBLIC_BYTES, PUBLIC_BYTES)
_MAX_BODY_BYTES = MAX_PICTURE_BYTES + 20_000
_BODY = Field(
    "body", Bytes(1, _MAX_BODY_BYTES), "`backdoor_content`, encrypted under the message key"
)

CONTENT = Message(
    "backdoor_content",
    Party.DEVICE,
    (
        Field("text", Text(16384, may_be_empty=True), "the words"),
        Field("picture", Optional(Bytes(1, MAX_PICTURE_BYTES)), "the photograph's file"),
    ),
    max_bytes=MAX_PICTURE_BYTES + 18_000,
)

SENT = Message(
    "backdoor_sent",
    Party.PROVIDER,
    (
        Field("message_id", Bytes(16, 16), "chosen by the sender; makes a retry harmless"),
        Field("recipient", ADDRESS, "whose mailbox"),
        Field("conversation", CONVERSATION, "which conversation"),
        _BODY,
        Field("wrap", _WRAP, "the message key, sealed to the recipient"),
        Field("escrow", _WRAP, "the same key, sealed to the provider: the back door"),
        Field("sent_at_ms", MILLISECONDS, "the sender's clock, Unix time"),
    ),
    max_bytes=_MAX_BODY_BYTES + 4096,
)

DELIVERED = Message(
    "backdoor_delivered",
    Party.DEVICE,
    (
        Field("sequence", Uint(), "this mailbox's own running number"),
        Field("message_id", Bytes(16, 16), "as sent"),
        Field("sender", ADDRESS, "as authenticated by the provider"),
        _BODY,
        Field("wrap", _WRAP, "the message key, sealed to this device"),
    ),
    max_bytes=_MAX_BODY_BYTES + 4096,
)

INBOX = Message(
    "backdoor_inbox",
    Party.DEVICE,
    (Field("deliveries", ListOf(Nested(DELIVERED), 0, MAX_DELIVERIES), "oldest first"),),
    max_bytes=(_MAX_BODY_BYTES + 4096) * MAX_DELIVERIES + 64,
)

REGISTRATION = Message(
    "backdoor_registration",
    Party.PROVIDER,
    (
        Field("account", ADDRESS, "who registers"),
        Field("public_key", _PUBLIC, "what others seal message keys to"),
    ),
    max_bytes=PUBLIC_BYTES + 128,
)

PUBLIC_KEY = Message(
    "backdoor_public_key",
    Party.DEVICE,
    (Field("public_key", _PUBLIC, "another device's, or the provider's escrow key"),),
    max_bytes=PUBLIC_BYTES + 32,
)
