"""Whatever a mailbox holds, a device ends with a named outcome or a named error, and goes on."""

import dataclasses

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from softfall.device.device import Device
from softfall.device.outcomes import Quarantined, Refused, Shown, Waiting
from softfall.device.transport import BadServiceReply
from softfall.messaging.envelope import CONTENT, DELIVERY, INNER, MAILBOX
from softfall.messaging.franking import Committed, Receipt, commit, key_commitment

from .conftest import Town
from .pictures import FLOWER, jpeg

PHOTO = jpeg(FLOWER, side=64)
NAMED = (Shown, Quarantined, Refused, Waiting)


@pytest.fixture(scope="module")
def met(tmp_path_factory):
    """Ada and Ben, who have met; Ben gets what the test puts into his mailbox."""
    town = Town(tmp_path_factory.mktemp("town"))
    town.publish(1)
    town["ben"]
    town["ada"].send_photo("ben", PHOTO)
    town["ben"].sync()
    yield town
    town.close()


def read(town: Town, body: bytes) -> list:
    """What ben makes of one mailbox answer; afterwards the mailbox is empty."""
    ben: Device = town["ben"]
    answers = iter([body])
    transport = ben._kit.transport
    transport.mailbox = lambda after, wait: next(
        answers, MAILBOX.encode({"deliveries": [], "notices": 0})
    )
    return ben.sync()


def next_sequence(town: Town) -> int:
    ben = town["ben"]
    with ben._store.transaction():
        return ben._incoming.shelf.cursor[0] + 1


def still_well(town: Town) -> None:
    """Ben still reads what is honest."""
    ben = town["ben"]
    ben._kit.transport.__dict__.pop("mailbox", None)
    box = town.provider.members["ben"].mailbox
    kept = len(box)
    town["ada"].send_text("ben", "still well")
    box[-1]["sequence"] = next_sequence(town)
    assert [a.text for a in ben.sync()] == ["still well"]
    del box[kept:]


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=400))
def test_a_mailbox_of_junk_is_a_named_error(met: Town, body):
    with pytest.raises(BadServiceReply):
        read(met, body)


def test_a_mailbox_out_of_order_is_a_named_error(met: Town):
    delivery = DELIVERY.accept(met.provider.members["ben"].mailbox[0], "delivery")
    for sequences in ([0], [1], [50, 50], [51, 50]):
        body = MAILBOX.encode(
            {"deliveries": [{**delivery, "sequence": s} for s in sequences], "notices": 0}
        )
        with pytest.raises(BadServiceReply):
            read(met, body)
    still_well(met)


RECEIPTS = st.fixed_dictionaries(
    {},
    optional={
        "envelope_id": st.binary(min_size=16, max_size=16),
        "sender": st.sampled_from(["ada", "ben", "nobody", "x" * 64]),
        "conversation": st.text(min_size=1, max_size=12),
        "commitment": st.binary(min_size=32, max_size=32),
        "submission_digest": st.none() | st.binary(min_size=32, max_size=32),
        "option": st.sampled_from(["", "split", "outage", "none", "other"]),
        "epoch": st.integers(0, 2**32),
        "attachment": st.none() | st.binary(min_size=32, max_size=32),
        "received_at_ms": st.integers(0, 2**48),
    },
)
PAYLOADS = st.fixed_dictionaries(
    {},
    optional={
        "recipient": st.sampled_from(["ben", "ada"]),
        "kind": st.integers(0, 2),
        "body": st.binary(max_size=120),
    },
)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(RECEIPTS, PAYLOADS, st.binary(max_size=120))
def test_an_altered_delivery_has_a_named_outcome(met: Town, receipt, payload, group_body):
    honest = met.provider.members["ben"].mailbox[0]
    delivery = {
        **honest,
        "sequence": next_sequence(met),
        "group_body": group_body,
        "payload": {**honest["payload"], **payload},
        "receipt": met.provider.restamp(honest["receipt"], **receipt),
    }
    arrivals = read(met, MAILBOX.encode({"deliveries": [delivery], "notices": 0}))
    assert all(isinstance(arrival, NAMED) for arrival in arrivals)
    assert not any(isinstance(arrival, Shown) for arrival in arrivals)


BYTES32 = st.binary(min_size=32, max_size=32)
ATTACHMENTS = st.fixed_dictionaries(
    {
        "key": BYTES32,
        "nonce": st.binary(min_size=12, max_size=12),
        "plaintext_sha256": BYTES32,
        "ciphertext_sha256": BYTES32,
        "key_commitment": BYTES32,
        "size_bytes": st.integers(0, 2**40),
        "mime": st.text(min_size=1, max_size=8),
    }
)
INNERS = st.fixed_dictionaries(
    {
        "franking_key": BYTES32,
        "opening": st.binary(max_size=60),
        "manifest": st.binary(max_size=60),
    }
)


def arrive(town: Town, plaintext: bytes, **facts) -> list:
    """What ben makes of these very bytes, well encrypted by Ada's own session."""
    ada = town["ada"]
    with ada._store.transaction():
        kind, body = ada._kit.olm.encrypt("ben", plaintext)
    honest = Receipt.from_values(town.provider.members["ben"].mailbox[0]["receipt"])
    fresh = {"envelope_id": town["ada"]._kit.surroundings.random_bytes(16), **facts}
    delivery = {
        "sequence": next_sequence(town),
        "payload": {"recipient": "ben", "kind": kind, "body": body},
        "group_body": b"",
        "receipt": town.provider.restamp(dataclasses.replace(honest, **fresh).values()),
        "members": ["ada", "ben"],
    }
    return read(town, MAILBOX.encode({"deliveries": [delivery], "notices": 0}))


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=300))
def test_a_patched_sender_s_junk_is_refused(met: Town, plaintext):
    (refused,) = arrive(met, plaintext)
    assert isinstance(refused, Refused)
    assert refused.reason.startswith("MalformedMessage")


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(INNERS, st.text(max_size=20), st.none() | ATTACHMENTS, RECEIPTS, st.booleans())
def test_a_patched_sender_s_well_committed_nonsense_has_a_named_outcome(
    met: Town, inner, text, attachment, facts, fits
):
    envelope_id = met["ada"]._kit.surroundings.random_bytes(16)
    if attachment is not None and fits:
        attachment = {**attachment, "key_commitment": key_commitment(attachment["key"])}
    content = CONTENT.encode(
        {"envelope_id": envelope_id, "text": text, "attachment": attachment, "sent_at_ms": 1}
    )
    facts = {**facts, "sender": "ada", "envelope_id": envelope_id}
    conversation = facts.setdefault("conversation", "c")
    facts["commitment"] = commit(
        inner["franking_key"],
        Committed("ada", conversation, content, inner["opening"], inner["manifest"]),
    )
    arrivals = arrive(met, INNER.encode({**inner, "content": content}), **facts)
    assert all(isinstance(arrival, (Shown, Quarantined)) for arrival in arrivals)
    for arrival in arrivals:
        if isinstance(arrival, Shown):
            assert (arrival.picture, attachment) == (None, None)


def test_after_all_that_the_device_is_still_well(met: Town):
    still_well(met)
    assert all(isinstance(kept, (Shown, Quarantined)) for kept in met["ben"].history())
