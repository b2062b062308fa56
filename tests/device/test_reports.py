"""Reports from a device: chosen messages, in order, and nothing that does not prove itself."""

import pytest

from softfall.device.outcomes import Quarantined, Reported
from softfall.device.reporting import UnknownMessage
from softfall.device.transport import AccusedByService, RefusedByService
from softfall.messaging.envelope import CONTENT, REPORT
from softfall.testing.patched import Junk, cheating
from softfall.wire import MalformedMessage

from .conftest import Town
from .pictures import CHINA, FLOWER, hash_of, jpeg


@pytest.fixture
def reported(town: Town):
    """A town whose provider keeps the bytes of each report."""
    town.reports = []
    town["ben"]

    def keep(account, call, done):
        if call == "report" and not done:
            town.reports.append(account)

    town.provider.on_call = keep
    return town


def sent_reports(town: Town, monkeypatch):
    """The decoded reports that ben's device sends."""
    seen = []
    transport = town["ben"]._kit.transport
    real = transport.report

    def report(body):
        seen.append(REPORT.decode(body))
        return real(body)

    monkeypatch.setattr(transport, "report", report)
    return seen


def test_chosen_messages_only_are_opened_in_order(reported: Town, monkeypatch):
    ids = [
        reported["ada"].send_text("ben", text).envelope_id
        for text in ("one", "two", "three", "four")
    ]
    reported["ben"].sync()
    seen = sent_reports(reported, monkeypatch)
    outcome = reported["ben"].report([ids[2], ids[0]], "harassment")
    assert isinstance(outcome, Reported)
    assert (outcome.accepted, outcome.lies_proved) == (2, 0)
    ((told),) = seen
    assert [CONTENT.decode(m["content"])["text"] for m in told["messages"]] == ["three", "one"]
    assert b"two" not in REPORT.encode(told)
    assert b"four" not in REPORT.encode(told)


def test_a_picture_is_uploaded_by_its_reporter(reported: Town, monkeypatch):
    reported.publish(1)
    flower = jpeg(FLOWER)
    sent = reported["ada"].send_photo("ben", flower)
    reported["ben"].sync()
    seen = sent_reports(reported, monkeypatch)
    assert reported["ben"].report([sent.envelope_id], "unwanted").accepted == 1
    (message,) = seen[0]["messages"]
    assert message["picture"] == flower
    assert message["opening"]
    assert message["manifest"] == reported.provider.epoch.manifest


def test_a_caught_cheat_can_be_reported_with_the_opening_that_proves_it(
    reported: Town, monkeypatch
):
    china = jpeg(CHINA)
    reported.publish(1, hash_of(china).bits)
    eve = reported.join("eve", cheating(Junk, reported.parts()))
    sent = eve.send_photo("ben", china)
    (caught,) = reported["ben"].sync()
    assert isinstance(caught, Quarantined)
    seen = sent_reports(reported, monkeypatch)
    assert reported["ben"].report([sent.envelope_id], "child-safety").accepted == 1
    (message,) = seen[0]["messages"]
    assert message["picture"] == china
    assert message["opening"]


def test_group_messages_are_reported_like_others(reported: Town):
    sent = reported["ada"].send_text(["ben", "carol"] if reported["carol"] else [], "hello")
    reported["ben"].sync()
    reported["carol"].sync()
    assert reported["ben"].report([sent.envelope_id], "spam").accepted == 1
    assert reported["carol"].report([sent.envelope_id], "spam").accepted == 1


def test_a_report_after_a_restart_proves_the_same(reported: Town):
    sent = reported["ada"].send_text("ben", "hello")
    reported["ben"].sync()
    assert reported.restart("ben").report([sent.envelope_id], "spam").accepted == 1


def test_a_message_that_is_not_here_can_not_be_reported(reported: Town):
    sent = reported["ada"].send_text("ben", "hello")
    with pytest.raises(UnknownMessage):
        reported["ben"].report([sent.envelope_id], "spam")
    with pytest.raises(UnknownMessage):
        reported["ben"].report([("ada", sent.envelope_id)], "spam")
    with pytest.raises(MalformedMessage):
        reported["ben"].report([], "spam")


def test_reporting_again_is_refused_by_name(reported: Town):
    sent = reported["ada"].send_text("ben", "hello")
    reported["ben"].sync()
    reported["ben"].report([sent.envelope_id], "spam")
    with pytest.raises(RefusedByService) as caught:
        reported["ben"].report([sent.envelope_id], "spam")
    assert caught.value.name == "ReportReplayed"


FORGERIES = {
    "words altered": lambda m: {**m, "content": m["content"].replace(b"hello", b"hullo")},
    "another sender": lambda m: {**m, "receipt": {**m["receipt"], "sender": "carol"}},
    "another conversation": lambda m: {**m, "receipt": {**m["receipt"], "conversation": "x"}},
    "another envelope": lambda m: {**m, "receipt": {**m["receipt"], "envelope_id": bytes(16)}},
    "another key": lambda m: {**m, "franking_key": bytes(32)},
    "a forged stamp": lambda m: {**m, "receipt": {**m["receipt"], "mac": bytes(32)}},
    "a picture made up": lambda m: {**m, "picture": b"another photograph"},
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_forged_report_is_rejected(reported: Town, forgery):
    sent = reported["ada"].send_text("ben", "hello")
    ben = reported["ben"]
    ben.sync()
    transport = ben._kit.transport
    real = transport.report

    def forge(body):
        values = REPORT.decode(body)
        values["messages"] = [FORGERIES[forgery](values["messages"][0])]
        return real(REPORT.encode(values))

    transport.report = forge
    with pytest.raises(AccusedByService) as caught:
        ben.report([sent.envelope_id], "spam")
    assert caught.value.name in ("CommitmentBroken", "ReceiptForged", "OpeningMismatch")


def test_two_who_share_an_id_are_told_apart_by_their_name(reported: Town):
    ada, carol = reported["ada"], reported["carol"]
    sent = ada.send_text("ben", "from ada")
    kit = carol._kit
    drawn = iter([sent.envelope_id])
    real = kit.surroundings.random_bytes
    object.__setattr__(
        kit.surroundings,
        "random_bytes",
        lambda count: next(drawn, real(count)) if count == 16 else real(count),
    )
    carol.send_text("ben", "from carol, under ada's id")
    assert len(reported["ben"].sync()) == 2
    with pytest.raises(UnknownMessage):
        reported["ben"].report([sent.envelope_id], "spam")
    assert reported["ben"].report([("carol", sent.envelope_id)], "spam").accepted == 1
    assert reported["ben"].report([("ada", sent.envelope_id)], "spam").accepted == 1
