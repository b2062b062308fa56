"""What a device makes of its own look at a received picture; real services: test_on_device.py."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from softfall.device.own_look import LookFirst, OwnLook, Sight, Unseen
from softfall.device.transport import BadServiceReply, CustodianAway, Service
from softfall.media.pdq import PdqHash
from softfall.options.contract import Request, Submission
from softfall.options.frames.choosing import SeenFrame
from softfall.options.frames.opening import frame_key
from softfall.wire import Party

from .conftest import Town

UNSEEN = Unseen(PdqHash(bytes(32), 100, np.zeros(256, np.float32)), bytes(range(32)))


class Half:
    """A half whose every picture is a candidate, or none."""

    candidate = True
    keys: tuple[bytes, ...] = ()

    def begin(self, media: Any, secret: Any) -> Any:
        self.keys = (*self.keys, secret.attachment_key)
        made = Submission("on_device", 7, b"a submission")
        return SimpleNamespace(
            request=Request(Party.CUSTODIAN, b"a question"), finish=lambda reply: (made, b"")
        )

    def asks_first(self, submission: Submission) -> bool:
        return self.candidate


def looking(
    town: Town, half: Half, clear: Callable[..., str], option: str = "on_device"
) -> OwnLook:
    """A device's own look, with everything around it but the look itself played."""
    kit: Any = town["ada"]._kit
    manifest = SimpleNamespace(option="on_device", epoch=7, token_key=b"")
    kit.epochs = SimpleNamespace(adopt=lambda body, now_ms: manifest, half=lambda body, told: half)
    kit.transport = SimpleNamespace(
        service=lambda: Service(option, 7, b"a manifest", "deliver", 1, 1, 0),
        ask=lambda option, question: b"an answer",
        clear=clear,
        close=lambda: None,
    )
    return OwnLook(kit)


@pytest.mark.parametrize(
    ("answer", "sight"),
    [("blocked", Sight.LISTED), ("cleared", Sight.NOT_LISTED), ("later", Sight.NOT_SEEN)],
)
def test_only_a_confirmed_candidate_is_on_the_list(town: Town, answer: str, sight: Sight) -> None:
    half = Half()
    own = looking(town, half, lambda option, body, received=False: answer)
    with pytest.raises(LookFirst):
        own.found(UNSEEN)
    own.look(UNSEEN)
    assert own.found(UNSEEN) is sight
    with pytest.raises(LookFirst):
        own.found(Unseen(UNSEEN.media, bytes(32)))
    own.forget()
    with pytest.raises(LookFirst):
        own.found(UNSEEN)


def test_a_picture_that_is_no_candidate_is_not_told_to_the_provider(town: Town) -> None:
    half, told = Half(), list[bytes]()

    def clear(option: str, body: bytes, received: bool) -> str:
        assert received
        told.append(body)
        return "blocked"

    half.candidate = False
    own = looking(town, half, clear)
    own.look(UNSEEN)
    assert (own.found(UNSEEN), told) == (Sight.NOT_LISTED, [])


def test_whatever_stands_in_the_way_leaves_the_picture_unchecked(town: Town) -> None:
    def fails(option: str, body: bytes, received: bool) -> str:
        raise BadServiceReply("the answer is not in its form")

    half = Half()
    own = looking(town, half, fails)
    own.look(UNSEEN)
    assert own.found(UNSEEN) is Sight.NOT_SEEN
    assert len(half.keys) == 2, "once more with what the service says now"

    def away(option: str, question: bytes) -> bytes:
        raise CustodianAway("no answer", b"a voucher")

    before = town.clock.ms
    own = looking(town, Half(), fails)
    own._kit.transport.ask = away  # type: ignore[method-assign]
    own.look(UNSEEN)
    assert own.found(UNSEEN) is Sight.NOT_SEEN
    assert town.clock.ms == before, "words do not wait for it"


def test_under_another_option_nothing_is_asked(town: Town) -> None:
    half = Half()
    own = looking(town, half, lambda option, body, received=False: "blocked", option="split")
    own.look(UNSEEN)
    assert own.found(UNSEEN) is Sight.NOT_SEEN
    assert not half.keys


def test_a_videos_frames_are_looked_at_one_by_one_each_by_its_own_key(town: Town) -> None:
    answers = iter(["cleared", "blocked", "cleared"])
    half = Half()
    own = looking(town, half, lambda option, body, received=False: next(answers))
    frames = tuple(
        SeenFrame(number, 1000.0 * number, PdqHash(bytes([number] * 32), 100, np.zeros(256)))
        for number in range(3)
    )
    film = Unseen(frames, bytes(range(32)))
    with pytest.raises(LookFirst):
        own.found(film)
    own.look(film)
    assert own.found(Unseen(frames, bytes(range(32)))) is Sight.LISTED
    assert half.keys == tuple(frame_key(bytes(range(32)), number) for number in (0, 1))
