"""Franking, both sides: what is opened is what was sent, by whom, where; nothing else passes."""

import dataclasses
import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softfall.messaging.envelope import CONTENT, RECEIPT
from softfall.messaging.franking import (
    CommitmentBroken,
    Committed,
    OpeningMismatch,
    Receipt,
    ReceiptForged,
    commit,
    key_commitment,
    stamp,
    verify_commitment,
    verify_opened,
    verify_receipt,
)
from softfall.wire import MalformedMessage

FRANKING_KEY = bytes(range(32))
PROVIDER_KEY = bytes(range(100, 132))
KEYS = {7: PROVIDER_KEY}
OPENING, MANIFEST = b"an option's opening", b"an epoch's manifest"
PICTURE = b"the bytes of a harmless photograph"
ENVELOPE_ID = bytes(range(16))


def content(text="see you at the lake", envelope_id=ENVELOPE_ID, picture=None):
    attachment = None
    if picture is not None:
        attachment = {
            "key": bytes(32),
            "nonce": bytes(12),
            "plaintext_sha256": hashlib.sha256(picture).digest(),
            "ciphertext_sha256": hashlib.sha256(b"file").digest(),
            "key_commitment": key_commitment(bytes(32)),
            "size_bytes": len(picture),
            "mime": "image/jpeg",
        }
    return CONTENT.encode(
        {"envelope_id": envelope_id, "text": text, "attachment": attachment, "sent_at_ms": 5}
    )


def receipt(body, **changes):
    facts = {
        "key_id": 7,
        "envelope_id": ENVELOPE_ID,
        "sender": "ada",
        "conversation": "lake",
        "commitment": commit(FRANKING_KEY, Committed("ada", "lake", body, OPENING, MANIFEST)),
        "submission_digest": None,
        "option": "",
        "epoch": 0,
        "attachment": None,
        "received_at_ms": 1_000,
    }
    return stamp(PROVIDER_KEY, Receipt(**{**facts, **changes}))


def opened(body=None, stamped=None, **changes):
    body = content() if body is None else body
    stamped = receipt(body) if stamped is None else stamped
    return {
        "content": body,
        "franking_key": FRANKING_KEY,
        "receipt": stamped.values(),
        "picture": None,
        "opening": OPENING,
        "manifest": MANIFEST,
        **changes,
    }


def test_an_honest_message_opens():
    found = verify_opened(opened(), KEYS)
    assert found.text == "see you at the lake"
    assert found.receipt.sender == "ada"


def test_an_honest_picture_opens():
    body = content(picture=PICTURE)
    stamped = receipt(body, attachment=hashlib.sha256(b"file").digest())
    found = verify_opened(opened(body, stamped, picture=PICTURE), KEYS)
    assert found.picture == PICTURE


def test_a_forged_receipt_is_rejected():
    body = content()
    other = stamp(bytes(32), dataclasses.replace(receipt(body), mac=bytes(32)))
    with pytest.raises(ReceiptForged):
        verify_opened(opened(body, other), KEYS)


def test_a_receipt_of_an_unknown_key_is_rejected():
    with pytest.raises(ReceiptForged):
        verify_receipt({8: PROVIDER_KEY}, receipt(content()))


CHANGES = {
    "key_id": 8,
    "envelope_id": bytes(16),
    "sender": "eve",
    "conversation": "pond",
    "commitment": bytes(32),
    "submission_digest": bytes(32),
    "option": "outage",
    "epoch": 1,
    "attachment": bytes(32),
    "received_at_ms": 1_001,
    "mac": bytes(32),
}


def test_every_field_of_the_receipt_is_tried_below():
    assert set(CHANGES) == {field.name for field in RECEIPT.fields}


@pytest.mark.parametrize("field", CHANGES)
def test_a_receipt_altered_in_any_field_is_rejected(field):
    altered = dataclasses.replace(receipt(content()), **{field: CHANGES[field]})
    with pytest.raises(ReceiptForged):
        verify_receipt({7: PROVIDER_KEY, 8: PROVIDER_KEY}, altered)


def test_altered_words_are_rejected():
    with pytest.raises(CommitmentBroken):
        verify_opened(opened(content("see you at the pond"), receipt(content())), KEYS)


def test_a_message_laid_at_anothers_door_is_rejected():
    body = content()
    # Eve sends Ada's ciphertext as her own: the provider stamps Eve, the commitment says Ada.
    stamped = receipt(body, sender="eve")
    with pytest.raises(CommitmentBroken):
        verify_opened(opened(body, stamped), KEYS)


def test_a_message_moved_to_another_conversation_is_rejected():
    body = content()
    with pytest.raises(CommitmentBroken):
        verify_opened(opened(body, receipt(body, conversation="pond")), KEYS)


def test_a_message_replayed_in_another_envelope_is_rejected():
    body = content()
    stamped = receipt(body, envelope_id=bytes(16))
    with pytest.raises(OpeningMismatch):
        verify_opened(opened(body, stamped), KEYS)


def test_another_picture_is_rejected():
    body = content(picture=PICTURE)
    with pytest.raises(OpeningMismatch):
        verify_opened(opened(body, picture=b"another photograph"), KEYS)


def test_a_picture_with_a_text_message_is_rejected():
    with pytest.raises(OpeningMismatch):
        verify_opened(opened(picture=PICTURE), KEYS)


@pytest.mark.parametrize("part", ["opening", "manifest"])
@given(junk=st.binary(max_size=40))
@settings(max_examples=30)
def test_another_opening_or_manifest_than_the_sender_s_is_rejected(part, junk):
    body = content(picture=PICTURE)
    honest = opened(body)
    if junk == honest[part]:
        verify_opened(honest, KEYS)
        return
    with pytest.raises(CommitmentBroken):
        verify_opened({**honest, part: junk}, KEYS)


def test_an_opening_can_not_be_left_out():
    with pytest.raises(CommitmentBroken):
        verify_opened({**opened(), "opening": b"", "manifest": b""}, KEYS)


def test_what_a_sender_committed_to_is_told_even_where_it_contradicts_the_receipt():
    body = content(picture=PICTURE)
    stamped = receipt(body, attachment=hashlib.sha256(b"other file").digest())
    told = verify_opened(opened(body, stamped, picture=PICTURE), KEYS)
    assert told.attachment["ciphertext_sha256"] != told.receipt.attachment


X = Committed("ada", "lake", b"x")
PARTS = st.builds(
    Committed,
    st.text(max_size=8),
    st.text(max_size=8),
    st.binary(max_size=8),
    st.binary(max_size=8),
    st.binary(max_size=8),
)


@pytest.mark.parametrize("key", [b"", bytes(31), bytes(33), bytes(64)])
def test_a_franking_key_of_another_length_commits_to_nothing(key):
    with pytest.raises(CommitmentBroken):
        commit(key, X)


def test_a_padded_key_does_not_open_the_commitment():
    # HMAC itself pads: HMAC(k) == HMAC(k + zero bytes). A fixed length closes that door.
    made = commit(FRANKING_KEY, X)
    with pytest.raises(CommitmentBroken):
        verify_commitment(made, FRANKING_KEY + b"\0", X)


@settings(max_examples=60)
@given(PARTS, PARTS)
def test_no_two_ways_to_split_the_parts_share_a_commitment(one, other):
    same = commit(FRANKING_KEY, one) == commit(FRANKING_KEY, other)
    assert same == (one == other)


@settings(max_examples=60)
@given(st.integers(0, 255), st.integers(0, 31), st.binary(min_size=32, max_size=32))
def test_a_flipped_commitment_never_opens(flip, place, key):
    made = bytearray(commit(key, X))
    made[place] ^= flip
    if flip:
        with pytest.raises(CommitmentBroken):
            verify_commitment(bytes(made), key, X)
    else:
        verify_commitment(bytes(made), key, X)


@settings(max_examples=60)
@given(st.binary(max_size=200))
def test_content_that_is_no_content_is_refused_by_name(junk):
    made = receipt(junk or b"\0")
    with pytest.raises((MalformedMessage, CommitmentBroken)):
        verify_opened(opened(junk, made), KEYS)
