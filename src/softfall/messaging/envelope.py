"""The envelope and what lies inside its ciphertext, as bytes.

Outside (the provider sees it): who, to whom, ciphertext, commitment, submission. Inside (devices
only): content, franking key, opening. `docs/wire-formats.md` is drawn from these declarations.
"""

from softfall.wire import Bytes, Field, ListOf, Message, Nested, Optional, Party, Text, Uint

ENVELOPE_ID_BYTES = 16
COMMITMENT_BYTES = 32
MAX_MEMBERS = 64
MAX_PICTURE_BYTES = 33_554_432  # of a reported picture, or video
MAX_SUBMISSION_BYTES = 1_900_000  # of a video's frames
MAX_OPENING_BYTES = 180_000
REPORT_REASONS = ("unwanted", "harassment", "threat", "child-safety", "spam", "other")

ADDRESS = Text(64)  # an account's name; one device an account
CONVERSATION = Text(64)
MILLISECONDS = Uint(2**48)
DIGEST = Bytes(32, 32)

PAYLOAD = Message(
    "payload",
    Party.PROVIDER,
    (
        Field("recipient", ADDRESS, "whose mailbox"),
        Field("kind", Uint(2), "Olm message type: 0 pre-key, 1 normal; 2: nothing for this one"),
        Field("body", Bytes(0, 230_000), "Olm ciphertext (two: `inner`; group: `group key`)"),
    ),
    max_bytes=231_000,
)

SUBMISSION = Message(
    "submission",
    Party.PROVIDER,
    (
        Field("option", Text(32), "which option judged it; `outage` carries a voucher"),
        Field("epoch", Uint(2**32), "the list epoch it was made for"),
        Field(
            "body",
            Bytes(0, MAX_SUBMISSION_BYTES),
            "the option's own message; a video's: `frames_submission`; deleted once judged",
        ),
    ),
    max_bytes=MAX_SUBMISSION_BYTES + 100,
)

ENVELOPE = Message(
    "envelope",
    Party.PROVIDER,
    (
        Field("version", Uint(1), "1"),
        Field("envelope_id", Bytes(16, 16), "chosen by the sender; makes a retry harmless"),
        Field("conversation", CONVERSATION, "which conversation"),
        Field("payloads", ListOf(Nested(PAYLOAD), 1, MAX_MEMBERS), "one per recipient"),
        Field("group_body", Bytes(0, 230_000), "`group body`; empty between two"),
        Field("commitment", DIGEST, "franking: binds the sender to the plaintext"),
        Field("submission", Optional(Nested(SUBMISSION)), "media only"),
        Field("attachment", Optional(DIGEST), "SHA-256 of the encrypted file; media only"),
        Field("sent_at_ms", MILLISECONDS, "the sender's clock, Unix time"),
    ),
    max_bytes=8_388_608,
)

ATTACHMENT = Message(
    "attachment",
    Party.DEVICE,
    (
        Field("key", Bytes(32, 32), "AES-256-GCM key of this one file"),
        Field("nonce", Bytes(12, 12), "AES-GCM nonce"),
        Field("plaintext_sha256", DIGEST, "what the file must be once opened"),
        Field("ciphertext_sha256", DIGEST, "which file to fetch"),
        Field("key_commitment", DIGEST, "SHA-256 over the key: AES-GCM alone does not commit"),
        Field("size_bytes", Uint(2**40), "of the plaintext"),
        Field("mime", Text(64), "as the sender's app named it"),
    ),
    max_bytes=512,
)

CONTENT = Message(
    "content",
    Party.DEVICE,
    (
        Field("envelope_id", Bytes(16, 16), "binds the content to one envelope"),
        Field("text", Text(16384, may_be_empty=True), "the words"),
        Field("attachment", Optional(Nested(ATTACHMENT)), "the photograph, or the video"),
        Field("sent_at_ms", MILLISECONDS, "the sender's clock"),
    ),
    max_bytes=20_000,
)

INNER = Message(
    "inner",
    Party.DEVICE,
    (
        Field("content", Bytes(1, 20_000), "`content`, exactly the bytes that are committed to"),
        Field("franking_key", Bytes(32, 32), "opens the commitment"),
        Field(
            "opening",
            Bytes(0, MAX_OPENING_BYTES),
            "the option's opening, a video's: `frames_opening`; empty for text",
        ),
        Field("manifest", Bytes(0, 10_240), "the epoch's signed manifest; empty for text"),
    ),
    max_bytes=211_000,
)

GROUP_KEY = Message(
    "group key",
    Party.DEVICE,
    (
        Field("conversation", CONVERSATION, "the only conversation that this key opens"),
        Field("session_id", Text(64), "the Megolm session, by its signing key"),
        Field("session_key", Text(512), "opens the session from its present index on"),
    ),
    max_bytes=1024,
)

GROUP_BODY = Message(
    "group body",
    Party.PROVIDER,
    (
        Field("session_id", Text(64), "which Megolm session"),
        Field("ciphertext", Bytes(1, 229_000), "the Megolm message: `inner`, encrypted"),
    ),
    max_bytes=230_000,
)

RECEIPT = Message(
    "receipt",
    Party.DEVICE,
    (
        Field("key_id", Uint(2**32), "which receipt key"),
        Field("envelope_id", Bytes(16, 16), "which envelope"),
        Field("sender", ADDRESS, "as authenticated by the provider"),
        Field("conversation", CONVERSATION, "which conversation"),
        Field("commitment", DIGEST, "as received"),
        Field("submission_digest", Optional(DIGEST), "SHA-256 of the submission, media only"),
        Field("option", Text(32, may_be_empty=True), "the submission's option, media only"),
        Field("epoch", Uint(2**32), "the submission's epoch; 0 for text"),
        Field("attachment", Optional(DIGEST), "as in the envelope"),
        Field("received_at_ms", MILLISECONDS, "the provider's clock"),
        Field("mac", DIGEST, "HMAC-SHA256 over all of the above"),
    ),
    max_bytes=1024,
)

DELIVERY = Message(
    "delivery",
    Party.DEVICE,
    (
        Field("sequence", Uint(), "this mailbox's own running number"),
        Field("payload", Nested(PAYLOAD), "this recipient's own"),
        Field("group_body", Bytes(0, 230_000), "as in the envelope"),
        Field("receipt", Nested(RECEIPT), "what the provider stamped"),
        Field("members", ListOf(ADDRESS, 1, MAX_MEMBERS + 1), "sender and recipients"),
    ),
    max_bytes=470_000,
)

MAILBOX = Message(
    "mailbox",
    Party.DEVICE,
    (
        Field("deliveries", ListOf(Nested(DELIVERY), 0, 100), "oldest first"),
        Field("notices", Uint(2**32), "how many wait at GET /v1/notices; 0 until somebody decided"),
    ),
    max_bytes=47_100_000,
)

OPENED = Message(
    "opened",
    Party.PROVIDER,
    (
        Field("content", Bytes(1, 20_000), "the content that was committed to"),
        Field("franking_key", Bytes(32, 32), "opens the commitment"),
        Field("receipt", Nested(RECEIPT), "as delivered"),
        Field(
            "picture",
            Optional(Bytes(1, MAX_PICTURE_BYTES)),
            "the plaintext bytes of the reported picture, or video",
        ),
        Field(
            "opening",
            Bytes(0, MAX_OPENING_BYTES),
            "the option's opening, as committed to; empty for text",
        ),
        Field("manifest", Bytes(0, 10_240), "the epoch's manifest, as committed to"),
    ),
    max_bytes=34_000_000,
)

REPORT = Message(
    "report",
    Party.PROVIDER,
    (
        Field("reason", Text(64), f"why: one of {', '.join(REPORT_REASONS)}"),
        Field("anonymous", Uint(1), "1: whoever decides is not told who reports"),
        Field("in_danger_now", Uint(1), "1: a child is in danger now, as the reporter says"),
        Field("messages", ListOf(Nested(OPENED), 1, 20), "chosen messages only, in order"),
    ),
    max_bytes=68_000_000,
)
