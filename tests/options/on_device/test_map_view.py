"""Base and deltas together: versions, tombstones, and what a picture finds."""

import hashlib
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softfall.lists.distribution import list_digest
from softfall.media.pdq import PdqHash
from softfall.options.on_device import segment, wire
from softfall.options.on_device.map_view import (
    MapView,
    NotThisVersion,
    SegmentsDoNotFollow,
    candidates_oracle,
)
from softfall.options.on_device.segment import Segment
from tests.options.on_device.parties import FIRST, PARAMETERS, Parties
from tests.options.split.parties import flipped, nearest_median, random_hash

ADDED = random_hash(900)


@pytest.fixture(scope="module")
def parties() -> Parties:
    """Three versions: the base; entry 105 withdrawn and 200 added; 200 withdrawn again."""
    parties = Parties([random_hash(seed) for seed in range(60)])
    parties.extend([(200, ADDED)], [FIRST + 5])
    parties.extend([], [200])
    return parties


def found(parties: Parties, media: PdqHash, version: int) -> tuple[int, ...]:
    return parties.view.at(version).candidates(parties.rows(media))


def test_a_listed_picture_and_its_likely_copies_find_their_entry(parties: Parties) -> None:
    for seed in (0, 17, 59):
        media = random_hash(seed)
        for copy in (media, flipped(media, nearest_median(media, 4))):
            assert found(parties, copy, 0) == (FIRST + seed,)


def test_an_added_entry_is_found_from_its_version_on_until_it_is_withdrawn(
    parties: Parties,
) -> None:
    assert [found(parties, ADDED, version) for version in (0, 1, 2)] == [(), (200,), ()]


def test_a_withdrawn_entry_is_found_in_older_versions_only(parties: Parties) -> None:
    withdrawn = random_hash(5)
    assert [found(parties, withdrawn, version) for version in (0, 1, 2)] == [(FIRST + 5,), (), ()]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 120), st.integers(0, 8), st.integers(0, 2))
def test_looking_in_the_map_agrees_with_looking_up_one_tag_at_a_time(
    parties: Parties, seed: int, moved: int, version: int
) -> None:
    media = random_hash(seed)
    rows = parties.rows(flipped(media, nearest_median(media, moved)))
    view = parties.view.at(version)
    assert view.candidates(rows) == candidates_oracle(view, rows)


def test_the_entry_that_most_tables_name_comes_first() -> None:
    media = random_hash(3)
    firm = max(PARAMETERS.tags.positions[0], key=lambda position: float(media.margins[position]))
    near = flipped(media, [firm])  # no probe reaches that bit, so one table at least misses it
    parties = Parties([near, media])
    assert parties.view.candidates(parties.rows(media)) == (FIRST + 1, FIRST)
    assert parties.view.candidates(parties.rows(near)) == (FIRST, FIRST + 1)


def test_a_maps_digest_is_that_of_its_files(parties: Parties) -> None:
    files = [hashlib.sha256(part.encode()).digest() for part in parties.view._segments]
    assert len(files) == 3
    for version in range(3):
        here = parties.view.at(version)
        assert here.digest == list_digest(files[: version + 1])
        made = MapView([replace(part, file_sha256=None) for part in here._segments])
        assert made.digest == here.digest


def test_at_most_sixteen_candidates_are_named() -> None:
    crowded = replace(PARAMETERS, slots=16, check_bits=10)
    parties = Parties([random_hash(3)] * 40, parameters=crowded)
    assert parties.view.candidates(parties.rows(random_hash(3))) == tuple(
        range(FIRST, FIRST + wire.MAX_CANDIDATES)
    )


def test_a_version_that_is_not_there_is_told_so(parties: Parties) -> None:
    with pytest.raises(NotThisVersion):
        parties.view.at(3)


def segments_of(parties: Parties) -> tuple[Segment, ...]:
    return parties.view._segments


def test_segments_that_are_mixed_swapped_or_missing_are_refused(parties: Parties) -> None:
    base, first, second = segments_of(parties)
    other = Parties([random_hash(1)], epoch=6)
    other.extend([(200, ADDED)], [])
    for wrong in (
        [],
        [first],
        [base, second],
        [base, second, first],
        [base, first, first],
        [base, base],
        [base, segments_of(other)[1]],
        [base, replace(first, parameters=replace(PARAMETERS, slots=3))],
        [base, replace(first, list_version=0)],
    ):
        with pytest.raises(SegmentsDoNotFollow):
            MapView(wrong)


def test_a_delta_weighs_a_little_more_than_its_changes() -> None:
    parties = Parties([random_hash(seed) for seed in range(30)])
    added = [(1000 + i, random_hash(2000 + i)) for i in range(200)]
    delta = parties.extend(added, range(FIRST, FIRST + 20))
    values_bytes = 200 * PARAMETERS.tags.tables * PARAMETERS.value_bits / 8
    assert segment.decode(delta).shape.keys == 200 * PARAMETERS.tags.tables
    assert values_bytes < len(delta) < 1.5 * values_bytes + 20 * 4 + 600
