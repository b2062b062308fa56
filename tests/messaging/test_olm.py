"""Olm sessions: attribution, order, replay, both starting at once, hostile bytes."""

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from softfall.messaging.identity import Identity, verify_identity, verify_one_time_key
from softfall.messaging.session.cells import StateDamaged
from softfall.messaging.session.olm import (
    MAX_SESSIONS,
    NORMAL,
    PREKEY,
    BadOneTimeKey,
    NoSession,
    Undecryptable,
)

from .drawers import introduce, person


def test_published_keys_carry_good_signatures_and_are_never_made_twice():
    ada = person("ada")
    assert verify_identity(ada.identity, ada.sign_identity()) == ada.identity
    first, second = ada.make_one_time_keys(3), ada.make_one_time_keys(3)
    for key in (*first, *second):
        verify_one_time_key(ada.identity, key)
    assert len({key.key for key in (*first, *second)}) == 6
    assert len({key.key_id for key in (*first, *second)}) == 6


def test_words_go_both_ways_and_the_first_answer_ends_the_pre_key_messages():
    ada, ben = person("ada"), person("ben")
    of_ada, of_ben = introduce(ada, ben), ben.identity
    kind, body = ada.encrypt("ben", b"one")
    assert kind == PREKEY
    assert ben.decrypt(of_ada, kind, body) == b"one"
    kind, body = ben.encrypt("ada", b"two")
    assert kind == NORMAL
    assert ada.decrypt(of_ben, kind, body) == b"two"
    assert ada.encrypt("ben", b"three")[0] == NORMAL


def test_both_start_at_once_and_both_are_understood():
    ada, ben = person("ada"), person("ben")
    of_ada, of_ben = introduce(ada, ben), introduce(ben, ada)
    from_ada, from_ben = ada.encrypt("ben", b"a"), ben.encrypt("ada", b"b")
    assert ben.decrypt(of_ada, *from_ada) == b"a"
    assert ada.decrypt(of_ben, *from_ben) == b"b"
    for turn in range(4):
        assert ben.decrypt(of_ada, *ada.encrypt("ben", b"%d" % turn)) == b"%d" % turn
        assert ada.decrypt(of_ben, *ben.encrypt("ada", b"%d" % turn)) == b"%d" % turn


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.permutations(range(7)))
def test_in_any_order_each_opens_once(order):
    ada, ben = person("ada"), person("ben")
    of_ada = introduce(ada, ben)
    sent = [ada.encrypt("ben", b"%d" % i) for i in range(7)]
    for i in order:
        assert ben.decrypt(of_ada, *sent[i]) == b"%d" % i
    for i in order:
        with pytest.raises(Undecryptable):
            ben.decrypt(of_ada, *sent[i])


def test_a_message_is_believed_only_from_the_pinned_key():
    ada, eve, ben = person("ada"), person("eve"), person("ben")
    introduce(eve, ben)
    from_eve = eve.encrypt("ben", b"I am ada")
    as_ada = Identity("ada", ada.identity.curve25519, ada.identity.ed25519)
    kept = dict(ben._cells.kept)
    with pytest.raises(Undecryptable):
        ben.decrypt(as_ada, *from_eve)
    assert ben._cells.kept == kept  # not even the one-time key was used up
    assert ben.decrypt(eve.identity, *from_eve) == b"I am ada"


def test_a_refused_message_changes_nothing():
    ada, ben = person("ada"), person("ben")
    of_ada = introduce(ada, ben)
    ben.decrypt(of_ada, *ada.encrypt("ben", b"one"))
    kind, body = ada.encrypt("ben", b"two")
    kept = dict(ben._cells.kept)
    for place in range(0, len(body), 7):
        broken = bytearray(body)
        broken[place] ^= 0x55
        with pytest.raises(Undecryptable):
            ben.decrypt(of_ada, kind, bytes(broken))
    assert ben._cells.kept == kept
    assert ben.decrypt(of_ada, kind, body) == b"two"


def test_no_more_than_a_few_sessions_are_kept_for_a_peer():
    ben = person("ben")
    ada = person("ada")
    for _ in range(MAX_SESSIONS + 3):
        of_ada = introduce(ada, ben)
        ben.decrypt(of_ada, *ada.encrypt("ben", b"hello"))
    assert len(ben._pickles("ada")) == MAX_SESSIONS
    assert ada.decrypt(ben.identity, *ben.encrypt("ada", b"hi")) == b"hi"


def test_without_a_session_nothing_is_encrypted():
    with pytest.raises(NoSession):
        person("ada").encrypt("ben", b"x")


@pytest.mark.parametrize("key", ["", "x", "A" * 43, "!" * 43])
def test_a_bad_one_time_key_is_refused_by_name(key):
    ada, ben = person("ada"), person("ben")
    with pytest.raises(BadOneTimeKey):
        ada.open_session(ben.identity, key)


def test_a_damaged_ratchet_is_a_named_error():
    ada = person("ada")
    ada._cells.put("olm account", value=b"no pickle")
    with pytest.raises(StateDamaged):
        _ = ada.identity
    ada._cells.delete("olm account")
    with pytest.raises(StateDamaged):
        _ = ada.identity


BEN = person("ben")
ADA = person("ada")
OF_ADA = introduce(ADA, BEN)
BEN.decrypt(OF_ADA, *ADA.encrypt("ben", b"hello"))
GOOD = ADA.encrypt("ben", b"good")[1]


@settings(max_examples=150, deadline=None)
@given(st.integers(-2, 2**40), st.binary(max_size=300))
def test_hostile_bytes_are_refused_by_name(kind, body):
    with pytest.raises(Undecryptable):
        BEN.decrypt(OF_ADA, kind, body)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from([PREKEY, NORMAL]), st.data())
def test_mutations_of_a_real_message_are_refused_by_name(kind, data):
    cut = data.draw(st.integers(0, len(GOOD)))
    junk = data.draw(st.binary(min_size=1, max_size=20))
    assume(GOOD[:cut] + junk != GOOD)
    with pytest.raises(Undecryptable):
        BEN.decrypt(OF_ADA, kind, GOOD[:cut] + junk)
