"""What custodian and provider can learn from what they receive: tests, and attacks with their cost.

The attacks work. They are here so that their cost is printed, and so that what makes them dear
(the custodian's quota, deletion of judged tags, destruction of the key) is not forgotten.
"""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from softfall.compare import enumeration
from softfall.crypto import oprf
from softfall.crypto.oprf import Mode
from softfall.crypto.ristretto import Scalar
from softfall.options.contract import Candidate
from softfall.options.split.custodian import derive_secret
from softfall.options.split.parameters import DEFAULT_PARAMETERS
from softfall.options.split.wire import ARTEFACT, SUBMISSION
from softfall.options.tags import pieces, wire
from softfall.options.tags.custodian import KeyDestroyed
from softfall.options.tags.parameters import TagParameters, random_positions
from tests.options.split.parties import Parties, flipped, nearest_median, random_hash

Say = Callable[[str], None]


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Say:
    def out(line: str) -> None:
        with capsys.disabled():
            print(f"\n  {line}")

    return out


@pytest.fixture(scope="module")
def parties() -> Parties:
    return Parties([random_hash(seed) for seed in range(20)])


def asked_points(parties: Parties, media: object, key: bytes) -> list[bytes]:
    body = parties.device.begin(media, parties.secret(key)).request.body  # type: ignore[arg-type]
    points = wire.octets(wire.REQUEST.decode(body), "points")
    return [points[i : i + 32] for i in range(0, len(points), 32)]


def chi_square(octets: np.ndarray) -> float:
    counts = np.bincount(octets, minlength=256)
    expected = len(octets) / 256
    return float(((counts - expected) ** 2 / expected).sum())


def test_the_custodian_sees_other_points_each_time_one_picture_is_sent(parties: Parties) -> None:
    media = parties.listed[0]
    sent = [asked_points(parties, media, bytes([i]) * 32) for i in range(6)]
    assert len({point for points in sent for point in points}) == 6 * 128


def test_the_custodians_view_is_uniform_bytes_for_any_picture(parties: Parties) -> None:
    """Chi-square with 255 degrees of freedom exceeds 380 once in a million times; the keys here are
    fixed, so every run gives the same figure. Bytes 0 and 31 hold an encoding's two fixed bits."""
    for media in (parties.listed[0], random_hash(7000)):
        points = [p for i in range(12) for p in asked_points(parties, media, bytes([i]) * 32)]
        octets = np.frombuffer(b"".join(p[1:31] for p in points), np.uint8)
        assert chi_square(octets) < 380
    assert chi_square(np.frombuffer(media.bits * 1440, np.uint8)) > 380  # a hash would show


def test_the_custodian_cannot_tell_the_unhashable_or_the_listed_by_size(parties: Parties) -> None:
    from softfall.media.pdq import Unhashable

    media = (parties.listed[0], random_hash(7000), Unhashable("flat", 0))
    bodies = [parties.device.begin(m, parties.secret()).request.body for m in media]
    assert len({len(body) for body in bodies}) == 1


def test_the_artefact_holds_nothing_of_any_hash(parties: Parties) -> None:
    artefact = parties.prepared.artefact

    def found_in(haystack: bytes) -> int:
        windows = (m.bits[i : i + 5] for m in parties.listed for i in range(28))
        return sum(window in haystack for window in windows)

    assert found_in(artefact + parties.listed[3].bits) == 28  # the search would find a planted one
    assert found_in(artefact) == 0
    other_key = Parties(parties.listed, seed=b"\x55" * 32).prepared.artefact
    mine, theirs = (wire.octets(ARTEFACT.decode(a), "tags") for a in (artefact, other_key))
    shared = {mine[i : i + 8] for i in range(0, len(mine), 8)} & {
        theirs[i : i + 8] for i in range(0, len(theirs), 8)
    }
    assert shared == set()


def test_printed_limit_the_provider_links_equal_pictures_within_an_epoch_not_across(
    parties: Parties,
) -> None:
    first = parties.send(random_hash(800), parties.secret(b"1" * 32))[0]
    again = parties.send(random_hash(800), parties.secret(b"2" * 32))[0]
    next_epoch = Parties(parties.listed, epoch=6).send(random_hash(800))[0]
    tags = [wire.octets(SUBMISSION.decode(s.body), "tags") for s in (first, again, next_epoch)]
    assert tags[0] == tags[1]
    sets = [{t[i : i + 8] for i in range(0, len(t), 8)} for t in tags]
    assert sets[0] & sets[2] == set()


def test_the_shares_of_one_picture_are_other_bytes_each_time(parties: Parties) -> None:
    media = random_hash(800)
    sent = [parties.send(media, parties.secret(bytes([i]) * 32))[0] for i in range(6)]
    shares: list[Any] = [SUBMISSION.decode(each.body)["shares"] for each in sent]
    for name in ("x_p", "commitment", "sealed"):
        assert len({each[name] for each in shares}) == 6


def test_printed_attack_without_a_quota_tags_are_inverted_to_pieces_of_the_list(say: Say) -> None:
    """12-bit pieces, so that a test can run it whole; the cost for the real ones is printed."""
    parameters = TagParameters(12, 4, 2, random_positions("attack", 4, 12))
    listed = [random_hash(seed) for seed in range(10)]
    parties = Parties(listed, parameters=parameters)
    secret = Scalar(derive_secret(parties.seed, parties.epoch))  # stands for unlimited asking
    values = ARTEFACT.decode(parties.prepared.artefact)
    tags = wire.octets(values, "tags")
    started = time.perf_counter()
    rainbow = {
        oprf.evaluate(secret, pieces.oprf_input("split", table, piece, parameters), Mode.VOPRF)[
            :8
        ]: piece
        for table in range(4)
        for piece in range(2**12)
    }
    seconds = time.perf_counter() - started
    found = {rainbow[tags[i : i + 8]] for i in range(0, 80, 8)}
    hashes = np.frombuffer(b"".join(m.bits for m in listed), np.uint8).reshape(-1, 32)
    assert found == set(pieces.pieces(hashes, parameters)[0].tolist())

    each = seconds / 2**14
    default = DEFAULT_PARAMETERS
    asked = enumeration.Pieces(default.k_bits, default.tables, default.probes)
    cost = enumeration.cost_of_list(asked, enumeration.Limits.default())
    say(
        f"enumeration: {cost.evaluations:,} evaluations invert every tag of {default.tables} tables"
        f" x {default.k_bits} bits: {cost.evaluations * each / 3600:.1f} core-hours with the key,"
        f" {cost.days:.1f} days of every token at the default limits without it"
    )


def test_printed_attack_kept_tags_tell_whether_a_guessed_picture_was_sent(say: Say) -> None:
    parties = Parties([])
    guessed = random_hash(42)
    kept = parties.send(flipped(guessed, nearest_median(guessed, 16)), parties.secret(b"a" * 32))[0]
    other = parties.send(random_hash(43), parties.secret(b"b" * 32))[0]
    tags = [wire.octets(SUBMISSION.decode(s.body), "tags") for s in (kept, other)]
    started = time.perf_counter()
    asked = parties.send(guessed, parties.secret(b"attacker's own key of 32 bytes.."))[0]
    milliseconds = (time.perf_counter() - started) * 1000
    mine = wire.octets(SUBMISSION.decode(asked.body), "tags")
    guesses = {mine[i : i + 8] for i in range(0, len(mine), 8)}
    shared = [len(guesses & {t[i : i + 8] for i in range(0, len(t), 8)}) for t in tags]
    assert shared[0] > 20
    assert shared[1] == 0
    say(
        f"was picture P sent? one ordinary request ({milliseconds:.0f} ms, 128 evaluations) tells:"
        f" an edited copy of P shares {shared[0]} of 128 tags, another picture {shared[1]}"
    )
    parties.custodian.destroy()
    with pytest.raises(KeyDestroyed):
        parties.send(guessed)


def test_printed_limit_two_colluding_devices_pass_a_listed_picture(parties: Parties) -> None:
    """The sender submits an innocent picture's tags; its accomplice simply does not check."""
    submission, _ = parties.send(random_hash(801))
    assert not isinstance(parties.provider.judge(submission, parties.ports), Candidate)
