"""What each party may receive under `split`, route by route."""

from typing import Final

from softfall.compare.declared import (
    REPLY,
    REQUEST,
    Cbor,
    Declaration,
    Declared,
    Form,
    Inner,
    Json,
    Nature,
    Nothing,
    Octets,
)
from softfall.lists.manifest import EPOCH_MANIFEST
from softfall.messaging.envelope import ENVELOPE, MAILBOX, REPORT
from softfall.options.confirm.wire import (
    CONFIRM_BEGIN,
    CONFIRM_BEGUN,
    CONFIRM_FINISH,
    CONFIRM_FINISHED,
    STOCK_CUSTODIAN,
    STOCK_PROVIDER,
)
from softfall.options.split.wire import ARTEFACT, SUBMISSION
from softfall.options.tags.wire import REPLY as ANSWER
from softfall.options.tags.wire import REQUEST as QUESTION
from softfall.options.tokens.wire import ASK, TOKEN_REPLY, TOKEN_REQUEST

_Row = tuple[str, Form, Nature, str]

_ASK: Final = Cbor(ASK, inner={"question": Inner("option", {"split": QUESTION})})
_ENVELOPE: Final = Cbor(
    ENVELOPE,
    natures={
        "payloads.body": Nature.SEALED,
        "group_body": Nature.SEALED,
        "submission.body": Nature.MATCHING,
    },
    inner={"submission.body": Inner("option", {"split": SUBMISSION, "outage": None})},
)
_MAILBOX: Final = Cbor(
    MAILBOX,
    natures={
        "deliveries.payload.body": Nature.OWN,
        "deliveries.group_body": Nature.OWN,
    },
)
_REGISTRATION: Final = Json(
    "account",
    frozenset({"account", "curve25519", "ed25519", "signature", "token", "registration_token"}),
)
_IDENTITY: Final = Json(
    "identity", frozenset({"account", "curve25519", "ed25519", "account_signature"})
)
_WHOSE: Final = Json("whose key", frozenset({"account"}))
_KEYS: Final = Json("keys", frozenset({"one_time_keys", "fallback_key"}))
_COUNT: Final = Json("key count", frozenset({"one_time_keys"}))
_CLAIMED: Final = Json(
    "claimed key",
    frozenset({"account", "curve25519", "ed25519", "account_signature", "one_time_key"}),
)
_SERVICE: Final = Json(
    "service",
    frozenset(
        {
            "option",
            "epoch",
            "manifest",
            "custodian_outage_rule",
            "media_wait_seconds",
            "max_envelope_bytes",
            "max_attachment_bytes",
            "server_time_ms",
        }
    ),
)
_SEALED_FILE: Final = Octets("encrypted file")
_OWN_FILE: Final = Octets("encrypted file")

_PROVIDER_ASKED: Final[tuple[_Row, ...]] = (
    ("GET /v1/service", Nothing(), Nature.ROUTING, "that a device is there"),
    ("POST /v1/accounts", _REGISTRATION, Nature.ROUTING, "who registers, with public keys"),
    ("PUT /v1/keys", _KEYS, Nature.ROUTING, "public keys of a device"),
    ("GET /v1/keys/count", Nothing(), Nature.ROUTING, "that a device looks after its keys"),
    ("POST /v1/keys/claim", _WHOSE, Nature.ROUTING, "who begins to talk with whom"),
    ("POST /v1/keys/identity", _WHOSE, Nature.ROUTING, "who has begun to hear from whom"),
    ("PUT /v1/attachments/{digest}", _SEALED_FILE, Nature.SEALED, "a file that it can't open"),
    ("GET /v1/attachments/{digest}", Nothing(), Nature.ROUTING, "who fetches which sealed file"),
    (
        "POST /v1/options/split/ask",
        _ASK,
        Nature.MATCHING,
        "blinded points on their way to the custodian, and a token spent on them; random to "
        "everyone but their device",
    ),
    (
        "POST /v1/tokens/issue",
        Cbor(TOKEN_REQUEST),
        Nature.MATCHING,
        "who asks for how many tokens, blinded; not which ones come of it",
    ),
    (
        "POST /v1/envelopes",
        _ENVELOPE,
        Nature.ROUTING,
        "who writes to whom, ciphertext, and for a picture its pseudorandom tags and one of two "
        "shares of its hash, random without the other",
    ),
    ("GET /v1/mailbox", Nothing(), Nature.ROUTING, "who asks for mail, and when"),
    (
        "POST /v1/mailbox/ack",
        Json("through", frozenset({"through"})),
        Nature.ROUTING,
        "what has arrived",
    ),
    ("POST /v1/reports", Cbor(REPORT), Nature.READABLE, "what a recipient chose to report"),
)

_PROVIDER_ANSWERED: Final[tuple[_Row, ...]] = (
    (
        "GET /v1/epochs/current",
        Cbor(EPOCH_MANIFEST),
        Nature.DERIVED,
        "the signed manifest of the list's epoch",
    ),
    (
        "GET /v1/epochs/{number}/artefacts/split",
        Cbor(ARTEFACT),
        Nature.DERIVED,
        "pseudorandom tags of the list's entries; no hash can be read from them without the key",
    ),
    (
        "POST /v1/options/split/answer",
        Cbor(ANSWER),
        Nature.MATCHING,
        "evaluated blinded points on their way back; random to everyone but their device",
    ),
    (
        "POST /v1/tokens/issue",
        Cbor(TOKEN_REPLY),
        Nature.MATCHING,
        "blinded tokens on their way back; random to everyone but their device",
    ),
)

_PROVIDER_CONFIRMING: Final[tuple[_Row, ...]] = (
    (
        "POST /v1/confirm/begin",
        Cbor(CONFIRM_BEGUN),
        Nature.MATCHING,
        "a candidate's first answer: random whatever the picture",
    ),
    (
        "POST /v1/confirm/finish",
        Cbor(CONFIRM_FINISHED),
        Nature.MATCHING,
        "its second answer: with the provider's own share, one bit",
    ),
)

_CUSTODIAN_CONFIRMING: Final[tuple[_Row, ...]] = (
    (
        "POST /v1/confirm/begin",
        Cbor(CONFIRM_BEGIN),
        Nature.MATCHING,
        "that somebody's picture was a candidate for an entry, and a share of its hash; random "
        "without the other share",
    ),
    (
        "POST /v1/confirm/finish",
        Cbor(CONFIRM_FINISH),
        Nature.MATCHING,
        "a masked distance: random, not the outcome",
    ),
)

_DEALT: Final = "randomness made before there was a picture"

_CUSTODIAN_ASKED: Final[tuple[_Row, ...]] = (
    ("GET /v1/epochs/current", Nothing(), Nature.ROUTING, "that the provider is there"),
    (
        "GET /v1/epochs/{number}/artefacts/split",
        Nothing(),
        Nature.ROUTING,
        "that the provider fetches an epoch",
    ),
    (
        "POST /v1/options/split/answer",
        _ASK,
        Nature.MATCHING,
        "blinded points from nobody in particular, and a token of it; random whatever the picture",
    ),
    (
        "POST /v1/tokens/issue",
        Cbor(TOKEN_REQUEST),
        Nature.MATCHING,
        "blinded points from nobody in particular; nothing to know the tokens by when spent",
    ),
)

_DEVICE_ANSWERED: Final[tuple[_Row, ...]] = (
    ("GET /v1/service", _SERVICE, Nature.ROUTING, "which option and epoch, signed"),
    (
        "POST /v1/accounts",
        Json("token", frozenset({"token"})),
        Nature.ROUTING,
        "the account's token",
    ),
    ("PUT /v1/keys", _COUNT, Nature.ROUTING, "how many keys are published"),
    ("GET /v1/keys/count", _COUNT, Nature.ROUTING, "how many keys are left"),
    ("POST /v1/keys/identity", _IDENTITY, Nature.ROUTING, "another device's public keys"),
    ("POST /v1/keys/claim", _CLAIMED, Nature.ROUTING, "another device's signed public keys"),
    (
        "PUT /v1/attachments/{digest}",
        Json("kept", frozenset({"size_bytes"})),
        Nature.ROUTING,
        "that the file is kept",
    ),
    ("GET /v1/attachments/{digest}", _OWN_FILE, Nature.OWN, "a picture sent to it"),
    (
        "POST /v1/options/split/ask",
        Cbor(ANSWER),
        Nature.MATCHING,
        "tags of its own picture only; nothing of any entry",
    ),
    (
        "POST /v1/tokens/issue",
        Cbor(TOKEN_REPLY),
        Nature.MATCHING,
        "tokens that it alone can unblind; one buys one question",
    ),
    (
        "POST /v1/envelopes",
        Json("accepted", frozenset({"accepted"})),
        Nature.ROUTING,
        "the one answer to every message",
    ),
    (
        "GET /v1/mailbox",
        _MAILBOX,
        Nature.ROUTING,
        "messages to it (it has their keys), with receipts",
    ),
    (
        "POST /v1/mailbox/ack",
        Json("through", frozenset({"through"})),
        Nature.ROUTING,
        "that the provider noted it",
    ),
    (
        "POST /v1/reports",
        Json("report", frozenset({"report_id", "accepted", "lies_proved"})),
        Nature.ROUTING,
        "that the report is kept",
    ),
)


def _rows(receiver: str, peer: str, way: str, rows: tuple[_Row, ...]) -> list[Declaration]:
    return [Declaration(receiver, peer, way, *row) for row in rows]


DECLARED: Final = Declared(
    [
        *_rows("provider", "device", REQUEST, _PROVIDER_ASKED),
        *_rows("provider", "custodian", REPLY, _PROVIDER_ANSWERED),
        *_rows("provider", "custodian", REPLY, _PROVIDER_CONFIRMING),
        *_rows("custodian", "provider", REQUEST, _CUSTODIAN_ASKED),
        *_rows("custodian", "provider", REQUEST, _CUSTODIAN_CONFIRMING),
        Declaration(
            "provider",
            "dealer",
            REPLY,
            "POST /v1/stock",
            Cbor(STOCK_PROVIDER),
            Nature.MATCHING,
            _DEALT,
        ),
        Declaration(
            "custodian",
            "dealer",
            REPLY,
            "POST /v1/stock",
            Cbor(STOCK_CUSTODIAN),
            Nature.MATCHING,
            _DEALT,
        ),
        Declaration(
            "dealer",
            "provider or custodian",
            REQUEST,
            "POST /v1/stock",
            Json("how much", frozenset({"count"})),
            Nature.ROUTING,
            "how much of it one party wants",
        ),
        *_rows("device", "provider", REPLY, _DEVICE_ANSWERED),
    ]
)
