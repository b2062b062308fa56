"""A sender whose client lies about what its map said; an honest recipient looks into its own."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softfall.lists.manifest import Manifest
from softfall.media.pdq import Unhashable
from softfall.options.contract import Claim, Honest, ListNotHere, Mismatch, Submission
from softfall.options.on_device import opening, wire
from softfall.options.on_device.map_view import MapView
from tests.options.on_device.parties import FIRST, PARAMETERS, Parties
from tests.options.split.parties import random_hash

LISTED, OTHER, UNLISTED = random_hash(0), random_hash(1), random_hash(700)


@pytest.fixture(scope="module")
def parties() -> Parties:
    return Parties([LISTED, OTHER])


def check(parties: Parties, media: object, body: bytes, digest: bytes) -> Honest | Mismatch:
    return parties.device.check(media, parties.secret(), body, digest)  # type: ignore[arg-type]


def altered(body: bytes, **changes: object) -> bytes:
    return wire.OPENING.encode({**wire.OPENING.decode(body), **changes})  # type: ignore[dict-item]


def found_in(parties: Parties, sealed: bytes) -> opening.Found:
    return opening.Found(0, (FIRST,), sealed, parties.view.digest)


def nothing(version: int = 0) -> Submission:
    return opening.submission(5, version, (), b"")


def test_a_patched_sender_that_keeps_a_candidate_to_itself_is_caught(parties: Parties) -> None:
    _, body = parties.send(LISTED)
    consistent = altered(body, entries=[], sealed=b"")
    assert check(parties, LISTED, consistent, nothing().digest) == Mismatch("omitted candidate")
    assert check(parties, LISTED, body, nothing().digest) == Mismatch("not this submission")


def test_a_patched_sender_that_names_other_entries_is_caught(parties: Parties) -> None:
    from softfall.options.on_device.opening import Found

    _, body = parties.send(LISTED)
    sealed = wire.OPENING.decode(body)["sealed"]
    assert isinstance(sealed, bytes)
    for entries in ((FIRST + 1,), (FIRST, FIRST + 1), (FIRST + 7,)):
        lie = Found(0, entries, sealed, parties.view.digest).submission(
            LISTED.bits, parties.secret()
        )
        assert lie is not None
        found = check(parties, LISTED, altered(body, entries=list(entries)), lie.digest)
        assert found == Mismatch("other entries")


def test_a_patched_sender_that_names_entries_for_an_innocent_picture_is_caught(
    parties: Parties,
) -> None:
    _, listed_body = parties.send(LISTED)
    sealed = wire.OPENING.decode(listed_body)["sealed"]
    assert isinstance(sealed, bytes)
    _, body = parties.send(UNLISTED)
    lie = found_in(parties, sealed).submission(UNLISTED.bits, parties.secret())
    assert lie is not None
    claimed = altered(body, entries=[FIRST], sealed=sealed)
    assert check(parties, UNLISTED, claimed, lie.digest) == Mismatch("other entries")


def test_a_patched_sender_of_another_pictures_submission_is_caught(parties: Parties) -> None:
    theirs, their_opening = parties.send(OTHER)
    _, own = parties.send(LISTED)
    assert check(parties, LISTED, own, theirs.digest) == Mismatch("not this submission")
    assert check(parties, LISTED, their_opening, theirs.digest) == Mismatch("another picture")


def test_a_patched_sender_whose_shares_are_another_pictures_is_caught(parties: Parties) -> None:
    theirs, _ = parties.send(OTHER)
    shares = wire.SUBMISSION.decode(theirs.body)["shares"]
    assert isinstance(shares, bytes)
    _, own = parties.send(LISTED)
    swapped = opening.submission(5, 0, (FIRST,), shares)
    assert check(parties, LISTED, own, swapped.digest) == Mismatch("not this submission")


def test_a_patched_sender_that_opens_nothing_or_junk_is_caught(parties: Parties) -> None:
    submission, body = parties.send(LISTED)
    assert check(parties, LISTED, b"", submission.digest) == Mismatch("omitted")
    assert check(parties, LISTED, b"junk", submission.digest) == Mismatch("malformed opening")
    for bad in (altered(body, tags=b"junk"), altered(body, sealed=b""), altered(body, entries=[])):
        assert check(parties, LISTED, bad, submission.digest) == Mismatch("malformed opening")


def test_a_patched_sender_that_claims_a_picture_has_no_hash_is_caught(parties: Parties) -> None:
    submission, body = parties.send(Unhashable("low quality", 49))
    assert check(parties, LISTED, body, submission.digest) == Mismatch("claims unhashable")


def test_an_opening_under_a_key_of_the_senders_own_is_caught(parties: Parties) -> None:
    own = Parties([], seed=b"\x0a" * 32)
    submission, body = own.send(LISTED)
    assert check(parties, LISTED, body, submission.digest) == Mismatch("bad proof")


def test_a_sender_a_little_behind_is_honest_and_one_far_behind_is_not() -> None:
    """A rolled-back list: the entry is withheld by looking into the version before it was added."""
    parties = Parties([OTHER])
    old = parties.view
    behind = parties.device_with(lambda: old)
    submission, body = parties.send(LISTED, device=behind)
    parties.extend([(200, LISTED)], [])
    for _ in range(PARAMETERS.lag_versions - 1):
        parties.extend([], [])
    assert parties.view.candidates(parties.rows(LISTED)) == (200,)
    assert check(parties, LISTED, body, submission.digest) == Honest()
    parties.extend([], [])
    assert check(parties, LISTED, body, submission.digest) == Mismatch("old list version")


def test_a_version_that_never_was_is_caught_and_a_newer_one_accuses_nobody() -> None:
    parties = Parties([OTHER])
    old = parties.view
    parties.extend([(200, LISTED)], [])
    submission, body = parties.send(LISTED)
    behind = parties.device_with(lambda: old)
    with pytest.raises(ListNotHere):
        behind.check(LISTED, parties.secret(), body, submission.digest)
    base, first = parties.view._segments
    skipped = MapView([base, replace(first, list_version=2)])
    looking = parties.device_with(lambda: skipped)
    lie = looking.check(LISTED, parties.secret(), body, submission.digest)
    assert lie == Mismatch("old list version")


def two_deltas() -> tuple[Parties, MapView]:
    """An epoch whose version 1 lists LISTED for some people; the map that the others were shown."""
    parties = Parties([OTHER])
    base = parties.view
    parties.extend([], [])
    others = parties.view
    parties.view = base
    parties.extend([(200, LISTED)], [])
    return parties, others


def test_a_delta_of_ones_own_is_found_by_whoever_was_shown_the_other() -> None:
    parties, others = two_deltas()
    assert parties.view.at(0).digest == others.at(0).digest
    for media in (UNLISTED, LISTED, Unhashable("low quality", 49)):
        for theirs, mine in ((others, parties.view), (parties.view, others)):
            sender, looking = (parties.device_with(lambda m=m: m) for m in (theirs, mine))
            submission, body = parties.send(media, device=sender)
            caught = looking.check(media, parties.secret(), body, submission.digest)
            assert caught == Mismatch("another list")
            assert sender.check(media, parties.secret(), body, submission.digest) == Honest()


def test_a_delta_of_ones_own_is_found_in_older_versions_and_only_from_the_delta_on() -> None:
    parties, others = two_deltas()
    base_only = parties.device_with(lambda: others.at(0))
    both = [parties.send(UNLISTED, device=parties.device_with(lambda: others)),
            parties.send(UNLISTED, device=base_only)]  # fmt: skip
    parties.extend([], [])
    found = [check(parties, UNLISTED, body, sent.digest) for sent, body in both]
    assert found == [Mismatch("another list"), Honest()]


def test_a_report_shows_that_the_senders_list_was_not_the_mirrors() -> None:
    parties, others = two_deltas()
    submission, body = parties.send(UNLISTED, device=parties.device_with(lambda: others))
    claim = claim_of(parties, body, submission.digest)
    assert opening.disprove(claim, others) is None
    assert opening.disprove(claim, parties.view) == Mismatch("another list")


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_no_altered_opening_is_honest(parties: Parties, data: st.DataObject) -> None:
    media = data.draw(st.sampled_from([LISTED, UNLISTED]))
    submission, body = parties.send(media)
    changed = bytearray(body)
    bit = data.draw(st.integers(0, 8 * len(body) - 1))
    changed[bit // 8] ^= 1 << (bit % 8)
    try:
        found = check(parties, media, bytes(changed), submission.digest)
    except ListNotHere:
        return  # the bit lay in the version: a newer map than this one is named
    assert isinstance(found, Mismatch)


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_as_an_opening_are_a_mismatch_never_an_error(
    parties: Parties, body: bytes
) -> None:
    assert isinstance(check(parties, LISTED, body, bytes(32)), Mismatch)


def claim_of(parties: Parties, body: bytes, digest: bytes) -> Claim:
    manifest = Manifest(
        option="on_device",
        epoch=5,
        public_key=parties.prepared.public_key,
        artefact_sha256=bytes(32),
        entries=2,
        published_at_ms=0,
        expires_at_ms=1,
        parameters=PARAMETERS.encode(),
    )
    return Claim(body, b"k" * 32, manifest, digest)


def test_a_report_proves_each_lie_to_whoever_has_the_map(parties: Parties) -> None:
    honest, body = parties.send(LISTED)
    theirs, _ = parties.send(OTHER)
    omitted = altered(body, entries=[], sealed=b"")
    own_key = Parties([], seed=b"\x0a" * 32).send(UNLISTED)
    cases = (
        (body, honest, None),
        (body, theirs, Mismatch("not this submission")),
        (omitted, nothing(), Mismatch("omitted candidate")),
        (b"", nothing(), Mismatch("omitted")),
        (own_key[1], own_key[0], Mismatch("bad proof")),
        (altered(body, tags=b"junk"), honest, Mismatch("malformed opening")),
    )
    for opened, submission, expected in cases:
        claim = claim_of(parties, opened, submission.digest)
        assert opening.disprove(claim, parties.view) == expected
    hidden = claim_of(parties, omitted, nothing().digest)
    assert opening.disprove(hidden) is None  # without the map nobody can tell


def test_a_report_proves_that_an_opening_is_another_pictures(parties: Parties) -> None:
    submission, body = parties.send(LISTED)
    claim = claim_of(parties, body, submission.digest)
    assert opening.differs(LISTED, claim) is None
    assert opening.differs(OTHER, claim) == Mismatch("another picture")
    assert opening.differs(OTHER, claim_of(parties, b"", bytes(32))) == Mismatch("omitted")
    junk = altered(body, tags=b"junk")
    malformed = opening.differs(OTHER, claim_of(parties, junk, bytes(32)))
    assert malformed == Mismatch("malformed opening")
