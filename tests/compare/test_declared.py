import json

import pytest

from softfall.compare.casts.split_declared import DECLARED
from softfall.compare.declared import (
    REPLY,
    REQUEST,
    Cbor,
    Declaration,
    Declared,
    Json,
    Nature,
    Nothing,
)
from softfall.messaging.envelope import ENVELOPE
from softfall.options.confirm.wire import SEALED_BYTES
from softfall.options.split.wire import SUBMISSION
from softfall.wire import MalformedMessage, Value

SHARES: dict[str, Value] = {
    "version": 1,
    "x_p": bytes(32),
    "commitment": bytes(32),
    "sealed": bytes(SEALED_BYTES),
}
SUBMITTED = SUBMISSION.encode({"version": 1, "tags": bytes(range(64)), "shares": SHARES})


def envelope(option: str = "split", body: bytes = SUBMITTED) -> bytes:
    return ENVELOPE.encode(
        {
            "version": 1,
            "envelope_id": bytes(16),
            "conversation": "two",
            "payloads": [
                {"recipient": "ben", "kind": 1, "body": b"x" * 100},
                {"recipient": "cam", "kind": 1, "body": b"y" * 50},
            ],
            "group_body": b"",
            "commitment": bytes(32),
            "submission": {"option": option, "epoch": 1, "body": body},
            "attachment": bytes(32),
            "sent_at_ms": 1,
        }
    )


def envelope_form() -> Cbor:
    row = DECLARED.of("provider", REQUEST, "POST", "/v1/envelopes")
    assert row is not None
    assert isinstance(row.form, Cbor)
    return row.form


def test_every_field_is_counted_with_what_it_is_to_its_receiver():
    leaves = envelope_form().leaves(envelope(), Nature.ROUTING)
    sizes: dict[str, int] = {}
    for leaf in leaves:
        sizes[leaf.name] = sizes.get(leaf.name, 0) + leaf.size_bytes
    assert sizes["payloads.body"] == 150
    assert sizes["submission.body.tags"] == 64
    assert sizes["submission.body.shares.sealed"] == SEALED_BYTES
    natures = {leaf.name: leaf.nature for leaf in leaves}
    assert natures["payloads.body"] is Nature.SEALED
    assert natures["submission.body.tags"] is Nature.MATCHING
    assert natures["payloads.recipient"] is Nature.ROUTING


def test_a_submission_that_the_option_does_not_declare_is_malformed():
    with pytest.raises(MalformedMessage):
        envelope_form().leaves(envelope(body=b"anything else"), Nature.ROUTING)


def test_a_voucher_stands_where_tags_would_only_for_an_outage():
    leaves = envelope_form().leaves(envelope("outage", b"a voucher"), Nature.ROUTING)
    assert any(leaf.name == "submission.body" and leaf.size_bytes == 9 for leaf in leaves)
    with pytest.raises(MalformedMessage, match="option 'other'"):
        envelope_form().leaves(envelope("other", b"a voucher"), Nature.ROUTING)


def test_a_key_that_is_not_declared_is_malformed():
    form = Json("token", frozenset({"token"}))
    assert form.leaves(json.dumps({"token": "abc"}).encode(), Nature.ROUTING)[0].size_bytes == 5
    for body in (b'{"token": "a", "extra": 1}', b"[]", b"{", b"\xff"):
        with pytest.raises(MalformedMessage):
            form.leaves(body, Nature.ROUTING)


def test_a_body_where_none_is_declared_is_malformed():
    with pytest.raises(MalformedMessage):
        Nothing().leaves(b"x", Nature.ROUTING)


def test_routes_match_whole_paths_and_their_own_way_only():
    table = Declared(
        [
            Declaration(
                "provider", "device", REQUEST, "GET /v1/a/{id}/b", Nothing(), Nature.ROUTING, ""
            )
        ]
    )
    assert table.of("provider", REQUEST, "GET", "/v1/a/17/b?wait=3") is not None
    for receiver, way, method, path in (
        ("provider", REQUEST, "GET", "/v1/a/17/b/c"),
        ("provider", REQUEST, "GET", "/v1/a/1/7/b"),
        ("provider", REQUEST, "POST", "/v1/a/17/b"),
        ("provider", REPLY, "GET", "/v1/a/17/b"),
        ("device", REQUEST, "GET", "/v1/a/17/b"),
    ):
        assert table.of(receiver, way, method, path) is None


def test_the_provider_is_never_declared_to_receive_anything_readable_but_reports():
    readable = {
        f"{row.route}"
        for _, row in DECLARED._rows
        if row.receiver in ("provider", "custodian")
        and (
            row.nature is Nature.READABLE
            or (isinstance(row.form, Cbor) and Nature.READABLE in row.form.natures.values())
        )
    }
    assert readable == {"POST /v1/reports"}
