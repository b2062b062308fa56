import secrets
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from softfall.edge.limits import RateLimit
from softfall.messaging.envelope import ENVELOPE
from softfall.options.contract import Submission
from softfall.options.framed import Frames
from softfall.provider.tables import envelopes

from .cast import LISTED, START_MS, UNLISTED, App, Clock, Custodian, envelope
from .conftest import House, Open


def refused(app: App, body: bytes) -> tuple[int, str]:
    answer = app.post(body)
    return answer.status_code, answer.json()["error"]


def stored(house: House) -> int:
    with house.service.db.read() as tx:
        return int(tx.execute(select(func.count()).select_from(envelopes)).scalar_one())


def test_a_text_goes_from_sender_to_recipient_and_no_further(house: House) -> None:
    ada, ben, eve = house.join("ada"), house.join("ben"), house.join("eve")
    house.send(ada, ada.text("ben"))
    (delivery,) = ben.mailbox()
    assert delivery["sequence"] == 1
    assert delivery["payload"] == {"recipient": "ben", "kind": 1, "body": b"sealed for ben"}
    assert delivery["receipt"]["sender"] == "ada"
    assert delivery["members"] == ["ada", "ben"]
    assert ada.mailbox() == eve.mailbox() == []


def test_a_group_gets_one_ciphertext_and_each_member_a_payload_of_their_own(house: House) -> None:
    ada, ben, cy = house.join("ada"), house.join("ben"), house.join("cy")
    mixed = [
        {"recipient": "ben", "kind": 0, "body": b"the group's key, for ben"},
        {"recipient": "cy", "kind": 2, "body": b""},
    ]
    house.send(ada, ada.text(payloads=mixed, group_body=b"sealed for the group"))
    for app, payload in ((ben, mixed[0]), (cy, mixed[1])):
        (delivery,) = app.mailbox()
        assert delivery["payload"] == payload
        assert delivery["group_body"] == b"sealed for the group"
        assert delivery["members"] == ["ada", "ben", "cy"]


def test_unlisted_media_is_delivered_and_listed_media_is_held(house: House) -> None:
    ada, ben = house.join("ada"), house.join("ben")
    house.send(ada, ada.media("ben", word=LISTED))
    house.send(ada, ada.media("ben"))
    (delivery,) = ben.mailbox()
    assert delivery["receipt"]["option"] == "split"
    (hold,) = house.holds()
    assert (hold["sender"], hold["kind"]) == ("ada", "candidate")


def test_the_sender_gets_the_same_answer_whatever_the_verdict(house: House) -> None:
    ada, _ = house.join("ada"), house.join("ben")
    bodies = [ada.text("ben"), ada.media("ben"), ada.media("ben", word=LISTED)]
    answers = [ada.post(body) for body in [*bodies, *bodies]]
    assert {(answer.status_code, answer.content) for answer in answers} == {
        (202, b'{"accepted":true}')
    }
    assert len({frozenset(set(answer.headers) - {"x-request-id"}) for answer in answers}) == 1


def test_the_receipt_binds_what_was_received(house: House) -> None:
    ada, ben = house.join("ada"), house.join("ben")
    commitment, attachment = secrets.token_bytes(32), ada.upload(b"sealed picture")
    body = ada.media("ben", attachment=attachment, commitment=commitment)
    house.send(ada, body)
    (delivery,) = ben.mailbox()
    receipt = delivery["receipt"]
    submission: Any = ENVELOPE.decode(body)["submission"]
    assert receipt["commitment"] == commitment
    assert receipt["attachment"] == attachment
    assert receipt["submission_digest"] == Submission(**submission).digest
    assert (receipt["option"], receipt["epoch"]) == ("split", 1)
    assert receipt["received_at_ms"] == START_MS


def test_a_submission_is_forgotten_once_judged(house: House) -> None:
    ada, _ = house.join("ada"), house.join("ben")
    for word in (LISTED, b"free"):
        house.send(ada, ada.media("ben", word=word))
    with house.service.db.read() as tx:
        assert list(tx.execute(select(envelopes.c.submission_body)).scalars()) == [None, None]


def test_a_repeat_changes_nothing_and_another_envelope_under_its_id_is_refused(
    house: House,
) -> None:
    ada, ben = house.join("ada"), house.join("ben")
    envelope_id = secrets.token_bytes(16)
    body = ada.text("ben", envelope_id=envelope_id)
    for _ in range(3):
        house.send(ada, body)
    assert len(ben.mailbox()) == 1
    other = ada.text("ben", envelope_id=envelope_id, conversation="another")
    assert refused(ada, other) == (409, "EnvelopeIdReused")
    eve = house.join("eve")
    house.send(eve, eve.text("ben", envelope_id=envelope_id))
    assert len(ben.mailbox()) == 2


def test_a_repeat_that_comes_late_is_not_refused_for_its_clock(house: House) -> None:
    ada, ben = house.join("ada"), house.join("ben")
    body = ada.text("ben")
    house.send(ada, body)
    house.clock.pass_hours(1)
    house.send(ada, body)
    assert len(ben.mailbox()) == 1


Change = Callable[[dict[str, Any]], dict[str, Any]]
SUBMISSION = {"option": "split", "epoch": 1, "body": b"free"}
REFUSALS: list[tuple[str, int, str, Change]] = [
    ("unknown recipient", 404, "UnknownRecipient",
     lambda v: {"payloads": [*v["payloads"], {"recipient": "nobody", "kind": 1, "body": b"x"}]}),
    ("to oneself", 400, "BadRecipients",
     lambda v: {"payloads": [*v["payloads"], {"recipient": "ada", "kind": 1, "body": b"x"}]}),
    ("twice to one", 400, "BadRecipients", lambda v: {"payloads": v["payloads"] * 2}),
    ("nothing for anyone", 400, "PayloadMisplaced",
     lambda v: {"payloads": [{"recipient": "ben", "kind": 2, "body": b""}]}),
    ("kind 2 with a body", 400, "PayloadMisplaced",
     lambda v: {"payloads": [{"recipient": "ben", "kind": 2, "body": b"x"}], "group_body": b"g"}),
    ("kind 1 without one", 400, "PayloadMisplaced",
     lambda v: {"payloads": [{"recipient": "ben", "kind": 1, "body": b""}], "group_body": b"g"}),
    ("media without a submission", 400, "MediaIncomplete", lambda v: {"submission": None}),
    ("a submission without media", 400, "MediaIncomplete", lambda v: {"attachment": None}),
    ("a file not uploaded", 400, "AttachmentMissing", lambda v: {"attachment": bytes(32)}),
    ("an epoch to come", 409, "WrongEpoch", lambda v: {"submission": {**SUBMISSION, "epoch": 2}}),
    ("another option", 400, "OptionNotOffered",
     lambda v: {"submission": {**SUBMISSION, "option": "enclave"}}),
    ("no option", 400, "OptionNotOffered",
     lambda v: {"submission": {"option": "none", "epoch": 0, "body": b""}}),
    ("malformed submission", 400, "MalformedSubmission",
     lambda v: {"submission": {**SUBMISSION, "body": b"five!"}}),
    ("a clock ahead", 400, "ClockSkew", lambda v: {"sent_at_ms": START_MS + 301_000}),
    ("a clock behind", 400, "ClockSkew", lambda v: {"sent_at_ms": START_MS - 301_000}),
    ("another version", 400, "MalformedMessage", lambda v: {"version": 0}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("status", "error", "change"),
    [row[1:] for row in REFUSALS],
    ids=[row[0] for row in REFUSALS],
)
def test_what_its_bytes_make_unusable_is_refused_by_name_and_kept_nowhere(
    house: House, status: int, error: str, change: Change
) -> None:
    ada, ben = house.join("ada"), house.join("ben")
    values = envelope(("ben",), START_MS, attachment=ada.upload(b"x"), submission=SUBMISSION)
    assert refused(ada, ENVELOPE.encode(values | change(values))) == (status, error)
    assert stored(house) == 0
    house.send(ada, ENVELOPE.encode(values))
    assert len(ben.mailbox()) == 1


def test_the_wrong_epoch_is_told_with_the_right_one(house: House) -> None:
    ada, _ = house.join("ada"), house.join("ben")
    assert "the current one is 1" in ada.post(ada.media("ben", epoch=9)).json()["what"]


def test_a_clock_within_the_limit_is_no_fault(house: House) -> None:
    ada, ben = house.join("ada"), house.join("ben")
    for skew_ms in (-299_000, 299_000):
        house.send(ada, ada.text("ben", sent_at_ms=START_MS + skew_ms))
    assert len(ben.mailbox()) == 2


def test_more_recipients_than_a_group_may_have_are_refused(house: House) -> None:
    ada = house.join("ada")
    values = envelope(tuple(f"b{i}" for i in range(64)), START_MS)
    body = ENVELOPE.encode(values)
    payload = body[body.index(b"\x83\x62b0") : body.index(b"\x83\x62b1")]
    grown = body.replace(b"\x98\x40" + payload, b"\x98\x41" + payload * 2, 1)
    assert grown != body
    assert refused(ada, grown) == (400, "MalformedMessage")


def test_an_envelope_over_the_limit_is_refused_whether_or_not_it_tells_its_size(
    open_house: Open,
) -> None:
    with open_house(option="none", max_envelope_bytes=2000) as house:
        ada, _ = house.join("ada"), house.join("ben")
        body = ada.text("ben", group_body=bytes(3000))
        assert refused(ada, body) == (413, "RequestTooLarge")
        pieces = (body[i : i + 500] for i in range(0, len(body), 500))
        answer = ada.call("POST", "/v1/envelopes", content=pieces)
        assert (answer.status_code, answer.json()["error"]) == (413, "RequestTooLarge")
        house.send(ada, ada.text("ben"))


def test_media_have_a_limit_of_their_own_and_text_goes_on(open_house: Open) -> None:
    with open_house(option="none", media_per_minute=3) as house:
        ada, ben = house.join("ada"), house.join("ben")
        none = {"option": "none", "epoch": 0, "body": b""}
        house.service.upload_rate = RateLimit("uploads", 1000)
        bodies = [ada.media("ben", submission=none) for _ in range(6)]
        answers = [ada.post(body) for body in bodies]
        assert [answer.status_code for answer in answers[:3]] == [202] * 3
        assert answers[-1].json()["error"] == "RateLimited"
        house.send(ada, ada.text("ben"))
        assert ada.post(bodies[0]).status_code == 202  # a repeat is no new picture
        assert len(ben.mailbox()) >= 4


def film(frames: int) -> dict[str, Any]:
    body = Frames((UNLISTED,) * frames, is_live=False).encode()
    return {"option": "split", "epoch": 1, "body": body}


def published() -> Custodian:
    custodian = Custodian()
    custodian.publish(1)
    return custodian


def test_a_video_uses_as_much_of_the_limit_as_it_has_frames(open_house: Open) -> None:
    with open_house(published(), media_per_minute=5) as house:
        ada, _ = house.join("ada"), house.join("ben")
        house.service.upload_rate = RateLimit("uploads", 1000)
        videos = [ada.media("ben", submission=film(2)) for _ in range(3)]
        answers = [ada.post(body) for body in videos]
        assert [answer.status_code for answer in answers] == [202, 202, 429]
        assert ada.post(videos[0]).status_code == 202  # a repeat is no new video
        assert ada.post(ada.media("ben")).status_code == 202  # one is left


def test_a_video_of_more_frames_than_a_minutes_limit_may_be_sent_where_nothing_else_was(
    open_house: Open,
) -> None:
    with open_house(published(), media_per_minute=5) as house:
        ada, _ = house.join("ada"), house.join("ben")
        assert ada.post(ada.media("ben", submission=film(9))).status_code == 202
        assert refused(ada, ada.media("ben")) == (429, "RateLimited")


def test_frames_and_pictures_are_limited_a_day_also_after_a_restart(
    open_house: Open,
) -> None:
    custodian, clock = published(), Clock()
    with open_house(custodian, clock, media_per_day=10) as house:
        ada, _ = house.join("ada"), house.join("ben")
        first = ada.media("ben", submission=film(8))
        assert [ada.post(first).status_code for _ in range(3)] == [202] * 3  # counted once
        assert refused(ada, ada.media("ben", submission=film(3))) == (403, "MediaUsedUp")
        assert stored(house) == 1
        assert ada.post(ada.media("ben")).status_code == 202
    clock.pass_hours(23)
    with open_house(custodian, clock, media_per_day=10) as house:
        ada.http = house.http
        assert ada.post(ada.media("ben")).status_code == 202
        assert refused(ada, ada.media("ben")) == (403, "MediaUsedUp")
        house.send(ada, ada.text("ben"))
        clock.pass_hours(2)
        assert ada.post(ada.media("ben", submission=film(8))).status_code == 202


def test_where_nothing_is_matched_nothing_may_be_handed_over(open_house: Open) -> None:
    with open_house(option="none") as house:
        ada, ben = house.join("ada"), house.join("ben")
        none = {"option": "none", "epoch": 0, "body": b""}
        house.send(ada, ada.media("ben", submission=none))
        assert len(ben.mailbox()) == 1
        tags = ada.media("ben", submission={**none, "body": b"tags"})
        assert refused(ada, tags) == (400, "MalformedSubmission")
        epoch = ada.media("ben", submission={**none, "epoch": 1})
        assert refused(ada, epoch) == (409, "WrongEpoch")


@given(st.data())
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_bytes_come_the_answer_is_a_named_error(house: House, data: st.DataObject) -> None:
    if not hasattr(house, "ada"):
        house.ada, house.ben = house.join("ada"), house.join("ben")  # type: ignore[attr-defined]
    ada: App = house.ada  # type: ignore[attr-defined]
    good = ENVELOPE.encode(envelope(("ben",), START_MS, envelope_id=bytes(16)))
    place = data.draw(st.integers(0, len(good) - 1))
    body = data.draw(
        st.one_of(
            st.binary(max_size=200),
            st.just(good[:place]),
            st.integers(0, 255).map(lambda b: good[:place] + bytes([b]) + good[place + 1 :]),
        )
    )
    answer = ada.post(body)
    assert answer.status_code in (202, 400, 404, 409)
    if answer.status_code != 202:
        assert set(answer.json()) == {"error", "blame", "what", "remedy"}
