"""Words between devices: two, and groups; restarts, replays, and what is refused."""

import pytest

from softfall.device.outcomes import TEXT, Queued, Refused, Sent, Shown
from softfall.device.outgoing import BadRecipientList, EmptyText
from softfall.device.transport import RequestRejected, ServiceUnreachable
from softfall.wire import MalformedMessage

from .conftest import Town


def texts(arrivals):
    return [(a.sender, a.text) for a in arrivals if isinstance(a, Shown)]


def test_words_arrive_and_their_sender_is_known(town: Town):
    ben = town["ben"]
    sent = town["ada"].send_text("ben", "see you at the lake")
    assert isinstance(sent, Sent)
    (shown,) = ben.sync()
    assert isinstance(shown, Shown)
    assert (shown.sender, shown.text, shown.checked) == ("ada", "see you at the lake", TEXT)
    assert (shown.envelope_id, shown.conversation) == (sent.envelope_id, sent.conversation)
    assert ben.sync() == []


def test_a_conversation_goes_both_ways_and_survives_restarts(town: Town):
    for name in ("ada", "ben"):
        town[name]
    for turn in range(6):
        speaker, listener = ("ada", "ben") if turn % 2 == 0 else ("ben", "ada")
        town[speaker].send_text(listener, f"line {turn}")
        town.restart(listener)
        assert texts(town[listener].sync()) == [(speaker, f"line {turn}")]
        town.restart(speaker)


def test_both_may_start_at_once(town: Town):
    ada, ben = town["ada"], town["ben"]
    ada.send_text("ben", "hello from ada")
    ben.send_text("ada", "hello from ben")
    assert texts(ada.sync()) == [("ben", "hello from ben")]
    assert texts(ben.sync()) == [("ada", "hello from ada")]
    for turn in range(4):
        ada.send_text("ben", f"a{turn}")
        ben.send_text("ada", f"b{turn}")
        assert texts(ben.sync()) == [("ada", f"a{turn}")]
        assert texts(ada.sync()) == [("ben", f"b{turn}")]


def test_out_of_order_messages_all_open(town: Town):
    ada, ben = town["ada"], town["ben"]
    town.provider.hold_everything = True
    sent = [ada.send_text("ben", f"line {i}").envelope_id for i in range(8)]
    for i in (5, 0, 7, 1, 2, 6, 3, 4):
        town.provider.deliver("ada", sent[i])
    assert [text for _, text in texts(ben.sync())] == [
        f"line {i}" for i in (5, 0, 7, 1, 2, 6, 3, 4)
    ]


def test_a_replayed_message_is_refused_under_another_id(town: Town):
    ada, ben = town["ada"], town["ben"]
    ada.send_text("ben", "once only")
    assert len(ben.sync()) == 1
    original = town.provider.members["ben"].mailbox[0]
    for sequence, envelope_id in ((2, bytes(16)), (3, original["receipt"]["envelope_id"])):
        receipt = town.provider.restamp(original["receipt"], envelope_id=envelope_id)
        replay = {**original, "sequence": sequence, "receipt": receipt}
        town.provider.members["ben"].mailbox.append(replay)
    # Another id: the ratchet's key is gone. The same id: handled before, so nothing is told twice.
    (refused,) = ben.sync()
    assert isinstance(refused, Refused)
    assert refused.reason.startswith("Undecryptable")


def test_a_message_laid_at_anothers_door_is_refused(town: Town):
    ada, ben = town["ada"], town["ben"]
    town["eve"].send_text("ben", "hello, I am eve")
    ben.sync()
    town.provider.tamper = lambda delivery: {
        **delivery,
        "receipt": town.provider.restamp(delivery["receipt"], sender="eve"),
    }
    ada.send_text("ben", "hello, I am ada")
    (refused,) = ben.sync()
    assert isinstance(refused, Refused)
    assert refused.reason.startswith("Undecryptable")


def test_altered_ciphertext_is_refused_and_the_next_message_opens(town: Town):
    ada, ben = town["ada"], town["ben"]

    def flip(delivery):
        body = bytearray(delivery["payload"]["body"])
        body[len(body) // 2] ^= 1
        return {**delivery, "payload": {**delivery["payload"], "body": bytes(body)}}

    town.provider.tamper = flip
    ada.send_text("ben", "first")
    assert isinstance(ben.sync()[0], Refused)
    town.provider.tamper = lambda delivery: delivery
    ada.send_text("ben", "second")
    assert texts(ben.sync()) == [("ada", "second")]


@pytest.mark.parametrize(
    "change", [{"commitment": bytes(32)}, {"conversation": "elsewhere"}, {"envelope_id": bytes(16)}]
)
def test_nothing_is_shown_whose_commitment_is_broken(town: Town, change):
    town["ben"]
    town.provider.tamper = lambda delivery: {
        **delivery,
        "receipt": town.provider.restamp(delivery["receipt"], **change),
    }
    town["ada"].send_text("ben", "hello")
    (refused,) = town["ben"].sync()
    assert isinstance(refused, Refused)
    assert refused.reason.startswith("CommitmentBroken")
    assert town["ben"].history() == []


def test_a_message_for_somebody_else_is_refused(town: Town):
    town["ben"]
    town.provider.tamper = lambda delivery: {
        **delivery,
        "payload": {**delivery["payload"], "recipient": "carol"},
    }
    town["ada"].send_text("ben", "hello")
    (refused,) = town["ben"].sync()
    assert isinstance(refused, Refused)
    assert refused.reason.startswith("NotAddressedHere")


def test_a_message_in_ones_own_name_is_refused(town: Town):
    town["ben"]
    town.provider.tamper = lambda delivery: {
        **delivery,
        "receipt": town.provider.restamp(delivery["receipt"], sender="ben"),
    }
    town["ada"].send_text("ben", "hello")
    (refused,) = town["ben"].sync()
    assert refused.reason.startswith("NotAddressedHere")


def test_an_unknown_recipient_is_refused_by_name(town: Town):
    with pytest.raises(RequestRejected) as caught:
        town["ada"].send_text("nobody", "hello")
    assert caught.value.name == "UnknownAccount"
    assert town["ada"].outbox() == []


@pytest.mark.parametrize("to", [[], ["ada"], ["ben", "ben"], ["ben", "ada"]])
def test_bad_recipient_lists_are_refused(town: Town, to):
    with pytest.raises(BadRecipientList):
        town["ada"].send_text(to, "hello")


def test_empty_and_over_long_words_are_refused(town: Town):
    town["ben"]
    with pytest.raises(EmptyText):
        town["ada"].send_text("ben", "")
    with pytest.raises(MalformedMessage):
        town["ada"].send_text("ben", "x" * 16_385)
    assert town["ada"].outbox() == []


def test_words_written_while_the_provider_is_away_go_out_later_once(town: Town):
    ada, ben = town["ada"], town["ben"]
    ada.send_text("ben", "first")
    town.provider.away = True
    queued = [ada.send_text("ben", text) for text in ("second", "third")]
    assert all(isinstance(outcome, Queued) for outcome in queued)
    assert ada.outbox() == [outcome.envelope_id for outcome in queued]
    with pytest.raises(ServiceUnreachable):
        ada.sync()
    town.restart("ada")
    town.provider.away = False
    assert town["ada"].sync() == []
    assert town["ada"].outbox() == []
    assert [text for _, text in texts(ben.sync())] == ["first", "second", "third"]


def test_a_message_that_waited_long_is_sent_with_the_time_of_sending(town: Town):
    ada, ben = town["ada"], town["ben"]
    ada.send_text("ben", "first")
    town.provider.away = True
    ada.send_text("ben", "late")
    town.clock.ms += 3_600_000
    town.provider.away = False
    assert ada.sync() == []
    assert [text for _, text in texts(ben.sync())] == ["first", "late"]


def test_a_clock_that_is_off_is_a_named_error(town: Town):
    ada = town["ada"]
    town["ben"]
    town.provider.now_ms = lambda: town.clock.ms + 3_600_000
    with pytest.raises(RequestRejected) as caught:
        ada.send_text("ben", "hello")
    assert caught.value.name == "ClockSkew"
    assert ada.outbox() == []


def test_an_answer_that_got_lost_makes_no_second_message(town: Town):
    ada, ben = town["ada"], town["ben"]
    ada.send_text("ben", "first")
    ben.sync()

    def lose(account, call, done):
        if call == "post_envelope" and done:
            town.provider.on_call = lambda *_: None
            raise ServiceUnreachable("the answer got lost")

    town.provider.on_call = lose
    assert isinstance(ada.send_text("ben", "second"), Queued)
    ada.sync()
    assert texts(ben.sync()) == [("ada", "second")]
    assert ben.sync() == []


def test_the_history_keeps_what_was_shown(town: Town):
    ada, ben = town["ada"], town["ben"]
    for text in ("one", "two"):
        ada.send_text("ben", text)
    shown = ben.sync()
    assert town.restart("ben").history() == shown


def test_one_time_keys_are_published_again_as_they_are_used(town: Town):
    ben = town.join("ben", one_time_keys=4)
    assert len(town.provider.members["ben"].keys) == 4
    for name in ("ada", "carol", "dan"):
        town[name].send_text("ben", "hello")
    assert len(town.provider.members["ben"].keys) == 1
    assert len(ben.sync()) == 3
    assert len(town.provider.members["ben"].keys) == 4
