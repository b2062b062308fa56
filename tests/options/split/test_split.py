"""Honest parties: what is caught, what is not, and what every message looks like."""

import pytest

from softfall.media.pdq import Unhashable
from softfall.options.contract import Clear, Held, Honest
from softfall.options.split.wire import ARTEFACT, TAGS
from softfall.options.tags import wire
from tests.options.split.parties import Parties, flipped, nearest_median, random_hash


@pytest.fixture(scope="module")
def parties() -> Parties:
    return Parties([random_hash(seed) for seed in range(30)])


def test_a_listed_picture_is_held_with_its_entry_and_tables(parties: Parties) -> None:
    verdict = parties.judge(parties.listed[4])
    assert verdict == Held(
        "candidate", {"entries": [{"entry": 104, "tables": list(range(8))}], "hits_needed": 2}
    )


def test_an_unlisted_picture_is_clear(parties: Parties) -> None:
    assert isinstance(parties.judge(random_hash(999)), Clear)


@pytest.mark.parametrize("moved_bits", [2, 4, 8, 12])
def test_an_edited_copy_whose_likeliest_bits_flipped_is_held(
    parties: Parties, moved_bits: int
) -> None:
    original = parties.listed[7]
    copy = flipped(original, nearest_median(original, moved_bits))
    verdict = parties.judge(copy)
    assert isinstance(verdict, Held)
    assert [found["entry"] for found in verdict.evidence["entries"]] == [107]  # type: ignore[union-attr]


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
        TAGS: submission.body,
        wire.OPENING: opening,
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
    assert isinstance(verdict, Held)
    assert [found["entry"] for found in verdict.evidence["entries"]] == [100, 101]  # type: ignore[union-attr]
