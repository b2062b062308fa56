"""What a device keeps about itself and its messages, as strict records inside the sealed store."""

from softfall.messaging.envelope import (
    ADDRESS,
    CONVERSATION,
    DELIVERY,
    MAX_MEMBERS,
    MAX_OPENING_BYTES,
    RECEIPT,
)
from softfall.wire import Bytes, Field, ListOf, Message, Nested, Party, Text, Uint

PROFILE = Message(
    "device profile",
    Party.DEVICE,
    (
        Field("account", ADDRESS, "this device's account"),
        Field("provider_url", Text(2048), "where the provider is"),
        Field("authority_pem", Text(65_536), "the certificate authority that is believed"),
        Field("custodian_key", Bytes(32, 32), "the custodian's Ed25519 key, pinned"),
        Field("token", Text(128), "chosen here; the provider keeps its digest"),
        Field("registered", Uint(1), "1: the provider has taken the account"),
        Field("list_root", Bytes(0, 65_536), "the on-device list's root, pinned; empty: no list"),
    ),
    max_bytes=140_000,
)

OUTBOX = Message(
    "outbox",
    Party.DEVICE,
    (
        Field("envelope", Bytes(1, 8_388_608), "sent again as these very bytes"),
        Field("conversation", CONVERSATION, "which conversation"),
        Field("recipients", ListOf(ADDRESS, 1, MAX_MEMBERS), "to whom"),
        Field("content", Bytes(1, 20_000), "to submit anew where an epoch has ended meanwhile"),
        Field("checked", Text(64), "what the sender's app says of it"),
        Field("is_group", Uint(1), "1: carries, or relies on, a group's key"),
        Field("redone", Uint(8), "how often it was made anew"),
    ),
    max_bytes=9_000_000,
)

RECEIVED = Message(
    "received",
    Party.DEVICE,
    (
        Field("reason", Text(160, may_be_empty=True), "why it is quarantined; empty: shown"),
        Field("checked", Text(64), "what the recipient's app says of it"),
        Field("content", Bytes(1, 20_000), "as committed to"),
        Field("franking_key", Bytes(32, 32), "opens the commitment"),
        Field("opening", Bytes(0, MAX_OPENING_BYTES), "the option's opening"),
        Field("manifest", Bytes(0, 10_240), "the epoch's manifest, as the sender committed to it"),
        Field("receipt", Nested(RECEIPT), "as delivered"),
        Field("members", ListOf(ADDRESS, 1, MAX_MEMBERS + 1), "as the provider told"),
    ),
    max_bytes=240_000,
)

SENDERS = Message(
    "senders",
    Party.DEVICE,
    (Field("senders", ListOf(ADDRESS, 1, 1000), "who has sent an envelope under this id"),),
    max_bytes=80_000,
)

REFUSAL = Message(
    "refusal",
    Party.DEVICE,
    (Field("reason", Text(400), "why the provider refused a queued message"),),
    max_bytes=500,
)

CURSOR = Message(
    "cursor",
    Party.DEVICE,
    (
        Field("through", Uint(), "the mailbox's sequence up to which all is kept here"),
        Field("acknowledged", Uint(), "and up to which the provider knows it"),
    ),
    max_bytes=32,
)

TOKEN = Message(
    "token",
    Party.DEVICE,
    (Field("value", Bytes(64, 64), "known to this device and the custodian alone"),),
    max_bytes=80,
)

WAITING = Message(
    "waiting",
    Party.DEVICE,
    (
        Field("delivery", Bytes(1, DELIVERY.max_bytes), "the `delivery`, as it came"),
        Field("reason", Text(160), "what it waits for"),
    ),
    max_bytes=DELIVERY.max_bytes + 10_000,
)

BLOCKED = Message(
    "blocked contact",
    Party.DEVICE,
    (Field("since_ms", Uint(), "when this device's person blocked them"),),
    max_bytes=32,
)

NOTICES_SEEN = Message(
    "notices seen",
    Party.DEVICE,
    (Field("through", Uint(), "the notice up to which all are kept here"),),
    max_bytes=32,
)

APPEALED = Message(
    "appealed",
    Party.DEVICE,
    (Field("at_ms", Uint(), "when this device's person appealed it"),),
    max_bytes=32,
)

ATTESTATION_KEPT = Message(
    "attestation kept",
    Party.DEVICE,
    (
        Field("body", Bytes(1, 90_000), "`enclave_attestation`, verified then"),
        Field("nonce", Bytes(32, 32), "what this device asked with"),
        Field("asked_at_ms", Uint(), "and when, by its own clock"),
    ),
    max_bytes=90_100,
)
