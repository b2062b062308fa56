"""The device's half: every submission looks alike, and a recipient catches a lying sender."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest

from softfall.lists.manifest import Manifest
from softfall.media.pdq import PdqHash, Unhashable
from softfall.options.contract import Claim, Honest, Mismatch, ScanSecret
from softfall.options.homomorphic import opening as openings
from softfall.options.homomorphic import wire
from softfall.options.homomorphic.device import (
    BadKeyholderKey,
    HomomorphicDevice,
    OtherEpochsSecret,
)
from softfall.options.homomorphic.opening import MALFORMED, NOT_THIS_SUBMISSION, OMITTED
from softfall.options.homomorphic.parameters import (
    BadHomomorphicParameters,
    HomomorphicParameters,
    Mode,
)
from softfall.wire import MalformedMessage
from tests.options.homomorphic.parties import (
    EPOCH,
    KEYHOLDER_KEY,
    PUBLIC_SEED,
    Parties,
    changed,
    parameters,
    picture,
    random_hashes,
    reopened,
    secret_of,
)

PARTIES = Parties({})
FIRST, SECOND = random_hashes(2)
PICTURE, OTHER = picture(FIRST), picture(SECOND)
ANOTHER_PICTURE = Mismatch("another picture")


@pytest.mark.parametrize("media", [PICTURE, OTHER, Unhashable("low quality", 20)])
def test_an_honest_sender_passes(media: PdqHash | Unhashable) -> None:
    submission, opening = PARTIES.send(media)
    assert PARTIES.check(media, opening, submission) == Honest()


def test_a_device_asks_nobody_and_waits_for_nobody() -> None:
    pending = PARTIES.device.begin(PICTURE, secret_of())
    assert pending.request is None
    assert not PARTIES.device.asks_first(pending.submission)


def test_every_submission_and_opening_has_one_size() -> None:
    sent = [PARTIES.send(media) for media in (PICTURE, OTHER, Unhashable("flat", 0))]
    assert len({len(submission.body) for submission, _ in sent}) == 1
    assert len({len(opening) for _, opening in sent}) == 1
    assert len(sent[0][0].body) <= 64 * 1024


def test_a_patched_sender_that_encrypts_another_hash_is_caught() -> None:
    submission, opening = PARTIES.send(OTHER)
    assert PARTIES.check(PICTURE, opening, submission) == ANOTHER_PICTURE


def test_a_patched_sender_that_opens_honestly_but_submitted_another_is_caught() -> None:
    _, opening = PARTIES.send(PICTURE)
    submitted, _ = PARTIES.send(OTHER)
    assert PARTIES.check(PICTURE, opening, submitted) == NOT_THIS_SUBMISSION


@pytest.mark.parametrize("name", ["capsule", "commitment", "query"])
def test_a_patched_sender_that_changes_any_part_of_a_submission_is_caught(name: str) -> None:
    submission, opening = PARTIES.send(PICTURE)
    part = bytearray(wire.octets(wire.decode(wire.QUERY, submission.body), name))
    part[len(part) // 2] ^= 1
    bad = changed(submission, **{name: bytes(part)})
    assert PARTIES.check(PICTURE, opening, bad) == NOT_THIS_SUBMISSION


def test_a_patched_sender_that_replays_an_older_submission_is_caught() -> None:
    _, opening = PARTIES.send(PICTURE)
    older, older_opening = PARTIES.send(PICTURE, secret_of("an older attachment"))
    assert PARTIES.check(PICTURE, opening, older) == NOT_THIS_SUBMISSION
    assert PARTIES.check(PICTURE, older_opening, older) == NOT_THIS_SUBMISSION


def test_a_patched_sender_that_says_there_is_no_hash_is_caught() -> None:
    submission, opening = PARTIES.send(Unhashable("flat", 0))
    assert PARTIES.check(PICTURE, opening, submission) == Mismatch("claims unhashable")


def test_a_patched_sender_that_submits_junk_or_nothing_is_caught() -> None:
    submission, opening = PARTIES.send(PICTURE)
    assert PARTIES.check(PICTURE, b"", submission) == OMITTED
    junk = replace(submission, body=bytes(len(submission.body)))
    assert PARTIES.check(PICTURE, opening, junk) == NOT_THIS_SUBMISSION
    for bad in (b"\x00", opening[:-1], opening + b"x", reopened(opening, unhashable=1)):
        assert PARTIES.check(PICTURE, bad, submission) == MALFORMED
    other = reopened(opening, capsule=bytes(wire.CAPSULE_BYTES))
    assert PARTIES.check(PICTURE, other, submission) == NOT_THIS_SUBMISSION


def test_a_decoder_within_the_tolerance_is_honest_and_one_beyond_is_not() -> None:
    submission, opening = PARTIES.send(PICTURE)
    bits = np.unpackbits(np.frombuffer(FIRST, np.uint8))
    bits[9] ^= 1
    for margin, found in ((0.2, Honest()), (0.3, ANOTHER_PICTURE)):
        margins = np.full(256, 40, np.float32)
        margins[9] = margin
        seen = PdqHash(np.packbits(bits).tobytes(), 100, margins, b"")
        assert PARTIES.check(seen, opening, submission) == found


def test_all_but_the_capsule_is_the_same_for_the_same_picture_and_secret() -> None:
    one, two = (wire.decode(wire.QUERY, PARTIES.send(PICTURE)[0].body) for _ in range(2))
    assert one["capsule"] != two["capsule"]
    assert {**one, "capsule": b""} == {**two, "capsule": b""}


def test_another_picture_attachment_or_epoch_shares_neither_key_nor_commitment() -> None:
    other_epoch = HomomorphicDevice(EPOCH + 1, PARTIES.parameters)
    sent = [
        PARTIES.send(PICTURE)[0],
        PARTIES.send(OTHER)[0],
        PARTIES.send(PICTURE, secret_of("another attachment"))[0],
        other_epoch.begin(PICTURE, secret_of(epoch=EPOCH + 1)).submission,
    ]
    values = [wire.decode(wire.QUERY, submission.body) for submission in sent]
    assert len({value["commitment"] for value in values}) == len(sent)
    # Equal secrets would leave the queries equal up to errors and bits: a small difference.
    queries = [np.frombuffer(wire.octets(value, "query"), np.uint8) for value in values]
    for at, one in enumerate(queries):
        for two in queries[:at]:
            assert (one == two).mean() < 0.02


def test_a_scan_secret_of_another_option_or_epoch_is_refused() -> None:
    submission, opening = PARTIES.send(PICTURE)
    for bad in (secret_of(epoch=EPOCH + 1), replace(secret_of(), option="enclave")):
        with pytest.raises(OtherEpochsSecret):
            PARTIES.device.begin(PICTURE, bad)
        with pytest.raises(OtherEpochsSecret):
            PARTIES.device.check(PICTURE, bad, opening, submission.digest)


def test_a_keyholder_key_that_is_none_stops_the_sender_by_name() -> None:
    broken = replace(PARTIES.parameters, keyholder_key=b"\xff" * len(KEYHOLDER_KEY))
    with pytest.raises(BadKeyholderKey):
        HomomorphicDevice(EPOCH, broken).begin(PICTURE, secret_of())


def test_a_report_is_checked_by_the_manifests_own_parameters() -> None:
    submission, opening = PARTIES.send(PICTURE)
    other_seed = HomomorphicParameters(hashlib.sha256(b"x").digest(), KEYHOLDER_KEY)
    told = Manifest("homomorphic", EPOCH, b"", bytes(32), 0, 1, 2, other_seed.encode())
    claim = Claim(opening, secret_of().attachment_key, told, submission.digest)
    assert openings.disprove(claim) == NOT_THIS_SUBMISSION
    with pytest.raises(MalformedMessage):
        openings.disprove(replace(claim, manifest=replace(told, parameters=b"")))


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("names_entry", [True, False])
def test_parameters_are_read_as_written(mode: Mode, names_entry: bool) -> None:
    told = parameters(mode, names_entry)
    assert HomomorphicParameters.decode(told.encode()) == told


def test_parameters_that_no_epoch_has_are_refused() -> None:
    for seed, key in ((PUBLIC_SEED[:-1], KEYHOLDER_KEY), (PUBLIC_SEED, KEYHOLDER_KEY[:-1])):
        with pytest.raises(BadHomomorphicParameters):
            HomomorphicParameters(seed, key)
    body = parameters().encode()
    for bad in (b"", body[:-1], body + b"\x00", b"\x85\x00" + body[2:], b"\x85\x02" + body[2:]):
        with pytest.raises(MalformedMessage):
            HomomorphicParameters.decode(bad)


def test_a_scan_key_is_asked_of_the_hash_itself() -> None:
    class Watching(ScanSecret):
        asked: list[bytes] = []  # noqa: RUF012  # of this test alone

        def key(self, media_hash: bytes) -> bytes:
            self.asked.append(media_hash)
            return super().key(media_hash)

    secret = Watching(secret_of().attachment_key, "homomorphic", EPOCH)
    PARTIES.device.begin(PICTURE, secret)
    assert Watching.asked == [FIRST]
