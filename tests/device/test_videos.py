"""Videos: checked frame by frame, held for one listed frame, cheated with, and refused by name."""

import dataclasses

import numpy as np
import pytest

from softfall.config import MediaLimits, ProviderSettings
from softfall.device.films import StreamStopped, VideoTooLong, watch
from softfall.device.outcomes import (
    CHECKED,
    UNCHECKED_NONE,
    UNCHECKED_OUTAGE,
    Quarantined,
    Sent,
    Shown,
)
from softfall.device.outgoing import Outgoing, PictureBlocked
from softfall.media.pdq import PdqHash
from softfall.media.video_formats import VideoTooLarge
from softfall.media.video_reading import BrokenVideo, UnsupportedVideo
from softfall.messaging.envelope import MAX_OPENING_BYTES, MAX_SUBMISSION_BYTES
from softfall.options.contract import Clear, Held
from softfall.options.enclave.wire import OPENING as ENCLAVE_OPENING
from softfall.options.enclave.wire import SEALED
from softfall.options.framed import MAX_FRAMES, Frames, read_frames
from softfall.options.frames.choosing import TooManyFrames
from softfall.options.homomorphic.wire import OPENING as HOMOMORPHIC_OPENING
from softfall.options.homomorphic.wire import QUERY
from softfall.testing.patched import AnotherPicture, FalseOutage, Junk, LooksAway, cheating
from tests.media.video_files import footage, scenes, shown, video

from .conftest import Town
from .pictures import FLOWER, hash_of, jpeg

RATE = 5


@pytest.fixture(scope="module")
def clip() -> bytes:
    """Four unlike pictures, a second each, the first again at the end."""
    pictures = scenes(4)
    return video(shown([*pictures, pictures[0]], RATE), rate=RATE)


@pytest.fixture(scope="module")
def other() -> bytes:
    """Real footage that shows none of them."""
    return footage()["carphone_pristine"].read_bytes()


def hashes_of(data: bytes) -> list[bytes]:
    frames = watch(data, MediaLimits()).seen
    return [frame.media.bits for frame in frames if isinstance(frame.media, PdqHash)]


@pytest.fixture
def split(town: Town, clip: bytes) -> Town:
    """A town whose service runs `split`, with the clip's third second on the list."""
    town.publish(1, hashes_of(clip)[2])
    town["ben"]
    return town


def passed(town: Town, sent: Sent):
    return town.provider.passed["ada", sent.envelope_id]


def test_a_video_arrives_byte_for_byte_and_checked(split: Town, other: bytes) -> None:
    sent = split["ada"].send_video("ben", other, text="on the road")
    assert isinstance(sent, Sent)
    assert sent.checked == CHECKED
    (shown_,) = split["ben"].sync()
    assert isinstance(shown_, Shown)
    assert (shown_.video, shown_.picture, shown_.checked) == (other, None, CHECKED)
    assert split.restart("ben").history() == [shown_]


def test_a_video_with_one_listed_frame_is_held_and_its_sender_cannot_tell(
    split: Town, clip: bytes, other: bytes
) -> None:
    held, free = split["ada"].send_video("ben", clip), split["ada"].send_video("ben", other)
    assert dataclasses.replace(held, envelope_id=free.envelope_id) == free
    verdict = passed(split, held).verdict
    assert isinstance(verdict, Held)
    assert (verdict.evidence["confirmed"], verdict.evidence["frame"]) == (True, 2)
    assert isinstance(passed(split, free).verdict, Clear)
    (arrived,) = split["ben"].sync()
    assert arrived.envelope_id == free.envelope_id


def test_a_held_video_that_is_released_arrives_checked(split: Town, clip: bytes) -> None:
    sent = split["ada"].send_video("ben", clip)
    assert split["ben"].sync() == []
    split.provider.deliver("ada", sent.envelope_id)
    (arrived,) = split["ben"].sync()
    assert (arrived.video, arrived.checked) == (clip, CHECKED)


def test_a_scene_that_comes_back_is_submitted_once(split: Town, clip: bytes) -> None:
    sent = split["ada"].send_video("ben", clip)
    frames = read_frames(passed(split, sent).outgoing.submission.body)
    assert isinstance(frames, Frames)
    assert len(watch(clip, MediaLimits()).seen) == 5
    assert len(frames.bodies) == 4


def test_a_group_gets_a_video(split: Town, other: bytes) -> None:
    carol = split["carol"]
    split["ada"].send_video(["ben", "carol"], other)
    assert [a.video for a in carol.sync()] == [other]
    assert [a.video for a in split["ben"].sync()] == [other]


def test_a_picture_is_submitted_in_the_bytes_that_it_always_had(split: Town) -> None:
    sent = split["ada"].send_photo("ben", jpeg(FLOWER))
    assert read_frames(passed(split, sent).outgoing.submission.body) is None


def test_a_video_without_any_hashable_frame_is_submitted_like_an_unhashable_picture(
    split: Town,
) -> None:
    dark = video([np.zeros((64, 64, 3), np.uint8)] * (2 * RATE), rate=RATE)
    sent = split["ada"].send_video("ben", dark)
    frames = read_frames(passed(split, sent).outgoing.submission.body)
    assert isinstance(frames, Frames)
    assert len(frames.bodies) == 1
    assert [a.checked for a in split["ben"].sync()] == [CHECKED]


@pytest.mark.parametrize("cheat", ["another", "junk"])
def test_a_patched_sender_of_a_video_is_caught(split: Town, clip: bytes, cheat: str) -> None:
    decoy = hash_of(jpeg(FLOWER))
    make = {"another": lambda half: AnotherPicture(half, decoy), "junk": Junk}[cheat]
    split.join("ada", cheating(make, split.parts()))
    split["ada"].send_video("ben", clip)
    (arrived,) = split["ben"].sync()
    assert isinstance(arrived, Quarantined)
    assert arrived.reason.startswith("the submission is not this video's: ")


def test_a_sender_that_leaves_the_listed_frame_out_is_caught(
    split: Town, clip: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    from softfall.device import films

    honest = films.choose

    def without_the_third(film, *, is_live):
        chosen = honest(film, is_live=is_live)
        return dataclasses.replace(chosen, frames=chosen.frames[:2] + chosen.frames[3:])

    monkeypatch.setattr(films, "choose", without_the_third)
    split["ada"].send_video("ben", clip)
    (arrived,) = split["ben"].sync()
    assert isinstance(arrived, Quarantined)
    assert arrived.reason == "the submission is not this video's: a frame was left out"


def test_a_video_submitted_as_a_picture_is_caught(
    split: Town, clip: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    from softfall.device import films

    def one_picture(film, *, is_live):
        del is_live
        return film.seen[0].media

    monkeypatch.setattr(films, "choose", one_picture)
    split["ada"].send_video("ben", clip)
    (arrived,) = split["ben"].sync()
    assert arrived.reason == "the submission is not this video's: submitted as a picture"


def test_a_colluding_pair_escapes_and_nobody_else_does(split: Town, clip: bytes) -> None:
    split.join("ada", cheating(Junk, split.parts()))
    carol = split.join("carol", dataclasses.replace(split.parts(), incoming=LooksAway))
    split["ada"].send_video("carol", clip)
    assert [a.video for a in carol.sync()] == [clip]


def test_a_false_outage_is_refused_for_videos_too(split: Town, clip: bytes) -> None:
    split.join("ada", dataclasses.replace(split.parts(), outgoing=FalseOutage))
    with pytest.raises(Exception, match="voucher"):
        split["ada"].send_video("ben", clip)


def test_while_the_custodian_is_away_a_video_goes_unchecked_and_says_so(
    split: Town, other: bytes
) -> None:
    split["ada"].send_text("ben", "hello")
    split.provider.custodian_away = True
    sent = split["ada"].send_video("ben", other)
    assert sent.checked == UNCHECKED_OUTAGE
    assert [a.checked for a in split["ben"].sync()][1:] == [UNCHECKED_OUTAGE]


def test_where_nothing_is_matched_a_video_says_so(town: Town, other: bytes) -> None:
    town["ben"]
    town["ada"].send_video("ben", other)
    assert [(a.video, a.checked) for a in town["ben"].sync()] == [(other, UNCHECKED_NONE)]


def test_a_reported_video_is_checked_by_its_digest(split: Town, other: bytes) -> None:
    sent = split["ada"].send_video("ben", other)
    split["ben"].sync()
    told = split["ben"].report([sent.envelope_id], "unwanted")
    assert told.accepted == 1


def test_what_is_no_video_too_long_or_too_full_is_refused_by_name(
    split: Town, clip: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = split["ada"]
    with pytest.raises(UnsupportedVideo):
        ada.send_video("ben", jpeg(FLOWER))
    with pytest.raises(BrokenVideo):
        ada.send_video("ben", clip[:64])
    pictures = scenes(MAX_FRAMES + 4, 128, 96)
    with pytest.raises(TooManyFrames):
        ada.send_video("ben", video(pictures, rate=1))
    for limit in ("MAX_SECONDS", "MAX_PIXELS"):
        with monkeypatch.context() as patch:
            patch.setattr(f"softfall.device.films.{limit}", 2)
            with pytest.raises(VideoTooLong):
                ada.send_video("ben", clip)
    small = dataclasses.replace(split.parts(), limits=MediaLimits(max_file_bytes=1000))
    with pytest.raises(VideoTooLarge):
        split.join("cy", small).send_video("ben", clip)
    assert split["ben"].sync() == []


def test_a_strangers_broken_video_is_quarantined_with_its_reason(
    split: Town, other: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    from softfall.device import films

    film = watch(other, MediaLimits())
    monkeypatch.setattr(films, "watch", lambda data, limits: film)
    split["ada"].send_video("ben", b"\x1a\x45\xdf\xa3 no film at all")
    monkeypatch.undo()
    (arrived,) = split["ben"].sync()
    assert isinstance(arrived, Quarantined)
    assert arrived.reason.startswith("the video does not open: ")


def test_as_many_frames_as_a_message_may_have_reach_a_group(split: Town) -> None:
    draw = np.random.default_rng(3)
    tiles = draw.integers(0, 256, (MAX_FRAMES, 8, 8, 3), dtype=np.uint8)
    full = video([np.repeat(np.repeat(one, 16, 0), 16, 1) for one in tiles], rate=1)
    carol = split["carol"]
    sent = split["ada"].send_video(["ben", "carol"], full)
    frames = read_frames(passed(split, sent).outgoing.submission.body)
    assert isinstance(frames, Frames)
    assert len(frames.bodies) == len(watch(full, MediaLimits()).seen) == MAX_FRAMES
    assert [(a.video, a.checked) for a in carol.sync()] == [(full, CHECKED)]


@pytest.mark.parametrize("message", [ENCLAVE_OPENING, HOMOMORPHIC_OPENING])
def test_the_openings_of_a_full_video_fit_beside_the_message(message) -> None:
    assert MAX_FRAMES * (message.max_bytes + 64) + 32 <= MAX_OPENING_BYTES


@pytest.mark.parametrize("message", [SEALED, QUERY])
def test_the_submissions_of_a_full_video_fit_in_an_envelope(message) -> None:
    whole = MAX_FRAMES * (message.max_bytes + 8) + 32
    assert whole <= MAX_SUBMISSION_BYTES
    most = whole + MAX_OPENING_BYTES + 30_000
    assert most < ProviderSettings().max_envelope_bytes


def test_a_live_stream_ends_where_a_part_was_blocked_before_it_was_sent(
    split: Town, other: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada, minutes_ms = split["ada"], 60_000
    ada.send_video("ben", other, live=True)

    def blocked(*_: object) -> None:
        raise PictureBlocked("on the list")

    with monkeypatch.context() as patch:
        patch.setattr(Outgoing, "media", blocked)
        with pytest.raises(PictureBlocked):
            ada.send_video("ben", other, live=True)
    with pytest.raises(StreamStopped):
        ada.send_video("ben", other, live=True)
    ada.send_video("ben", other)
    ada.send_video("ben", other, live=True, conversation="another")
    split.clock.ms += 10 * minutes_ms
    ada.send_video("ben", other, live=True)
    assert len(split["ben"].sync()) == 4
