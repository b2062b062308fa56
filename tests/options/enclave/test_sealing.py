"""The sealed body: deterministic, of one size, and committing to its key."""

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softfall.crypto import hpke
from softfall.options.enclave import sealing, wire
from softfall.options.enclave.parameters import Policy
from tests.options.enclave.attester import PUBLIC_KEY, SECRET
from tests.options.enclave.parties import EPOCH, secret_of

HASH = hashlib.sha256(b"a picture").digest()
PLANE = hashlib.shake_256(b"a picture").digest(wire.PLANE_BYTES)
CONTENT = {Policy.HASH: HASH, Policy.LUMINANCE: PLANE}
policies = pytest.mark.parametrize("policy", list(Policy))


@policies
def test_sender_and_recipient_make_the_same_body(policy: Policy) -> None:
    one = sealing.make_body(CONTENT[policy], secret_of(), policy)
    two = sealing.make_body(CONTENT[policy], secret_of(), policy)
    assert one == two
    content = sealing.opened(one.key, one.commitment, one.body, EPOCH, policy)
    assert content == CONTENT[policy]


@policies
def test_another_picture_key_or_epoch_shares_nothing(policy: Policy) -> None:
    content = CONTENT[policy]
    bodies = [
        sealing.make_body(content, secret_of(), policy),
        sealing.make_body(content[::-1], secret_of(), policy),
        sealing.make_body(content, secret_of("another attachment"), policy),
        sealing.make_body(content, secret_of(epoch=EPOCH + 1), policy),
        sealing.make_body(None, secret_of(), policy),
    ]
    for part in ("key", "commitment", "body"):
        assert len({getattr(body, part) for body in bodies}) == len(bodies)


@policies
def test_a_stand_in_has_the_size_of_a_picture(policy: Policy) -> None:
    assert len(sealing.make_body(None, secret_of(), policy).body) == policy.content_bytes
    assert len(sealing.make_body(CONTENT[policy], secret_of(), policy).body) == policy.content_bytes


def test_no_two_stand_ins_are_alike_under_the_hash_policy() -> None:
    def opened(label: str) -> bytes | None:
        body = sealing.make_body(None, secret_of(label), Policy.HASH)
        return sealing.opened(body.key, body.commitment, body.body, EPOCH, Policy.HASH)

    assert opened("one") != opened("two")


@settings(max_examples=100, deadline=None)
@given(at=st.integers(0, 95), flip=st.integers(1, 255))
def test_a_change_of_key_commitment_or_body_opens_nothing(at: int, flip: int) -> None:
    made = sealing.make_body(HASH, secret_of(), Policy.HASH)
    whole = bytearray(made.key + made.commitment + made.body)
    whole[at] ^= flip
    key, commitment, body = bytes(whole[:32]), bytes(whole[32:64]), bytes(whole[64:])
    assert sealing.opened(key, commitment, body, EPOCH, Policy.HASH) is None


def test_a_body_opens_in_its_own_epoch_and_policy_only() -> None:
    made = sealing.make_body(HASH, secret_of(), Policy.HASH)
    assert sealing.opened(made.key, made.commitment, made.body, EPOCH + 1, Policy.HASH) is None
    assert sealing.opened(made.key, made.commitment, made.body, EPOCH, Policy.LUMINANCE) is None


def test_a_capsule_opens_in_its_own_epoch_and_policy_only() -> None:
    capsule = sealing.make_capsule(HASH, PUBLIC_KEY, EPOCH, Policy.HASH)
    assert len(capsule) == wire.CAPSULE_BYTES
    assert sealing.open_capsule(capsule, SECRET, EPOCH, Policy.HASH) == HASH
    for epoch, policy in ((EPOCH + 1, Policy.HASH), (EPOCH, Policy.LUMINANCE)):
        with pytest.raises(hpke.NotSealedToThis):
            sealing.open_capsule(capsule, SECRET, epoch, policy)


def test_the_key_of_a_body_is_printed_nowhere() -> None:
    made = sealing.make_body(HASH, secret_of(), Policy.HASH)
    assert repr(made.key) not in repr(made)
