"""Facts of entries: who lists them and who certified them; never a hash, never without limit."""

import numpy as np
import pytest

from softfall.custodian.catalogue import Catalogue
from softfall.lists.entries import Statement
from softfall.lists.facts import (
    ENTRY_ASKED,
    LOOKUP,
    MAX_ENTRIES,
    EntryFacts,
    decode_facts,
    decode_listed,
)
from tests.custodian.keeping import HOUR_MS, Keeper, _ask, a_hash

CERTIFIED = a_hash("1/3")


def moved(pdq: bytes, bits: int) -> bytes:
    """The hash with its first `bits` bits flipped."""
    flips = np.zeros(256, np.uint8)
    flips[:bits] = 1
    return bytes(a ^ b for a, b in zip(pdq, np.packbits(flips).tobytes(), strict=True))


@pytest.fixture
def certified(keeper: Keeper) -> Keeper:
    """Entry 4 is listed by three, and certified by two organisations."""
    catalogue = Catalogue.open(keeper.settings.data_dir)
    for source, certifiers in (("hotline", {"hotline", "ngo"}), ("ngo", {"ngo"})):
        said = Statement(CERTIFIED, source, frozenset({"a label"}), frozenset(certifiers))
        catalogue.add(said, keeper.clocks.wall_ms)
    catalogue.close()
    keeper.publish()
    return keeper


def ask_entry(app, entry, epoch=1, option="split"):
    body = ENTRY_ASKED.encode({"option": option, "epoch": epoch, "entry": entry})
    return _ask(app, "POST", "/v1/entries/facts", body)


def look_up(app, pdq):
    return _ask(app, "POST", "/v1/lookup", LOOKUP.encode({"hash": pdq}))


FACTS = EntryFacts(4, ("a label",), ("hotline", "ngo", "source"), ("hotline", "ngo"))


def test_an_entrys_sources_and_certifiers_are_told_and_no_hash(certified):
    reply = ask_entry(certified.app(), 4)
    assert decode_facts(reply.content) == FACTS
    assert CERTIFIED[:4] not in reply.content


def test_a_public_picture_is_looked_up_to_a_distance_of_31_bits_and_no_further(certified):
    app = certified.app()
    for bits in (0, 2, 30, 31):
        assert decode_listed(look_up(app, moved(CERTIFIED, bits)).content) == (FACTS,)
    for bits in (32, 60):
        assert decode_listed(look_up(app, moved(CERTIFIED, bits)).content) == ()


def test_an_answer_is_the_same_at_every_distance_within_the_radius(certified):
    app = certified.app()
    assert len({look_up(app, moved(CERTIFIED, bits)).content for bits in range(32)}) == 1


def test_what_was_withdrawn_or_listed_since_counts_at_once(certified):
    app = certified.app()
    look_up(app, CERTIFIED)
    catalogue = Catalogue.open(certified.settings.data_dir)
    catalogue.withdraw(CERTIFIED, None, certified.clocks.wall_ms + 1)
    catalogue.add(Statement(a_hash("new"), "hotline"), certified.clocks.wall_ms + 1)
    catalogue.close()
    assert decode_listed(look_up(app, CERTIFIED).content) == ()
    assert len(decode_listed(look_up(app, a_hash("new")).content)) == 1


def test_of_many_matches_the_lowest_numbers_are_told_whichever_is_nearest(certified):
    """A question nearer to one entry, then to another: their order and choice tell nothing."""
    catalogue = Catalogue.open(certified.settings.data_dir)
    for bits in range(2, 30, 2):
        catalogue.add(Statement(moved(CERTIFIED, bits), "near"), certified.clocks.wall_ms)
    catalogue.close()
    app = certified.app()
    told = [look_up(app, moved(CERTIFIED, bits)).content for bits in range(0, 30, 3)]
    assert len(set(told)) == 1
    found = decode_listed(told[0])
    numbers = [each.entry for each in found]
    assert len(numbers) == MAX_ENTRIES
    assert numbers == [4, *range(numbers[1], numbers[1] + MAX_ENTRIES - 1)]
    assert found[0] == FACTS


def test_only_entries_of_a_published_epoch_are_told_of(certified):
    app = certified.app()
    for reply, name in (
        (ask_entry(app, 9_999), "UnknownEntry"),
        (ask_entry(app, 4, epoch=7), "EpochNotPublished"),
        (ask_entry(app, 4, option="enclave"), "EpochNotPublished"),
        (ask_entry(app, 4, option="mindreading"), "OptionUnknown"),
    ):
        assert (reply.status_code, reply.json()["error"]) == (404, name)


def test_an_entry_that_a_person_decides_about_late_is_still_told_of(certified):
    certified.clocks.pass_ms(90 * 24 * HOUR_MS)  # the epoch has long ended
    assert decode_facts(ask_entry(certified.app(), 4).content) == FACTS


@pytest.mark.parametrize("route", ["/v1/entries/facts", "/v1/lookup"])
@pytest.mark.parametrize("body", [b"", b"x" * 20, b"\xa0", b"x" * 60_000])
def test_what_is_no_question_is_refused_by_name_and_counts_nothing(certified, route, body):
    reply = _ask(certified.app(), "POST", route, body)
    assert reply.json()["error"] == "MalformedMessage"


def test_both_kinds_of_lookup_together_are_limited_across_restarts(keeper):
    keeper.changed["lookups_per_hour"] = 3
    keeper.publish()
    app = keeper.app()
    assert [look_up(app, a_hash("1/1")).status_code for _ in range(2)] == [200, 200]
    assert ask_entry(app, 4).status_code == 200
    for again in (look_up(app, a_hash("1/1")), ask_entry(keeper.app(), 4)):
        assert (again.status_code, again.json()["error"]) == (429, "LookupsSpent")
        assert int(again.headers["retry-after"]) > 0
    keeper.clocks.pass_ms(HOUR_MS + 60_000)
    assert look_up(keeper.app(), a_hash("1/1")).status_code == 200
