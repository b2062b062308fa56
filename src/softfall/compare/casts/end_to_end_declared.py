"""What each party may receive under any end-to-end encrypted option, route by route.

Guarantees: what they all share is declared once, here; each option adds its own routes and says
what its submission is. The tables are data: a route that stands nowhere is an error in the report.
"""

from collections.abc import Iterable
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
from softfall.wire import Message

Row = tuple[str, Form, Nature, str]

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

_PROVIDER_ASKED: Final[tuple[Row, ...]] = (
    ("GET /v1/service", Nothing(), Nature.ROUTING, "that a device is there"),
    ("POST /v1/accounts", _REGISTRATION, Nature.ROUTING, "who registers, with public keys"),
    ("PUT /v1/keys", _KEYS, Nature.ROUTING, "public keys of a device"),
    ("GET /v1/keys/count", Nothing(), Nature.ROUTING, "that a device looks after its keys"),
    ("POST /v1/keys/claim", _WHOSE, Nature.ROUTING, "who begins to talk with whom"),
    ("POST /v1/keys/identity", _WHOSE, Nature.ROUTING, "who has begun to hear from whom"),
    ("PUT /v1/attachments/{digest}", _SEALED_FILE, Nature.SEALED, "a file that it can't open"),
    ("GET /v1/attachments/{digest}", Nothing(), Nature.ROUTING, "who fetches which sealed file"),
    ("GET /v1/mailbox", Nothing(), Nature.ROUTING, "who asks for mail, and when"),
    (
        "POST /v1/mailbox/ack",
        Json("through", frozenset({"through"})),
        Nature.ROUTING,
        "what has arrived",
    ),
    ("POST /v1/reports", Cbor(REPORT), Nature.READABLE, "what a recipient chose to report"),
)

_DEVICE_ANSWERED: Final[tuple[Row, ...]] = (
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


def rows(receiver: str, peer: str, way: str, table: Iterable[Row]) -> list[Declaration]:
    """Declarations of one receiver, from one peer, one way."""
    return [Declaration(receiver, peer, way, *row) for row in table]


def end_to_end(option: str, submission: Message, told: str, own: Iterable[Declaration]) -> Declared:
    """An option's whole table. told: what an envelope tells the provider. own: its own routes."""
    envelope = Cbor(
        ENVELOPE,
        natures={
            "payloads.body": Nature.SEALED,
            "group_body": Nature.SEALED,
            "submission.body": Nature.MATCHING,
        },
        inner={"submission.body": Inner("option", {option: submission, "outage": None})},
    )
    sent: Row = ("POST /v1/envelopes", envelope, Nature.ROUTING, told)
    manifest: Row = (
        "GET /v1/epochs/current",
        Cbor(EPOCH_MANIFEST),
        Nature.DERIVED,
        "the signed manifest of the list's epoch",
    )
    asked: Row = (
        "GET /v1/epochs/current",
        Nothing(),
        Nature.ROUTING,
        "that the provider is there",
    )
    return Declared(
        [
            *rows("provider", "device", REQUEST, (*_PROVIDER_ASKED, sent)),
            *rows("provider", "custodian", REPLY, (manifest,)),
            *rows("custodian", "provider", REQUEST, (asked,)),
            *rows("device", "provider", REPLY, _DEVICE_ANSWERED),
            *own,
        ]
    )
