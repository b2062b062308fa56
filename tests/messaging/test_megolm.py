"""Megolm sessions: whose key, which envelope, when anew, hostile bytes."""

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from softfall.messaging.envelope import GROUP_BODY, GROUP_KEY
from softfall.messaging.session.megolm import (
    MAX_AGE_MS,
    MAX_MESSAGES,
    GroupKeyMissing,
    GroupMessageReplayed,
    Megolm,
)
from softfall.messaging.session.olm import NoSession, Undecryptable
from softfall.wire import MalformedMessage

from .drawers import Drawers

ID, OTHER_ID = bytes(16), bytes([1] * 16)


def sender_and_reader(conversation="lake"):
    sender, reader = Megolm(Drawers()), Megolm(Drawers())
    prepared = sender.prepare(conversation, ["ben", "carol"], 0)
    reader.accept_key("ada", conversation, prepared.key)
    return sender, reader


def test_a_key_is_told_to_each_member_once():
    sender = Megolm(Drawers())
    assert sender.prepare("lake", ["carol", "ben"], 0).to_tell == ("ben", "carol")
    sender.told("lake", ["ben"])
    assert sender.prepare("lake", ["ben", "carol"], 0).to_tell == ("carol",)


@pytest.mark.parametrize("members", [["ben"], ["ben", "dan"], ["ben", "carol", "dan"]])
def test_any_change_of_members_makes_a_new_session(members):
    sender = Megolm(Drawers())
    first = sender.prepare("lake", ["ben", "carol"], 0)
    sender.told("lake", first.to_tell)
    second = sender.prepare("lake", members, 0)
    assert second.to_tell == tuple(members)
    ids = [GROUP_KEY.decode(p.key)["session_id"] for p in (first, second)]
    assert ids[0] != ids[1]


@pytest.mark.parametrize("now_ms", [5 + MAX_AGE_MS, 4])
def test_an_old_session_or_a_clock_set_back_makes_a_new_one(now_ms):
    sender = Megolm(Drawers())
    first = sender.prepare("lake", ["ben"], 5)
    assert sender.prepare("lake", ["ben"], 4 + MAX_AGE_MS).key == first.key
    assert sender.prepare("lake", ["ben"], now_ms).key != first.key


def test_so_many_messages_make_a_new_session():
    sender = Megolm(Drawers())
    first = GROUP_KEY.decode(sender.prepare("lake", ["ben"], 0).key)["session_id"]
    for _ in range(MAX_MESSAGES):
        sender.prepare("lake", ["ben"], 0)
        body = sender.encrypt("lake", b"x")
        assert GROUP_BODY.decode(body)["session_id"] == first
    assert GROUP_KEY.decode(sender.prepare("lake", ["ben"], 0).key)["session_id"] != first


def test_messages_open_in_any_order_and_twice_in_the_same_envelope():
    sender, reader = sender_and_reader()
    bodies = [sender.encrypt("lake", b"%d" % i) for i in range(4)]
    for i in (3, 0, 2, 1, 3):
        opened = reader.decrypt("ada", "lake", bodies[i], bytes([i] * 16))
        assert opened == b"%d" % i


def test_a_replay_in_another_envelope_is_refused():
    sender, reader = sender_and_reader()
    body = sender.encrypt("lake", b"x")
    reader.decrypt("ada", "lake", body, ID)
    with pytest.raises(GroupMessageReplayed):
        reader.decrypt("ada", "lake", body, OTHER_ID)


def test_a_key_serves_its_bringer_and_its_conversation_only():
    sender, reader = sender_and_reader()
    body = sender.encrypt("lake", b"x")
    for who, where in (("eve", "lake"), ("ada", "pond")):
        with pytest.raises(GroupKeyMissing):
            reader.decrypt(who, where, body, ID)
    with pytest.raises(Undecryptable):
        reader.accept_key("ada", "pond", sender.prepare("lake", ["ben", "carol"], 0).key)


def test_a_key_given_later_opens_nothing_earlier():
    sender = Megolm(Drawers())
    sender.prepare("lake", ["ben"], 0)
    early = sender.encrypt("lake", b"early")
    late_reader = Megolm(Drawers())
    late_reader.accept_key("ada", "lake", sender.prepare("lake", ["ben"], 0).key)
    with pytest.raises(Undecryptable):
        late_reader.decrypt("ada", "lake", early, ID)
    assert late_reader.decrypt("ada", "lake", sender.encrypt("lake", b"late"), ID) == b"late"


def test_nothing_is_encrypted_before_a_session_is_prepared():
    with pytest.raises(NoSession):
        Megolm(Drawers()).encrypt("lake", b"x")


SENDER, READER = sender_and_reader()
GOOD = GROUP_BODY.decode(SENDER.encrypt("lake", b"good"))


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200))
def test_hostile_keys_and_bodies_are_refused_by_name(body):
    with pytest.raises((MalformedMessage, Undecryptable)):
        READER.accept_key("ada", "lake", body)
    with pytest.raises((MalformedMessage, Undecryptable, GroupKeyMissing)):
        READER.decrypt("ada", "lake", body, ID)


@settings(max_examples=100, deadline=None)
@given(st.text(min_size=1, max_size=400))
def test_hostile_session_keys_are_refused_by_name(key):
    values = {"conversation": "lake", "session_id": "x", "session_key": key}
    try:
        body = GROUP_KEY.encode(values)
    except MalformedMessage:
        return
    with pytest.raises(Undecryptable):
        READER.accept_key("ada", "lake", body)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_mutations_of_a_real_group_message_are_refused_by_name(data):
    good = GOOD["ciphertext"]
    cut = data.draw(st.integers(0, len(good)))
    junk = data.draw(st.binary(min_size=1, max_size=20))
    assume(good[:cut] + junk != good)  # its last byte is zero now and then, by chance
    body = GROUP_BODY.encode({**GOOD, "ciphertext": good[:cut] + junk})
    with pytest.raises(Undecryptable):
        READER.decrypt("ada", "lake", body, ID)
