"""Frames in one submission: told from a picture's, chosen alike, judged one by one, checked."""

import cbor2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softfall.errors import UnavailableError
from softfall.media.pdq import PdqHash, Unhashable
from softfall.options.contract import (
    Candidate,
    Clear,
    Evidence,
    Held,
    Malformed,
    Submission,
)
from softfall.options.enclave.wire import SEALED
from softfall.options.framed import (
    MAX_FRAMES,
    SUBMISSION,
    Frames,
    digest_of,
    is_framed,
    is_live,
    joined_digest,
    read_frames,
)
from softfall.options.frames import opening
from softfall.options.frames.choosing import (
    REPEAT_BITS,
    SeenFrame,
    TooManyFrames,
    distinct,
    nearest_bits,
)
from softfall.options.frames.opening import OpenedFrame, OpenedFrames, frame_key
from softfall.options.frames.provider import (
    FRAMES_AT_ONCE,
    BatchFramesProvider,
    parts,
    with_frames,
    worst,
)
from softfall.options.homomorphic.wire import QUERY
from softfall.options.on_device.wire import SUBMISSION as ON_DEVICE
from softfall.options.split.wire import SUBMISSION as SPLIT
from softfall.wire import MalformedMessage, Uint

CLEAR, HELD = Clear("nothing"), Held("match", {"confirmed": True})
ALTERED = Malformed("altered")
AWAY = UnavailableError("away")
NO_PORTS = None


def candidate(entry: int) -> Candidate:
    return Candidate("perhaps", {"entries": [entry]}, (entry,), b"shares")


def seen(number: int, bits: bytes | None) -> SeenFrame:
    if bits is None:
        return SeenFrame(number, 1000.0 * number, Unhashable("flat", 0))
    media = PdqHash(bits, 100, np.full(256, 40, np.float32), b"")
    return SeenFrame(number, 1000.0 * number, media)


def flipped(bits: bytes, count: int) -> bytes:
    return (int.from_bytes(bits) ^ (1 << count) - 1).to_bytes(32)


class Half:
    """Judges a body by its first letter; counts how it is asked."""

    name = "letters"

    def __init__(self) -> None:
        self.asked: list[int] = []

    def form(self, submission: Submission) -> Malformed | None:
        return ALTERED if submission.body.startswith(b"x") else None

    def judge(self, submission: Submission, ports: object) -> object:
        del ports
        told = self._told(submission)
        if isinstance(told, UnavailableError):
            raise told
        return told

    def _told(self, submission: Submission) -> object:
        answers = {b"h": HELD, b"a": AWAY}
        if submission.body.startswith(b"c"):
            return candidate(submission.body[1])
        return answers.get(submission.body[:1], CLEAR)


class BatchHalf(Half):
    def judge_batch(self, submissions: list[Submission], ports: object) -> list[object]:
        del ports
        self.asked.append(len(submissions))
        return [self._told(each) for each in submissions]


def video_of(*bodies: bytes, live: bool = False) -> Submission:
    return Submission("letters", 3, Frames(tuple(bodies), live).encode())


@pytest.mark.parametrize("message", [SPLIT, ON_DEVICE, SEALED, QUERY])
def test_no_options_own_body_begins_like_a_videos(message) -> None:
    assert isinstance(message.fields[0].kind, Uint), "a video's begins with a word"
    assert not is_framed(cbor2.dumps([1] * len(message.fields)))


@given(st.lists(st.binary(min_size=1, max_size=80), min_size=1, max_size=MAX_FRAMES), st.booleans())
@settings(max_examples=40, deadline=None)
def test_frames_come_out_as_they_went_in(bodies: list[bytes], live: bool) -> None:
    frames = Frames(tuple(bodies), live)
    body = frames.encode()
    assert read_frames(body) == frames
    assert (is_framed(body), is_live(body)) == (True, live)
    digests = [digest_of("o", 1, each) for each in bodies if not is_framed(each)]
    if len(digests) == len(bodies):
        assert digest_of("o", 1, body) == joined_digest("o", 1, digests, is_live=live)


@given(st.binary(max_size=60))
@settings(max_examples=60, deadline=None)
def test_any_bytes_are_frames_a_picture_or_malformed(body: bytes) -> None:
    try:
        assert (read_frames(body) is None) == (not is_framed(body))
    except MalformedMessage:
        assert is_framed(body)
    assert len(digest_of("o", 1, body)) == 32


def test_one_frame_more_another_order_or_live_is_another_digest() -> None:
    made = {
        video_of(b"1", b"2").digest,
        video_of(b"2", b"1").digest,
        video_of(b"1", b"2", b"3").digest,
        video_of(b"1", b"2", live=True).digest,
        Submission("letters", 4, video_of(b"1", b"2").body).digest,
        Submission("other", 3, video_of(b"1", b"2").body).digest,
    }
    assert len(made) == 6


def test_frames_in_frames_are_never_dug_into() -> None:
    inner = video_of(b"1").body
    for _ in range(2000):
        inner = Frames((inner,), False).encode()
    assert len(digest_of("o", 1, inner)) == 32
    assert [each.body for each in parts(Submission("letters", 3, inner))] != [b"1"]


def test_too_many_frames_are_malformed() -> None:
    with pytest.raises(MalformedMessage):
        video_of(*[b"1"] * (MAX_FRAMES + 1))
    assert SUBMISSION.max_bytes > MAX_FRAMES * 52_000, "homomorphic's, the largest, must fit"


def test_a_repeat_is_dropped_wherever_it_comes_back() -> None:
    one, two = bytes(32), bytes([255] * 32)
    near, far = flipped(one, REPEAT_BITS), flipped(one, REPEAT_BITS + 1)
    frames = [seen(at, bits) for at, bits in enumerate([one, two, near, None, one, far])]
    assert [frame.number for frame in distinct(frames)] == [0, 1, 5]


def test_a_video_without_a_hash_submits_its_first_frame() -> None:
    frames = [seen(at, None) for at in range(3)]
    assert distinct(frames) == (frames[0],)


def test_no_frame_is_dropped_for_want_of_room() -> None:
    rng = np.random.default_rng(1)
    frames = [seen(at, rng.bytes(32)) for at in range(MAX_FRAMES + 1)]
    assert len(distinct(frames[:-1])) == MAX_FRAMES
    with pytest.raises(TooManyFrames):
        distinct(frames)


@given(
    st.lists(st.binary(min_size=32, max_size=32), max_size=6), st.binary(min_size=32, max_size=32)
)
@settings(max_examples=40, deadline=None)
def test_the_nearest_is_what_counting_bits_says(among: list[bytes], bits: bytes) -> None:
    plain = [(int.from_bytes(bits) ^ int.from_bytes(each)).bit_count() for each in among]
    assert nearest_bits(bits, among) == min(plain, default=257)


def test_each_frame_has_a_key_of_its_own() -> None:
    keys = {frame_key(bytes(32), number) for number in range(50)} | {frame_key(b"k" * 32, 0)}
    assert len(keys) == 51


@pytest.mark.parametrize("half", [Half(), BatchHalf()])
def test_the_worst_frame_counts_and_names_its_place(half: Half) -> None:
    provider = with_frames(half)
    assert provider.judge(video_of(b"1", b"2"), NO_PORTS) == Clear(
        "no frame of the video is listed"
    )
    held = provider.judge(video_of(b"1", b"c7", b"h", b"h"), NO_PORTS)
    assert held == Held("match", {"confirmed": True, "frame": 2, "frames": 4})
    assert provider.judge(video_of(b"1", b"x"), NO_PORTS) == ALTERED
    assert provider.judge(Submission("letters", 3, b"h"), NO_PORTS) == HELD, "a picture, unchanged"


def test_every_candidate_among_the_frames_is_to_be_confirmed() -> None:
    found = with_frames(Half()).judge(video_of(b"c\1", b"1", b"c\2", b"c\3"), NO_PORTS)
    assert isinstance(found, Candidate)
    all_of_them = (found, *found.others)
    assert [each.entries for each in all_of_them] == [(1,), (2,), (3,)]
    assert [each.evidence["frame"] for each in all_of_them] == [0, 2, 3]


def test_frames_of_several_messages_are_asked_about_together() -> None:
    half = BatchHalf()
    provider = with_frames(half)
    assert isinstance(provider, BatchFramesProvider)
    messages = [
        video_of(*[b"1"] * 20),
        Submission("letters", 3, b"h"),
        video_of(b"x"),
        video_of(b"1", b"a"),
        video_of(b"a", b"h"),
    ]
    told = provider.judge_batch(messages, NO_PORTS)
    assert half.asked == [FRAMES_AT_ONCE, 25 - FRAMES_AT_ONCE]
    assert told[:3] == [Clear("no frame of the video is listed"), HELD, ALTERED]
    assert told[3] is AWAY, "nobody knows yet"
    assert isinstance(told[4], Held), "what is listed is listed, whatever else is not known"


def test_what_nobody_could_judge_is_raised_by_name() -> None:
    with pytest.raises(UnavailableError):
        worst([CLEAR, AWAY])
    with pytest.raises(UnavailableError):
        with_frames(BatchHalf()).judge(video_of(b"1", b"a"), NO_PORTS)


def test_what_a_frame_brings_about_itself_is_told_before_a_partys_absence() -> None:
    absent, own = UnavailableError("nobody is there"), UnavailableError("a refusal")
    absent.party_is_away = True
    for judged in ([absent, own], [own, absent]):
        with pytest.raises(UnavailableError, match="a refusal"):
            worst(judged)


def opened(*numbers: int) -> OpenedFrames:
    return OpenedFrames(
        tuple(OpenedFrame(number, bytes([number] * 32), b"opening") for number in numbers), False
    )


def test_an_opening_out_of_order_or_twice_the_same_is_malformed() -> None:
    assert opening.decode(opened(0, 25, 50).encode()) == opened(0, 25, 50)
    for wrong in (opened(25, 0), opened(3, 3)):
        assert opening.decode(wrong.encode()) == opening.MALFORMED
    assert opening.decode(b"junk") == opening.MALFORMED


def test_reported_frames_are_each_disproved_from_bytes_alone() -> None:
    from softfall.lists.manifest import Manifest
    from softfall.options.contract import Claim, Mismatch

    asked = []

    def disprove(claim: Claim) -> Mismatch | None:
        asked.append((claim.opening, claim.attachment_key, claim.submission_digest))
        return Mismatch("lie") if claim.submission_digest == bytes([50] * 32) else None

    checks = opening.evidence(Evidence(disprove, lambda media, claim: None))
    manifest = Manifest("letters", 3, b"", bytes(32), 1, 1, 2, b"")
    told = opened(0, 25)
    joined = joined_digest("letters", 3, [f.digest for f in told.frames], is_live=False)
    assert checks.disprove(Claim(told.encode(), bytes(32), manifest, joined)) is None
    assert asked == [
        (b"opening", frame_key(bytes(32), number), bytes([number] * 32)) for number in (0, 25)
    ]
    assert checks.disprove(Claim(told.encode(), bytes(32), manifest, bytes(32))) == (
        opening.NOT_THESE_FRAMES
    )
    lie = opened(0, 50)
    stamped = joined_digest("letters", 3, [f.digest for f in lie.frames], is_live=False)
    assert checks.disprove(Claim(lie.encode(), bytes(32), manifest, stamped)) == Mismatch("lie")
    picture = Claim(b"a picture's", bytes(32), manifest, bytes(32))
    assert checks.disprove(picture) is None
    assert asked[-1][0] == b"a picture's"
