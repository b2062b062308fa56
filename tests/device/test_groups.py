"""Groups of three and more: members change, keys follow, nobody speaks for another."""

from softfall.device import shelf
from softfall.device.outcomes import Queued, Refused, Shown, Waiting
from softfall.messaging.envelope import ENVELOPE, GROUP_BODY
from softfall.messaging.session import megolm

from .conftest import Town
from .pictures import FLOWER, jpeg


def texts(arrivals):
    return [(a.sender, a.text) for a in arrivals if isinstance(a, Shown)]


def session_ids(town: Town):
    """The Megolm session of every group message that passed, in order."""
    bodies = [p.outgoing.group_body for p in town.provider.passed.values()]
    return [GROUP_BODY.decode(body)["session_id"] for body in bodies if body]


def test_every_member_reads_and_knows_who_wrote(town: Town):
    ben, carol, dan = town["ben"], town["carol"], town["dan"]
    town["ada"].send_text(["ben", "carol", "dan"], "hello all")
    for member in (ben, carol, dan):
        (shown,) = member.sync()
        assert (shown.sender, shown.text) == ("ada", "hello all")
        assert set(shown.members) == {"ada", "ben", "carol", "dan"}


def test_one_ciphertext_serves_all_and_the_key_is_sent_once(town: Town):
    for name in ("ben", "carol"):
        town[name]
    for text in ("one", "two"):
        town["ada"].send_text(["ben", "carol"], text)
    first, second = [p.outgoing for p in town.provider.passed.values()]
    assert [p["kind"] for p in first.payloads] == [0, 0]
    assert [(p["kind"], p["body"]) for p in second.payloads] == [(2, b""), (2, b"")]
    assert texts(town["carol"].sync()) == [("ada", "one"), ("ada", "two")]


def test_everyone_in_a_group_may_write_in_one_conversation(town: Town):
    group = ["ada", "ben", "carol"]
    for name in group:
        town[name]
    for name in group:
        town[name].send_text([m for m in group if m != name], f"from {name}")
    seen = {name: town[name].sync() for name in group}
    assert texts(seen["ada"]) == [("ben", "from ben"), ("carol", "from carol")]
    conversations = {a.conversation for arrivals in seen.values() for a in arrivals}
    assert len(conversations) == 1


def test_who_leaves_reads_nothing_more_and_who_joins_reads_nothing_old(town: Town):
    ada = town["ada"]
    for name in ("ben", "carol", "dan"):
        town[name]
    ada.send_text(["ben", "carol"], "with carol", conversation="lake")
    ada.send_text(["ben", "dan"], "with dan", conversation="lake")
    assert texts(town["ben"].sync()) == [("ada", "with carol"), ("ada", "with dan")]
    assert texts(town["dan"].sync()) == [("ada", "with dan")]
    assert texts(town["carol"].sync()) == [("ada", "with carol")]
    one, two = session_ids(town)
    assert one != two
    # A provider that hands each the other's message gains nothing: the key never came.
    passed = list(town.provider.passed.values())
    for name, other in (("carol", passed[1]), ("dan", passed[0])):
        box = town.provider.members[name].mailbox
        payload = {"recipient": name, "kind": 2, "body": b""}
        stolen = {"payload": payload, "group_body": other.outgoing.group_body}
        box.append(
            {**box[0], **stolen, "sequence": 2, "receipt": other.receipt.values()},
        )
        (outcome,) = town[name].sync()
        assert isinstance(outcome, Waiting)
        assert outcome.reason == "GroupKeyMissing"


def test_the_session_is_made_anew_after_so_many_messages(town: Town, monkeypatch):
    monkeypatch.setattr(megolm, "MAX_MESSAGES", 3)
    for name in ("ben", "carol"):
        town[name]
    for i in range(7):
        town["ada"].send_text(["ben", "carol"], f"line {i}")
    ids = session_ids(town)
    assert [ids[i] == ids[0] for i in range(7)] == [True] * 3 + [False] * 4
    assert len(set(ids)) == 3
    assert len(texts(town["ben"].sync())) == 7


def test_the_session_is_made_anew_after_a_week(town: Town):
    for name in ("ben", "carol"):
        town[name]
    town["ada"].send_text(["ben", "carol"], "this week")
    town.clock.ms += megolm.MAX_AGE_MS
    town["ada"].send_text(["ben", "carol"], "next week")
    assert len(set(session_ids(town))) == 2
    assert len(texts(town["carol"].sync())) == 2


def test_a_group_survives_restarts(town: Town):
    for name in ("ben", "carol"):
        town[name]
    for i in range(3):
        town["ada"].send_text(["ben", "carol"], f"line {i}")
        town.restart("ada")
        assert texts(town.restart("ben").sync()) == [("ada", f"line {i}")]
    assert len(set(session_ids(town))) == 1


def test_a_member_cannot_pass_anothers_message_off_as_hers(town: Town):
    ada, ben, carol = town["ada"], town["ben"], town["carol"]
    ada.send_text(["ben", "carol"], "from ada")
    carol.send_text(["ada", "ben"], "from carol")
    ben.sync()
    passed = {sender: p for (sender, _), p in town.provider.passed.items()}
    # Carol holds Ada's key, and the provider helps her: still only Ada's Olm brought that key.
    receipt = town.provider.restamp(
        passed["ada"].receipt.values(), sender="carol", envelope_id=bytes(16)
    )
    box = town.provider.members["ben"].mailbox
    payload = {"recipient": "ben", "kind": 2, "body": b""}
    box.append({**box[0], "sequence": 3, "receipt": receipt, "payload": payload})
    (outcome,) = ben.sync()
    assert isinstance(outcome, Waiting)
    assert carol.sync()[0].sender == "ada"


def test_a_group_message_replayed_in_another_envelope_is_refused(town: Town):
    ada, ben = town["ada"], town["ben"]
    town["carol"]
    ada.send_text(["ben", "carol"], "once only")
    ben.sync()
    box = town.provider.members["ben"].mailbox
    receipt = town.provider.restamp(box[0]["receipt"], envelope_id=bytes(16))
    payload = {"recipient": "ben", "kind": 2, "body": b""}
    box.append({**box[0], "sequence": 2, "receipt": receipt, "payload": payload})
    (refused,) = ben.sync()
    assert isinstance(refused, Refused)
    assert refused.reason.startswith("GroupMessageReplayed")


def test_a_message_whose_key_comes_late_is_kept_and_shown_then(town: Town):
    ada, ben = town["ada"], town["ben"]
    town["carol"]
    town.provider.hold_everything = True
    first = ada.send_text(["ben", "carol"], "with the key")
    second = ada.send_text(["ben", "carol"], "without")
    town.provider.deliver("ada", second.envelope_id)
    (waiting,) = ben.sync()
    assert isinstance(waiting, Waiting)
    town.restart("ben")
    town.provider.deliver("ada", first.envelope_id)
    assert texts(town["ben"].sync()) == [("ada", "with the key"), ("ada", "without")]
    assert town["ben"].sync() == []


def test_a_key_in_a_refused_envelope_is_sent_again_in_the_next(town: Town):
    ada, ben, carol = town["ada"], town["ben"], town["carol"]
    ada.send_text(["ben", "carol"], "hello")
    town.provider.members.pop("carol")  # the account is closed
    town.provider.away = True
    outcome = ada.send_text(["ben", "carol"], "are you there")
    assert isinstance(outcome, Queued)
    town.provider.away = False
    (not_sent,) = ada.sync()
    assert not_sent.envelope_id == outcome.envelope_id
    assert not_sent.reason.startswith("UnknownRecipient")
    assert carol is town["carol"]
    town.provider.members["carol"] = town.provider.members["ben"].__class__(
        town.provider.members["ben"].published, "closed"
    )
    ada.send_text(["ben", "carol"], "hello again")
    assert texts(ben.sync()) == [("ada", "hello"), ("ada", "hello again")]
    assert len(set(session_ids(town))) == 2


def test_the_envelope_never_holds_the_words(town: Town):
    for name in ("ben", "carol"):
        town[name]
    seen = []
    town["ada"]._kit.transport.post_envelope = seen.append
    town["ada"].send_text(["ben", "carol"], "see you at the lake")
    town["ada"].send_text("ben", "see you at the lake")
    assert len(seen) == 2
    for body in seen:
        assert ENVELOPE.decode(body)["version"] == 1
        assert b"lake" not in body


def test_no_one_sender_can_crowd_out_what_waits(town: Town, monkeypatch):
    monkeypatch.setattr(shelf, "MAX_WAITING_OF_ONE", 3)
    town["ben"]
    town.provider.hold_everything = True
    for name in ("ada", "carol"):
        town[name].send_text(["ben", "dan"] if town["dan"] else [], "with the key")
        sent = [town[name].send_text(["ben", "dan"], f"{name} {i}") for i in range(5)]
        for outcome in sent:
            town.provider.deliver(name, outcome.envelope_id)
    outcomes = [type(a) for a in town["ben"].sync()]
    assert outcomes == [Waiting, Waiting, Waiting, Refused, Refused] * 2
    for sender, envelope_id in list(town.provider.passed):
        if not town.provider.passed[sender, envelope_id].delivered:
            town.provider.deliver(sender, envelope_id)
    assert len(texts(town["ben"].sync())) == 2 + 6


def test_a_held_photograph_that_came_before_its_key_keeps_its_file(town: Town):
    town.publish(1)
    town["ben"], town["carol"]
    ada, photo = town["ada"], jpeg(FLOWER, side=64)
    town.provider.hold_everything = True
    sent = ada.send_photo(["ben", "carol"], photo)
    key_ahead = next(key for key in town.provider.passed if key[1] != sent.envelope_id)
    town.provider.deliver("ada", sent.envelope_id)
    assert [type(a) for a in town["ben"].sync()] == [Waiting]
    town.provider.files.clear()  # acknowledged by all: the provider lets go of it
    town.provider.deliver(*key_ahead)
    assert [a.picture for a in town.restart("ben").sync()] == [photo]
