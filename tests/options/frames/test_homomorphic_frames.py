"""Videos under `homomorphic`, all parties in one process: judged together, checked by frame."""

from softfall.options.contract import Clear, Held, Honest, Mismatch
from softfall.options.frames import device
from softfall.options.frames.choosing import SeenFrame, distinct
from softfall.options.frames.device import join, secret_of
from softfall.options.frames.provider import BatchFramesProvider, with_frames
from softfall.options.homomorphic.provider import Asked
from tests.options.homomorphic.parties import (
    Parties,
    hash_at,
    picture,
    random_hashes,
)
from tests.options.homomorphic.parties import (
    secret_of as parties_secret,
)

HASHES = random_hashes(20, seed=5)
LISTED = dict(enumerate(HASHES[:10]))


def film(*bits: bytes) -> tuple[SeenFrame, ...]:
    return tuple(SeenFrame(25 * at, 1000.0 * at, picture(each)) for at, each in enumerate(bits))


def test_a_video_is_asked_about_at_once_and_held_for_its_listed_frame() -> None:
    parties, lots = Parties(LISTED), list[int]()
    match = parties.provider._matching

    def counted(asked: list[Asked]):
        lots.append(len(asked))
        return match(asked)

    parties.provider._matching = counted
    provider = with_frames(parties.provider)
    assert isinstance(provider, BatchFramesProvider)
    near, far = hash_at(HASHES[3], 31), hash_at(HASHES[3], 32)
    for bits, listed in ((near, True), (far, False)):
        seen = film(HASHES[12], HASHES[13], bits)
        submission, opening = _sent(parties, seen)
        assert provider.form(submission) is None
        verdict = provider.judge(submission, None)  # type: ignore[arg-type]  # it asks no port
        if listed:
            told = {"confirmed": True, "entry": 3, "frame": 2, "frames": 3}
            assert verdict == Held("match", told)
        else:
            assert isinstance(verdict, Clear)
        checked = device.check(parties.device, seen, parties_secret(), opening, submission.digest)
        assert checked == Honest()
    assert lots == [3, 3], "one run with the keyholder a video"


def test_a_frame_of_another_video_is_caught() -> None:
    parties = Parties(LISTED)
    seen = film(*HASHES[12:15])
    submission, opening = _sent(parties, film(*HASHES[12:14], HASHES[19]))
    checked = device.check(parties.device, seen, parties_secret(), opening, submission.digest)
    assert isinstance(checked, Mismatch)
    submission, opening = _sent(parties, seen[:2])
    checked = device.check(parties.device, seen, parties_secret(), opening, submission.digest)
    assert checked == device.LEFT_OUT


def _sent(parties: Parties, seen: tuple[SeenFrame, ...]):
    made = []
    for frame in distinct(seen):
        own = secret_of(parties_secret(), frame.number)
        made.append((frame, *parties.device.begin(frame.media, own).finish(None)))
    return join(made, is_live=False)
