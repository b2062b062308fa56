"""Honest parties: what is caught, what is not, and what every message looks like."""

import pytest

from softfall.media.pdq import Unhashable
from softfall.options.contract import Candidate, Clear, Held, Honest
from softfall.options.split.provider import MAX_ENTRIES
from softfall.options.split.wire import ARTEFACT, OPENING, SUBMISSION
from softfall.options.tags import wire
from tests.options.split.parties import Parties, flipped, nearest_median, random_hash


@pytest.fixture(scope="module")
def parties() -> Parties:
    return Parties([random_hash(seed) for seed in range(30)])


def test_a_listed_picture_is_a_candidate_and_then_held_as_confirmed(parties: Parties) -> None:
    submission, _ = parties.send(parties.listed[4])
    evidence = {"entries": [{"entry": 104, "tables": list(range(8))}], "hits_needed": 2}
    candidate = parties.provider.judge(submission, parties.ports)
    assert isinstance(candidate, Candidate)
    assert (candidate.evidence, candidate.entries) == (evidence, (104,))
    held = parties.decide(submission)
    assert isinstance(held, Held)
    assert held.evidence == {**evidence, "confirmed": True, "entry": 104}


def test_a_near_miss_whose_tags_hit_is_not_confirmed(parties: Parties) -> None:
    """Another picture that shares whole pieces with an entry, 33 bits and more away."""
    original = parties.listed[4]
    outside = sorted(
        set(range(256)) - {p for table in parties.parameters.positions[:3] for p in table}
    )
    near_miss = flipped(original, outside[:34])
    submission, _ = parties.send(near_miss)
    assert isinstance(parties.provider.judge(submission, parties.ports), Candidate)
    assert isinstance(parties.decide(submission), Clear)


def test_an_unlisted_picture_is_clear(parties: Parties) -> None:
    assert isinstance(parties.judge(random_hash(999)), Clear)


@pytest.mark.parametrize("moved_bits", [2, 4, 8, 12])
def test_an_edited_copy_whose_likeliest_bits_flipped_is_a_candidate(
    parties: Parties, moved_bits: int
) -> None:
    original = parties.listed[7]
    copy = flipped(original, nearest_median(original, moved_bits))
    verdict = parties.judge(copy)
    assert isinstance(verdict, Candidate)
    assert verdict.entries == (107,)


def test_the_recipient_finds_an_honest_sender_honest(parties: Parties) -> None:
    for media in (parties.listed[0], random_hash(50), Unhashable("flat", 0)):
        submission, opening = parties.send(media)
        checked = parties.device.check(media, parties.secret(), opening, submission.digest)
        assert checked == Honest()


def test_an_unhashable_picture_is_clear_and_has_the_sizes_of_any_other(parties: Parties) -> None:
    plain, stand_in = (parties.send(m) for m in (random_hash(51), Unhashable("flat", 0)))
    assert len(plain[0].body) == len(stand_in[0].body)
    assert len(plain[1]) == len(stand_in[1])
    assert parties.provider.form(stand_in[0]) is None
    assert isinstance(parties.provider.judge(stand_in[0], parties.ports), Clear)


def test_every_message_is_what_the_wire_declares(parties: Parties) -> None:
    pending = parties.device.begin(random_hash(52), parties.secret())
    reply = parties.custodian.answer(pending.request.body)
    submission, opening = pending.finish(reply)
    declared = {
        wire.REQUEST: pending.request.body,
        wire.REPLY: reply,
        SUBMISSION: submission.body,
        OPENING: opening,
        ARTEFACT: parties.prepared.artefact,
        wire.PARAMETERS: parties.parameters.encode(),
    }
    for message, body in declared.items():
        assert message.encode(message.decode(body)) == body
    assert pending.request.receiver is wire.REQUEST.receiver


def test_a_request_costs_one_evaluation_a_probe(parties: Parties) -> None:
    pending = parties.device.begin(random_hash(53), parties.secret())
    assert parties.custodian.cost(pending.request.body) == parties.parameters.questions


def test_progress_counts_to_the_whole(parties: Parties) -> None:
    seen: list[tuple[int, int]] = []
    entries = [(i, random_hash(i).bits) for i in range(300)]
    parties.custodian.prepare(entries, lambda done, total: seen.append((done, total)))
    assert seen[-1] == (2400, 2400)
    assert seen == sorted(seen)


def test_an_empty_list_clears_everything() -> None:
    assert isinstance(Parties([]).judge(random_hash(1)), Clear)


def test_two_entries_with_one_hash_are_both_named() -> None:
    twins = [random_hash(3), random_hash(3)]
    verdict = Parties(twins).judge(twins[0])
    assert isinstance(verdict, Candidate)
    assert verdict.entries == (100, 101)


def test_the_entries_hit_in_most_tables_come_first_and_are_bounded() -> None:
    listed = [random_hash(3)] * (MAX_ENTRIES + 4)
    worse = flipped(listed[0], list(Parties([]).parameters.positions[0]))
    verdict = Parties([worse, *listed]).judge(listed[0])
    assert isinstance(verdict, Candidate)
    assert verdict.entries == tuple(range(101, 101 + MAX_ENTRIES))
