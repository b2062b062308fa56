"""Attacks of a sender with a patched client on an honest recipient, one test each."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from softfall.media.pdq import PdqHash, Unhashable
from softfall.options.confirm.device import make_shares
from softfall.options.contract import Honest, Malformed, Mismatch, Submission
from softfall.options.split.opening import Parts, encode, submission
from softfall.options.split.wire import SUBMISSION
from softfall.options.tags import opening, pieces, tolerance, wire
from softfall.testing.patched import AnotherKeysShare, AnotherPicturesShare, Cheat, JunkSeal
from tests.options.split.parties import Parties, flipped, random_hash

UNLIKELY = Mismatch("unlikely probes")
LISTED, OTHER = random_hash(0), random_hash(77)


@pytest.fixture(scope="module")
def parties() -> Parties:
    return Parties([LISTED])


def send_patched(
    parties: Parties, hash_bits: bytes | None, masks: list[list[int]]
) -> tuple[Submission, bytes]:
    """A whole, consistent submission of any hash and any masks: the proof and the tags are real."""
    asked = opening.questions(hash_bits, masks, parties.secret(), parties.parameters)
    request = wire.REQUEST.encode({"version": 1, "epoch": parties.epoch, "points": asked.points})
    values = wire.REPLY.decode(parties.custodian.answer(request))
    points = opening.ristretto.decode_points(wire.octets(values, "points"))
    proof = wire.octets(values, "proof")
    public, parameters = parties.device.key.public_key, parties.parameters
    bits, key = opening.asked_hash(hash_bits, parties.secret())
    shares = make_shares(bits, parties.secret(), key, parties.device.confirm_key)
    rows = opening.tags(asked, points, proof, public, parameters)
    made = submission(rows, parties.epoch, shares.body)
    opened = opening.encode(opening.Opened(hash_bits, masks, points, proof), parameters)
    return made, encode(Parts(opened, shares.sealed))


def send_cheating(parties: Parties, cheat: Cheat) -> tuple[Submission, bytes]:
    pending = cheat(parties.device).begin(LISTED, parties.secret())
    assert pending.request is not None
    return pending.finish(parties.custodian.answer(pending.request.body))


def check(parties: Parties, media: PdqHash | Unhashable, body: bytes, digest: bytes) -> object:
    return parties.device.check(media, parties.secret(), body, digest)


def test_a_patched_sender_that_submits_another_pictures_tags_is_caught(parties: Parties) -> None:
    theirs, their_opening = parties.send(OTHER)
    _, own_opening = parties.send(LISTED)
    assert check(parties, LISTED, own_opening, theirs.digest) == Mismatch("not this submission")
    assert check(parties, LISTED, their_opening, theirs.digest) == Mismatch("another picture")


def test_a_patched_sender_that_submits_junk_is_caught(parties: Parties) -> None:
    size = wire.TAG_BYTES * parties.parameters.questions
    sent, own_opening = parties.send(LISTED)
    values = SUBMISSION.decode(sent.body)
    junk = Submission("split", 5, SUBMISSION.encode({**values, "tags": bytes(size)}))
    assert check(parties, LISTED, own_opening, junk.digest) == Mismatch("not this submission")
    assert check(parties, LISTED, b"junk", junk.digest) == Mismatch("malformed opening")


def test_a_patched_sender_that_submits_an_older_messages_tags_is_caught(parties: Parties) -> None:
    older, older_opening = parties.send(LISTED, parties.secret(b"an older attachment's key......."))
    # The same picture gives the same tags within an epoch, so tags of an honest older message pass:
    # they are this picture's. Its opening does not, because its blinds are another key's.
    assert check(parties, LISTED, older_opening, older.digest) == Mismatch("bad proof")


def test_a_patched_sender_that_submits_an_older_epochs_tags_is_caught(parties: Parties) -> None:
    before = Parties([LISTED], epoch=4, seed=b"\x09" * 32)
    older, older_opening = before.send(LISTED)
    assert check(parties, LISTED, older_opening, older.digest) == Mismatch("bad proof")
    _, own_opening = parties.send(LISTED)
    assert check(parties, LISTED, own_opening, older.digest) == Mismatch("not this submission")


@pytest.mark.parametrize(
    "cheat",
    [AnotherPicturesShare, lambda half: AnotherKeysShare(half, OTHER)],
    ids=["another picture's share", "another key's share"],
)
def test_a_patched_sender_whose_shares_are_not_the_pictures_is_caught(
    parties: Parties, cheat: Cheat
) -> None:
    sent, body = send_cheating(parties, cheat)
    assert parties.provider.form(sent) is None
    assert check(parties, LISTED, body, sent.digest) == Mismatch("not this submission")


def test_a_patched_sender_that_seals_junk_is_found_by_the_custodian_and_held(
    parties: Parties,
) -> None:
    sent, body = send_cheating(parties, JunkSeal)
    assert check(parties, LISTED, body, sent.digest) == Honest()  # nobody can look into a seal
    assert parties.decide(sent) == Malformed("the sealed share is not the committed one")


def test_a_seal_in_the_opening_that_was_not_submitted_is_caught(parties: Parties) -> None:
    sent, _ = parties.send(LISTED)
    _, body = parties.send(LISTED)
    assert check(parties, LISTED, body, sent.digest) == Mismatch("not this submission")


def test_a_patched_sender_that_submits_nothing_is_caught(parties: Parties) -> None:
    submission, _ = parties.send(LISTED)
    assert check(parties, LISTED, b"", submission.digest) == Mismatch("omitted")


def test_a_patched_sender_that_claims_a_picture_has_no_hash_is_caught(parties: Parties) -> None:
    submission, body = parties.send(Unhashable("low quality", 49))
    assert check(parties, LISTED, body, submission.digest) == Mismatch("claims unhashable")


def test_a_patched_sender_that_hashes_a_flat_picture_as_another_is_caught(parties: Parties) -> None:
    submission, body = parties.send(LISTED)
    flat = Unhashable("flat", 0)
    assert check(parties, flat, body, submission.digest) == Mismatch("another picture")


def test_a_picture_at_the_brink_of_quality_may_be_either(parties: Parties) -> None:
    edge = replace(LISTED, quality=50)
    for sent, received in ((Unhashable("low quality", 49), edge), (edge, Unhashable("low", 49))):
        submission, body = parties.send(sent)
        assert check(parties, received, body, submission.digest) == Honest()


def test_a_patched_sender_that_asks_for_useless_probes_is_caught(parties: Parties) -> None:
    useless = [[0, *range(2**23, 2**23 + 15)] for _ in range(parties.parameters.tables)]
    submission, body = send_patched(parties, LISTED.bits, useless)
    assert check(parties, LISTED, body, submission.digest) == UNLIKELY


def test_a_patched_sender_that_swaps_one_likely_probe_for_an_unlikely_one_is_caught(
    parties: Parties,
) -> None:
    masks = pieces.probe_masks(LISTED.margins, parties.parameters)
    masks[3][1] = 0xFFFFFF
    submission, body = send_patched(parties, LISTED.bits, masks)
    assert check(parties, LISTED, body, submission.digest) == UNLIKELY


def test_a_patched_sender_that_moves_one_firm_bit_in_each_table_is_caught(
    parties: Parties,
) -> None:
    firm = [int(i) for i in np.argsort(LISTED.margins)[-tolerance.BITS :]]
    moved = flipped(LISTED, firm)
    submission, body = send_patched(
        parties, moved.bits, pieces.probe_masks(LISTED.margins, parties.parameters)
    )
    assert check(parties, LISTED, body, submission.digest) == Mismatch("another picture")


def test_an_opening_under_a_key_of_the_senders_own_is_caught(parties: Parties) -> None:
    own = Parties([], seed=b"\x0a" * 32)  # a custodian that the sender runs at home
    submission, body = own.send(LISTED)
    assert check(parties, LISTED, body, submission.digest) == Mismatch("bad proof")


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_no_altered_opening_is_honest(parties: Parties, data: st.DataObject) -> None:
    submission, body = parties.send(LISTED)
    altered = bytearray(body)
    bit = data.draw(st.integers(0, 8 * len(body) - 1))
    altered[bit // 8] ^= 1 << (bit % 8)
    assert isinstance(check(parties, LISTED, bytes(altered), submission.digest), Mismatch)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_as_an_opening_are_a_mismatch_never_an_error(
    parties: Parties, body: bytes
) -> None:
    assert isinstance(check(parties, LISTED, body, bytes(32)), Mismatch)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.floats(0, 1))
def test_a_decoder_within_the_tolerance_is_honest(
    parties: Parties, seed: int, share: float
) -> None:
    """Every coefficient moves by up to MARGIN, and the bits at the median move with them."""
    generator = np.random.default_rng(seed)
    own = random_hash(seed % 1000)
    bits = np.unpackbits(np.frombuffer(own.bits, np.uint8)).astype(bool)
    signed = np.where(bits, own.margins, -own.margins).astype(np.float64)
    noise = generator.uniform(-1, 1, 256) * tolerance.MARGIN * share * 0.999
    moved = signed + noise
    theirs = PdqHash(
        np.packbits(moved > 0).tobytes(), own.quality, np.abs(moved).astype(np.float32)
    )
    assume(sum((moved > 0) != bits) <= tolerance.BITS)
    masks = pieces.probe_masks(theirs.margins, parties.parameters)
    opened = opening.Opened(theirs.bits, masks, [], b"")
    assert tolerance.disagreement(own, opened, parties.parameters) is None


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 1000), st.integers(0, 7), st.integers(1, 5))
def test_a_probe_that_is_surely_due_is_missed(
    parties: Parties, seed: int, table: int, place: int
) -> None:
    media = random_hash(seed)
    masks = pieces.probe_masks(media.margins, parties.parameters)
    longer = replace(parties.parameters, probes=parties.parameters.probes + 1)
    positions = list(parties.parameters.positions[table])
    margins = media.margins[positions].astype(float)
    following = pieces.probe_masks(media.margins, longer)[table][-1]
    costs = tolerance._flips([masks[table][place], masks[table][-1]], 24) @ margins
    masks[table][place] = following
    opened = opening.Opened(media.bits, masks, [], b"")
    assume(costs[1] - costs[0] > 2 * 24 * tolerance.MARGIN)  # the missing one was surely due
    assert tolerance.disagreement(media, opened, parties.parameters) == UNLIKELY
