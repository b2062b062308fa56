"""A custodian that cheats, and a device (or a relay) that attacks the custodian."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softfall.crypto import ristretto
from softfall.crypto.ristretto import GENERATOR, MalformedPoint
from softfall.options.split.custodian import SplitCustodian, derive_secret
from softfall.options.split.device import SplitPending
from softfall.options.tags import wire
from softfall.options.tags.custodian import KeyDestroyed
from softfall.options.tags.device import BadReply
from softfall.wire import MalformedMessage, Message
from tests.options.split.parties import Parties, random_hash

BAD_POINTS = {
    "identity": bytes(32),
    "not canonical": b"\xff" * 31 + b"\x7f",
    "the field's order": b"\xed" + b"\xff" * 30 + b"\x7f",
    "negative": b"\x01" + bytes(31),
    "off the group": bytes.fromhex(
        "26948d35ca62e643e26a83177332e6b6afeb9d08e4268b650f1f5bbd8d81d371"
    ),
}


@pytest.fixture(scope="module")
def parties() -> Parties:
    return Parties([random_hash(0)])


@pytest.fixture(scope="module")
def pending(parties: Parties) -> SplitPending:
    return parties.device.begin(random_hash(1), parties.secret())


def altered(message: object, body: bytes, **changes: object) -> bytes:
    assert isinstance(message, Message)
    return message.encode({**message.decode(body), **changes})  # type: ignore[dict-item]


def test_a_custodian_that_answers_under_another_key_is_refused(
    parties: Parties, pending: SplitPending
) -> None:
    targeted = SplitCustodian(
        5, derive_secret(b"\x66" * 32, 5), parties.parameters
    )  # a key for this user alone
    with pytest.raises(BadReply):
        pending.finish(targeted.answer(pending.request.body))


def test_a_custodian_that_evaluates_one_point_under_another_key_is_refused(
    parties: Parties, pending: SplitPending
) -> None:
    honest = parties.custodian.answer(pending.request.body)
    other = SplitCustodian(5, derive_secret(b"\x66" * 32, 5), parties.parameters).answer(
        pending.request.body
    )
    points = wire.octets(wire.REPLY.decode(honest), "points")
    theirs = wire.octets(wire.REPLY.decode(other), "points")
    with pytest.raises(BadReply):
        pending.finish(altered(wire.REPLY, honest, points=theirs[:32] + points[32:]))


def test_a_reply_in_another_order_is_refused(parties: Parties, pending: SplitPending) -> None:
    honest = parties.custodian.answer(pending.request.body)
    points = wire.octets(wire.REPLY.decode(honest), "points")
    moved = points[32:64] + points[:32] + points[64:]
    with pytest.raises(BadReply):
        pending.finish(altered(wire.REPLY, honest, points=moved))


@pytest.mark.parametrize("point", BAD_POINTS.values(), ids=BAD_POINTS.keys())
def test_bad_points_are_refused_both_ways(
    parties: Parties, pending: SplitPending, point: bytes
) -> None:
    request = pending.request.body
    points = wire.octets(wire.REQUEST.decode(request), "points")
    with pytest.raises(MalformedPoint):
        parties.custodian.answer(altered(wire.REQUEST, request, points=points[:-32] + point))
    reply = parties.custodian.answer(request)
    points = wire.octets(wire.REPLY.decode(reply), "points")
    with pytest.raises(BadReply):
        pending.finish(altered(wire.REPLY, reply, points=points[:-32] + point))


def test_the_wrong_number_of_points_is_refused_both_ways(
    parties: Parties, pending: SplitPending
) -> None:
    request = pending.request.body
    with pytest.raises(MalformedMessage):
        parties.custodian.answer(altered(wire.REQUEST, request, points=GENERATOR))
    with pytest.raises(MalformedMessage):
        parties.custodian.cost(altered(wire.REQUEST, request, points=GENERATOR * 129))
    reply = parties.custodian.answer(request)
    with pytest.raises(BadReply):
        pending.finish(altered(wire.REPLY, reply, points=GENERATOR))


def test_another_epochs_request_and_reply_are_refused(
    parties: Parties, pending: SplitPending
) -> None:
    request = pending.request.body
    with pytest.raises(wire.OtherEpoch):
        parties.custodian.answer(altered(wire.REQUEST, request, epoch=6))
    with pytest.raises(BadReply):
        pending.finish(altered(wire.REPLY, parties.custodian.answer(request), epoch=6))


def test_a_secret_of_another_epoch_or_option_is_refused(parties: Parties) -> None:
    other = Parties([], epoch=6)
    with pytest.raises(wire.OtherEpoch):
        parties.device.begin(random_hash(1), other.secret())
    with pytest.raises(wire.OtherEpoch):
        parties.device.check(random_hash(1), other.secret(), b"any", bytes(32))


def test_no_reply_is_a_bad_reply(pending: SplitPending) -> None:
    with pytest.raises(BadReply):
        pending.finish(None)


def test_once_the_key_is_destroyed_nothing_is_answered_or_prepared() -> None:
    parties = Parties([])
    request = parties.device.begin(random_hash(1), parties.secret()).request.body
    parties.custodian.destroy()
    with pytest.raises(KeyDestroyed):
        parties.custodian.answer(request)
    with pytest.raises(KeyDestroyed):
        parties.custodian.prepare([], lambda done, total: None)


def test_the_proofs_nonce_is_never_shared_by_two_requests(parties: Parties) -> None:
    """Two proofs with one nonce give the key: (s - s') / (c' - c). It must not come out."""
    secret = int.from_bytes(derive_secret(parties.seed, parties.epoch), "little")
    proofs = []
    for seed in (1, 2):
        request = parties.device.begin(random_hash(seed), parties.secret()).request.body
        proof = wire.octets(wire.REPLY.decode(parties.custodian.answer(request)), "proof")
        proofs.append([int.from_bytes(half, "little") for half in (proof[:32], proof[32:])])
    (c, s), (d, t) = proofs
    order = ristretto.ORDER
    assert (s - t) * pow(d - c, -1, order) % order != secret


@pytest.mark.parametrize("entry", [(0, bytes(31)), (2**32, bytes(32)), (-1, bytes(32))])
def test_an_entry_of_another_form_is_refused(parties: Parties, entry: tuple[int, bytes]) -> None:
    with pytest.raises(MalformedMessage):
        parties.custodian.prepare([entry], lambda done, total: None)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_as_a_request_are_refused_by_name(parties: Parties, body: bytes) -> None:
    for half in (parties.custodian.answer, parties.custodian.cost):
        with pytest.raises(MalformedMessage):
            half(body)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_no_altered_reply_is_accepted(
    parties: Parties, pending: SplitPending, data: st.DataObject
) -> None:
    reply = bytearray(parties.custodian.answer(pending.request.body))
    bit = data.draw(st.integers(0, 8 * len(reply) - 1))
    reply[bit // 8] ^= 1 << (bit % 8)
    with pytest.raises(BadReply):
        pending.finish(bytes(reply))
