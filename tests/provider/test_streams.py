"""A live stream: its parts are judged in their turn, and stopped where one is held."""

import secrets
import threading
from typing import Any

import pytest

from softfall.options.contract import Held, Verdict
from softfall.options.framed import MAX_FRAMES, Frames
from softfall.options.frames.provider import FramesProvider
from softfall.provider.streams import STOPPED, STREAM_MS

from .cast import LISTED, UNLISTED, App, WordHalf
from .conftest import House


@pytest.fixture
def confirming(house: House) -> House:
    """Its judge says `confirmed`."""
    plain = WordHalf.judge
    half = _half(house)

    def judge(*asked: Any) -> Verdict:
        found = plain(half, *asked)
        return Held("match", {"confirmed": True}) if isinstance(found, Held) else found

    half.judge = judge  # type: ignore[method-assign]
    return house


def _half(house: House) -> WordHalf:
    assert house.service.epochs is not None
    wrapped = house.service.epochs.half(1)
    assert isinstance(wrapped, FramesProvider)
    assert isinstance(wrapped.half, WordHalf)
    return wrapped.half


def video(app: App, *words: bytes, live: bool = False, **changes: Any) -> tuple[bytes, bytes]:
    """An envelope's id and its bytes."""
    envelope_id = secrets.token_bytes(16)
    body = Frames(words, live).encode()
    submission = {"option": "split", "epoch": 1, "body": body}
    return envelope_id, app.media("ben", submission=submission, envelope_id=envelope_id, **changes)


def part(house: House, app: App, *words: bytes, **changes: Any) -> dict[str, Any]:
    """What became of one part of a stream: its last move."""
    envelope_id, body = video(app, *words, live=True, **changes)
    house.send(app, body)
    last: dict[str, Any] = house.life(envelope_id)[-1]
    return last


def test_a_video_is_held_for_one_listed_frame(confirming: House) -> None:
    ada, ben = confirming.join("ada"), confirming.join("ben")
    confirming.send(ada, video(ada, UNLISTED, UNLISTED)[1])
    confirming.send(ada, video(ada, UNLISTED, LISTED, UNLISTED)[1])
    assert len(ben.mailbox()) == 1
    (hold,) = confirming.holds()
    assert (hold["kind"], hold["evidence"]["frame"], hold["evidence"]["frames"]) == (
        "confirmed",
        1,
        3,
    )


def test_a_video_with_a_frame_of_another_form_is_refused_when_it_comes_in(house: House) -> None:
    ada, _ = house.join("ada"), house.join("ben")
    for words in ((UNLISTED, b"five!"), (Frames((UNLISTED,), False).encode(),)):
        answer = ada.post(video(ada, *words)[1])
        assert answer.json()["error"] == "MalformedSubmission"
    assert ada.post(video(ada, *[UNLISTED] * MAX_FRAMES)[1]).status_code == 202


def test_after_a_held_part_the_stream_stops_and_what_came_before_stays(confirming: House) -> None:
    ada, ben = confirming.join("ada"), confirming.join("ben")
    words = [UNLISTED, UNLISTED, LISTED, UNLISTED, UNLISTED]
    moves = [part(confirming, ada, word) for word in words]
    assert [move["end"] for move in moves] == ["delivered", "delivered", "held", "held", "held"]
    assert [move["why"] for move in moves[2:]] == ["match", STOPPED, STOPPED]
    kinds = [hold["kind"] for hold in confirming.holds()]
    assert sorted(kinds) == ["candidate", "candidate", "confirmed"], "nothing more is confirmed"
    assert len(ben.mailbox()) == 2


def test_a_stream_elsewhere_another_senders_or_a_plain_video_goes_on(confirming: House) -> None:
    ada, eve = confirming.join("ada"), confirming.join("eve")
    confirming.join("ben")
    assert part(confirming, ada, LISTED)["end"] == "held"
    assert part(confirming, ada, UNLISTED, conversation="another")["end"] == "delivered"
    assert part(confirming, eve, UNLISTED)["end"] == "delivered"
    envelope_id, body = video(ada, UNLISTED)
    confirming.send(ada, body)
    assert confirming.life(envelope_id)[-1]["end"] == "delivered"
    assert part(confirming, ada, UNLISTED)["end"] == "held"


def test_a_held_picture_beside_the_stream_does_not_stop_it(confirming: House) -> None:
    ada, _ = confirming.join("ada"), confirming.join("ben")
    confirming.send(ada, ada.media("ben", word=LISTED))
    assert part(confirming, ada, UNLISTED)["end"] == "delivered"


def test_long_after_a_held_part_another_stream_may_begin(confirming: House) -> None:
    ada, _ = confirming.join("ada"), confirming.join("ben")
    assert part(confirming, ada, LISTED)["end"] == "held"
    confirming.clock.now_ms += STREAM_MS + 1
    assert part(confirming, ada, UNLISTED)["end"] == "delivered"


def test_a_part_is_not_judged_before_what_was_sent_ahead_of_it(confirming: House) -> None:
    ada, ben = confirming.join("ada"), confirming.join("ben")
    half, go_on = _half(confirming), threading.Event()
    judged, judge = [], half.judge

    def slowly(submission: Any, ports: Any) -> Verdict:
        if submission.body == LISTED and not judged:
            judged.append(submission.body)
            go_on.wait(0.3)
            raise RuntimeError("not now")  # tried again later, while the next part is due
        return judge(submission, ports)

    half.judge = slowly  # type: ignore[method-assign]
    first, second = (video(ada, word, live=True) for word in (LISTED, UNLISTED))
    for _, body in (first, second):
        assert ada.post(body).status_code == 202
    confirming.settle()
    assert [confirming.life(at)[-1]["end"] for at, _ in (first, second)] == ["held", "held"]
    assert ben.mailbox() == []
