"""Honest parties: what leaves the device, what is confirmed, and what every message looks like."""

import pytest

from softfall.media.pdq import PdqHash, Unhashable
from softfall.options.confirm.wire import CONFIRM_SHARES
from softfall.options.contract import (
    Candidate,
    Clear,
    Honest,
    Malformed,
    ScanSecret,
    Submission,
)
from softfall.options.on_device import wire
from softfall.options.on_device.map_view import SegmentsDoNotFollow
from softfall.options.on_device.provider import OnDeviceProvider
from softfall.options.on_device.segment import BadSegment
from softfall.options.tags import wire as tags_wire
from softfall.options.tags.custodian import KeyDestroyed
from softfall.options.tags.device import BadReply
from softfall.wire import MalformedMessage
from tests.options.on_device.parties import FIRST, PARAMETERS, Parties
from tests.options.split.parties import NoPorts, flipped, nearest_median, random_hash

UNHASHABLE = Unhashable("flat", 0)


@pytest.fixture(scope="module")
def parties() -> Parties:
    return Parties([random_hash(seed) for seed in range(30)])


@pytest.mark.parametrize("moved_bits", [0, 2, 4, 6])
def test_a_listed_picture_and_its_copies_become_candidates(
    parties: Parties, moved_bits: int
) -> None:
    copy = flipped(random_hash(4), nearest_median(random_hash(4), moved_bits))
    verdict = parties.judge(copy)
    assert isinstance(verdict, Candidate)
    assert verdict.entries == (FIRST + 4,)
    assert verdict.evidence == {"entries": [FIRST + 4], "list_version": 0}


def test_of_a_picture_that_is_no_candidate_nothing_leaves_the_device_but_one_constant(
    parties: Parties,
) -> None:
    sent = {
        parties.send(media, parties.secret(bytes([seed]) * 32))[0].body
        for seed, media in enumerate((random_hash(700), random_hash(701), UNHASHABLE))
    }
    assert len(sent) == 1
    assert isinstance(parties.judge(random_hash(700)), Clear)


def test_only_a_candidate_is_to_be_cleared_before_its_message_may_be_sent(
    parties: Parties,
) -> None:
    for media, expected in ((random_hash(4), True), (random_hash(700), False), (UNHASHABLE, False)):
        assert parties.device.asks_first(parties.send(media)[0]) is expected
    with pytest.raises(MalformedMessage):
        parties.device.asks_first(Submission("on_device", 5, b"junk"))


def test_a_candidates_shares_open_to_the_picture_under_the_custodians_key(
    parties: Parties,
) -> None:
    from softfall.crypto import hpke
    from softfall.options.confirm import keys

    verdict = parties.judge(random_hash(4))
    assert isinstance(verdict, Candidate)
    shares = CONFIRM_SHARES.decode(verdict.shares)
    x_p, sealed = shares["x_p"], shares["sealed"]
    assert isinstance(x_p, bytes)
    assert isinstance(sealed, bytes)
    share_key = hpke.unseal(sealed, parties.confirm.secret, keys.seal_info("on_device", 5))
    x_c = keys.custodian_share(share_key)
    assert bytes(a ^ b for a, b in zip(x_p, x_c, strict=True)) == random_hash(4).bits
    assert keys.commitment(share_key, "on_device", 5) == shares["commitment"]


def test_the_recipient_finds_an_honest_sender_honest(parties: Parties) -> None:
    for media in (random_hash(0), random_hash(700), UNHASHABLE):
        submission, opening = parties.send(media)
        checked = parties.device.check(media, parties.secret(), opening, submission.digest)
        assert checked == Honest()


def test_the_custodian_cannot_tell_the_unhashable_or_the_listed_by_size(parties: Parties) -> None:
    media = (random_hash(0), random_hash(700), UNHASHABLE)
    bodies = [parties.device.begin(m, parties.secret()).request.body for m in media]
    assert len({len(body) for body in bodies}) == 1


def test_an_unhashable_picture_that_meets_an_entry_by_chance_is_a_candidate_like_any_other(
    parties: Parties,
) -> None:
    """Its stand-in is asked about as a hash is, so nothing tells the provider of it."""
    secret = parties.secret()
    from softfall.options.tags.opening import asked_hash

    bits, _ = asked_hash(None, secret)
    listed = Parties([PdqHash(bits, 90, random_hash(1).margins)])
    submission, opening = listed.send(UNHASHABLE, secret)
    verdict = listed.provider.judge(submission, NoPorts())
    assert isinstance(verdict, Candidate)
    assert verdict.entries == (FIRST,)
    assert listed.device.check(UNHASHABLE, secret, opening, submission.digest) == Honest()


def test_every_message_is_what_the_wire_declares(parties: Parties) -> None:
    for media in (random_hash(0), random_hash(700)):
        submission, opening = parties.send(media)
        for message, body in ((wire.SUBMISSION, submission.body), (wire.OPENING, opening)):
            assert message.encode(message.decode(body)) == body
    parameters = parties.parameters.encode()
    assert wire.PARAMETERS.encode(wire.PARAMETERS.decode(parameters)) == parameters


def test_a_request_costs_one_evaluation_a_probe_and_none_once_the_key_is_gone() -> None:
    parties = Parties([])
    body = parties.device.begin(random_hash(1), parties.secret()).request.body
    assert parties.custodian.cost(body) == PARAMETERS.tags.questions
    parties.custodian.destroy()
    with pytest.raises(KeyDestroyed):
        parties.custodian.answer(body)


def test_a_reply_under_another_key_is_refused(parties: Parties) -> None:
    pending = parties.device.begin(random_hash(1), parties.secret())
    with pytest.raises(BadReply):
        pending.finish(Parties([], seed=b"\x66" * 32).custodian.answer(pending.request.body))


def test_a_map_or_a_secret_of_another_epoch_is_refused(parties: Parties) -> None:
    other = Parties([], epoch=6)
    with pytest.raises(SegmentsDoNotFollow):
        parties.device_with(lambda: other.view).begin(random_hash(1), parties.secret())
    with pytest.raises(tags_wire.OtherEpoch):
        parties.device.begin(random_hash(1), other.secret())
    with pytest.raises(tags_wire.OtherEpoch):
        parties.device.begin(random_hash(1), ScanSecret(b"k" * 32, "split", 5))


def test_split_and_on_device_never_share_a_tag(parties: Parties) -> None:
    """One key under both names would still give each its own tags and blinds."""
    from softfall.options.tags import opening, pieces

    media, parameters = random_hash(1), PARAMETERS.tags
    masks = pieces.probe_masks(media.margins, parameters)
    asked = [
        opening.questions(media.bits, masks, ScanSecret(b"k" * 32, option, 5), parameters)
        for option in ("split", "on_device")
    ]
    assert not set(asked[0].inputs) & set(asked[1].inputs)
    assert not set(asked[0].blinds) & set(asked[1].blinds)


def test_the_providers_half_comes_from_the_epochs_base(parties: Parties) -> None:
    half = OnDeviceProvider.of_artefact(5, parties.prepared.artefact)
    assert half.parameters == PARAMETERS
    with pytest.raises(BadSegment):
        OnDeviceProvider.of_artefact(6, parties.prepared.artefact)


def body_of(**changes: object) -> bytes:
    values = {"version": 1, "list_version": 0, "entries": [], "shares": b""}
    return wire.SUBMISSION.encode({**values, **changes})  # type: ignore[dict-item]


def test_submissions_that_no_unpatched_client_makes_are_malformed(parties: Parties) -> None:
    submission, _ = parties.send(random_hash(0))
    shares = wire.SUBMISSION.decode(submission.body)["shares"]
    cases = {
        "another option": Submission("split", 5, body_of()),
        "wrong epoch": Submission("on_device", 6, body_of()),
        "malformed submission": Submission("on_device", 5, body_of(entries=[1], shares=b"junk")),
        "entries without shares": Submission("on_device", 5, body_of(entries=[1])),
        "impossible entries": Submission("on_device", 5, body_of(entries=[2**16], shares=shares)),
    }
    for reason, sent in cases.items():
        assert parties.provider.form(sent) == Malformed(reason)
        assert parties.provider.judge(sent, NoPorts()) == Malformed(reason)
    for body in (body_of(shares=shares), body_of(entries=[1, 1], shares=shares), b"junk"):
        assert isinstance(
            parties.provider.judge(Submission("on_device", 5, body), NoPorts()), Malformed
        )
