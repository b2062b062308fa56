"""The device's half: nothing is sealed unverified, and a recipient catches a lying sender."""

from dataclasses import replace

import numpy as np
import pytest

from softfall.media.pdq import PdqHash, Unhashable
from softfall.options.contract import Honest, Mismatch
from softfall.options.enclave import wire
from softfall.options.enclave.device import EnclaveDevice, LuminanceMissing, NotThisEpoch
from softfall.options.enclave.opening import MALFORMED, NOT_THIS_SUBMISSION, OMITTED
from softfall.options.enclave.parameters import Policy
from softfall.options.enclave.planes import hash_of
from softfall.options.enclave.refusals import PcrNotAllowed
from tests.options.enclave.parties import (
    EPOCH,
    Parties,
    picture,
    random_hash,
    reopened,
    secret_of,
)

ANOTHER_PICTURE = Mismatch("another picture")
PICTURE, OTHER = picture(1), picture(2)
PARTIES = Parties([PICTURE])
PLANES = Parties([PICTURE], Policy.LUMINANCE)
both = pytest.mark.parametrize("parties", [PARTIES, PLANES], ids=["hash", "luminance"])


@both
@pytest.mark.parametrize("media", [PICTURE, OTHER, Unhashable("low quality", 20)])
def test_an_honest_sender_passes(parties: Parties, media: PdqHash | Unhashable) -> None:
    submission, opening = parties.send(media)
    assert parties.check(media, opening, submission) == Honest()


def test_where_the_enclave_is_refused_nothing_is_sealed() -> None:
    def refused() -> None:
        raise PcrNotAllowed("no allowed enclave has these registers")

    device = EnclaveDevice(EPOCH, PARTIES.parameters, refused)  # type: ignore[arg-type]
    with pytest.raises(PcrNotAllowed):
        device.begin(PICTURE, secret_of())


def test_the_recipients_check_needs_no_enclave() -> None:
    def away() -> None:
        raise AssertionError("the recipient asked")

    submission, opening = PARTIES.send(PICTURE)
    device = EnclaveDevice(EPOCH, PARTIES.parameters, away)  # type: ignore[arg-type]
    assert device.check(PICTURE, secret_of(), opening, submission.digest) == Honest()


def test_a_device_asks_nobody_and_waits_for_nobody() -> None:
    pending = PARTIES.device.begin(PICTURE, secret_of())
    assert pending.request is None
    assert not PARTIES.device.asks_first(pending.submission)


@both
def test_a_patched_sender_that_seals_another_picture_is_caught(parties: Parties) -> None:
    submission, opening = parties.send(OTHER)
    assert parties.check(PICTURE, opening, submission) == ANOTHER_PICTURE


@both
def test_a_patched_sender_that_opens_honestly_but_submitted_another_is_caught(
    parties: Parties,
) -> None:
    _, opening = parties.send(PICTURE)
    submitted, _ = parties.send(OTHER)
    assert parties.check(PICTURE, opening, submitted) == NOT_THIS_SUBMISSION


@both
def test_a_patched_sender_that_replays_an_older_submission_is_caught(parties: Parties) -> None:
    _, opening = parties.send(PICTURE)
    older, older_opening = parties.send(PICTURE, secret_of("an older attachment"))
    assert parties.check(PICTURE, opening, older) == NOT_THIS_SUBMISSION
    assert parties.check(PICTURE, older_opening, older) == NOT_THIS_SUBMISSION


@both
def test_a_patched_sender_that_says_there_is_no_hash_is_caught(parties: Parties) -> None:
    submission, opening = parties.send(Unhashable("flat", 0))
    assert parties.check(PICTURE, opening, submission) == Mismatch("claims unhashable")


@both
def test_a_patched_sender_that_submits_nothing_is_caught(parties: Parties) -> None:
    submission, _ = parties.send(PICTURE)
    assert parties.check(PICTURE, b"", submission) == OMITTED


@both
def test_a_patched_sender_that_submits_junk_is_caught(parties: Parties) -> None:
    submission, opening = parties.send(PICTURE)
    junk = replace(submission, body=bytes(len(submission.body)))
    assert parties.check(PICTURE, opening, junk) == NOT_THIS_SUBMISSION
    for bad in (b"\x00", opening[:-1], opening + b"x", reopened(opening, unhashable=1)):
        assert parties.check(PICTURE, bad, submission) == MALFORMED


@both
@pytest.mark.parametrize("name", ["key_digest", "capsule"])
def test_what_was_sealed_to_another_key_than_opened_is_caught(parties: Parties, name: str) -> None:
    submission, opening = parties.send(PICTURE)
    size = {"key_digest": wire.DIGEST_BYTES, "capsule": wire.CAPSULE_BYTES}[name]
    assert (
        parties.check(PICTURE, reopened(opening, **{name: bytes(size)}), submission)
        == NOT_THIS_SUBMISSION
    )


def moved(media: PdqHash, at: int, margin: float) -> PdqHash:
    """The recipient's own hash where one bit differs, at that margin."""
    bits = np.unpackbits(np.frombuffer(media.bits, np.uint8))
    bits[at] ^= 1
    margins = media.margins.copy()
    margins[at] = margin
    return replace(media, bits=np.packbits(bits).tobytes(), margins=margins)


def test_a_decoder_within_the_tolerance_is_honest_and_one_beyond_is_not() -> None:
    media = random_hash(3)
    submission, opening = PARTIES.send(media)
    assert PARTIES.check(moved(media, 9, 0.2), opening, submission) == Honest()
    assert PARTIES.check(moved(media, 9, 0.3), opening, submission) == ANOTHER_PICTURE


def test_pixels_rounded_the_other_way_are_honest() -> None:
    plane = np.frombuffer(PICTURE.luminance, np.uint8).copy()
    plane[[5, 700, 3000]] ^= 1
    ours = replace(PICTURE, luminance=plane.tobytes())
    submission, opening = PLANES.send(PICTURE)
    assert PLANES.check(ours, opening, submission) == Honest()


def test_a_patched_sender_that_moves_every_pixel_a_little_to_move_bits_is_caught() -> None:
    plane = np.frombuffer(PICTURE.luminance, np.uint8).astype(np.int16)
    hashed = hash_of(PICTURE.luminance)
    assert isinstance(hashed, PdqHash)
    rng = np.random.default_rng(1)
    caught = 0
    for _ in range(20):
        nudged = np.clip(plane + rng.integers(-2, 3, plane.size), 0, 255).astype(np.uint8)
        seen = hash_of(nudged.tobytes())
        assert isinstance(seen, PdqHash)
        differs = np.unpackbits(
            np.frombuffer(hashed.bits, np.uint8) ^ np.frombuffer(seen.bits, np.uint8)
        ).astype(bool)
        verdict = PLANES.check(
            PICTURE, *reversed_pair(PLANES.send(replace(PICTURE, luminance=nudged.tobytes())))
        )
        firm = differs.sum() > 4 or (hashed.margins[differs] > 0.5).any()
        assert isinstance(verdict, Mismatch) is bool(firm)
        caught += bool(firm)
    assert caught, "some nudge moved a firm bit"


def reversed_pair(sent: tuple) -> tuple:  # type: ignore[type-arg]
    submission, opening = sent
    return opening, submission


def test_a_plane_far_from_the_pictures_is_another_picture_whatever_its_hash() -> None:
    plane = np.frombuffer(PICTURE.luminance, np.uint8).astype(np.int16)
    darker = np.clip(plane - 3, 0, 255).astype(np.uint8).tobytes()
    submission, opening = PLANES.send(replace(PICTURE, luminance=darker))
    assert PLANES.check(PICTURE, opening, submission) == ANOTHER_PICTURE


def test_a_recipient_at_the_brink_of_quality_accepts_either() -> None:
    submission, opening = PARTIES.send(PICTURE)
    assert PARTIES.check(Unhashable("low quality", 49), opening, submission) == Honest()
    assert PARTIES.check(Unhashable("low quality", 48), opening, submission) == ANOTHER_PICTURE


def test_a_secret_of_another_epoch_or_option_is_refused() -> None:
    for secret in (secret_of(epoch=EPOCH + 1), replace(secret_of(), option="split")):
        with pytest.raises(NotThisEpoch):
            PARTIES.device.begin(PICTURE, secret)
        with pytest.raises(NotThisEpoch):
            PARTIES.device.check(PICTURE, secret, b"", b"")


def test_a_hash_without_its_luminance_can_not_be_sealed_where_the_policy_asks_for_it() -> None:
    with pytest.raises(LuminanceMissing):
        PLANES.send(replace(PICTURE, luminance=b""))


def test_an_opening_of_the_other_policy_is_malformed() -> None:
    submission, opening = PLANES.send(PICTURE)
    assert PARTIES.check(PICTURE, opening, submission) == MALFORMED
