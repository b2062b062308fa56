"""Every index finds exactly what the plain scan finds; the scan, what counting bits finds."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softfall.lists.index.hamming import (
    BadQueries,
    HammingIndex,
    RadiusTooLarge,
    words,
)
from softfall.lists.index.pieces import PIECES, shares
from softfall.lists.index.ring import RingIndex
from softfall.lists.index.scan import BLOCK_ROWS, Scan, VectorScan
from tests.lists.index.hashes import (
    KINDS,
    Kind,
    as_number,
    as_words,
    clustered,
    flipped,
    from_known,
    pairs,
    skewed,
    uniform,
)

Make = Callable[..., HammingIndex]

FAST: list[Make] = [RingIndex.build, VectorScan]
INDEXES: list[Make] = [Scan, *FAST]
SIZES = st.integers(0, 120) | st.sampled_from([7, 8, 9, 31, 32, 33, 63, 64, 65, 1500])
RADII = st.integers(0, 31) | st.just(31)


@pytest.mark.parametrize("make", FAST)
@pytest.mark.parametrize("kind", KINDS)
@given(seed=st.integers(0, 2**32), entries=SIZES, radius_bits=RADII)
@settings(max_examples=25, deadline=None)
def test_a_fast_index_finds_what_the_scan_finds(
    make: Make, kind: Kind, seed: int, entries: int, radius_bits: int
) -> None:
    rng = np.random.default_rng(seed)
    hashes = kind(rng, entries)
    queries = from_known(rng, hashes, radius_bits + 3)
    numbers = rng.permutation(10 * entries + 1)[:entries]
    expected = pairs(Scan(hashes, numbers).search(queries, radius_bits))
    index = make(hashes, numbers)
    assert pairs(index.search(queries, radius_bits)) == expected
    for row, query in enumerate(queries):
        alone = pairs(index.search(query[None], radius_bits))
        assert alone == [(0, *rest) for which, *rest in expected if which == row]


@given(st.integers(0, 2**32), st.integers(0, 12), st.integers(0, 5), st.integers(0, 31))
@settings(max_examples=25, deadline=None)
def test_the_scan_finds_what_counting_bits_finds(
    seed: int, entries: int, asked: int, radius_bits: int
) -> None:
    rng = np.random.default_rng(seed)
    hashes = clustered(rng, entries)
    queries = flipped(rng, uniform(rng, 1).repeat(asked, axis=0), 31)
    queries[: min(asked, entries)] = flipped(rng, hashes[:asked], 40)
    expected = [
        (row, number, bits)
        for row, query in enumerate(queries)
        for number, entry in enumerate(hashes)
        if (bits := (as_number(query) ^ as_number(entry)).bit_count()) <= radius_bits
    ]
    assert pairs(Scan(hashes).search(queries, radius_bits)) == expected


@pytest.mark.parametrize("radius_bits", [31, 30, 16, 15, 7])
def test_a_match_that_only_one_table_can_find_is_found(radius_bits: int) -> None:
    """The worst case: so spread that every piece but one differs by its whole share."""
    entry = as_number(uniform(np.random.default_rng(7), 1)[0])
    may = shares(radius_bits)
    for finder in np.flatnonzero(may):
        spread = [
            16 * piece + (5 * piece + bit) % 16
            for piece in range(PIECES)
            for bit in range(may[piece] - (piece == finder))
        ]
        assert len(spread) == radius_bits
        query = entry ^ sum(1 << (255 - bit) for bit in spread)
        index = RingIndex.build(as_words([entry]))
        assert pairs(index.search(as_words([query]), radius_bits)) == [(0, 0, radius_bits)]


@pytest.mark.parametrize("make", INDEXES)
def test_thirty_two_bits_are_no_match(make: Make) -> None:
    index = make(as_words([0] * 9))
    query = (1 << 32) - 1
    assert len(index.search(as_words([query]))) == 0
    assert pairs(index.search(as_words([query >> 1]))) == [(0, row, 31) for row in range(9)]


@pytest.mark.parametrize("make", INDEXES)
def test_an_empty_list_and_no_queries_give_no_matches(make: Make) -> None:
    nothing = np.empty((0, 4), np.uint64)
    one = as_words([5])
    for hashes, queries in ((nothing, nothing), (nothing, one), (one, nothing)):
        index = make(hashes)
        assert len(index) == len(hashes)
        assert pairs(index.search(queries)) == []
    assert pairs(make(one).search(one)) == [(0, 0, 0)]


def test_the_scan_looks_beyond_its_first_block() -> None:
    hashes = np.full((BLOCK_ROWS + 2, 4), np.uint64(2**64 - 1))
    hashes[[0, BLOCK_ROWS - 1, BLOCK_ROWS, BLOCK_ROWS + 1]] = 0
    found = Scan(hashes).search(np.zeros((1, 4), np.uint64)).entry_numbers
    assert found.tolist() == [0, BLOCK_ROWS - 1, BLOCK_ROWS, BLOCK_ROWS + 1]


@pytest.mark.parametrize("make", FAST)
def test_all_agree_on_a_list_of_many_entries(make: Make) -> None:
    rng = np.random.default_rng(3)
    hashes = np.concatenate([uniform(rng, 30_000), clustered(rng, 3_000), skewed(rng, 3_000)])
    queries = np.concatenate([flipped(rng, hashes[::700], 33), skewed(rng, 5)])
    expected = pairs(Scan(hashes).search(queries))
    assert len(expected) > 1000
    assert pairs(make(hashes).search(queries)) == expected


@pytest.mark.parametrize("make", INDEXES)
def test_a_radius_over_31_is_refused_by_name(make: Make) -> None:
    with pytest.raises(RadiusTooLarge):
        make(as_words([5])).search(as_words([5]), 32)


@pytest.mark.parametrize("make", INDEXES)
def test_queries_of_another_shape_are_refused_by_name(make: Make) -> None:
    index = make(as_words([5]))
    others: list[Any] = [np.zeros(4, np.uint64), np.zeros((1, 3), np.uint64)]
    for queries in (*others, np.zeros((1, 4), np.int64)):
        with pytest.raises(BadQueries):
            index.search(queries)
        with pytest.raises(BadQueries):
            make(queries)
    with pytest.raises(BadQueries):
        index.search(as_words([5]), -1)
    with pytest.raises(BadQueries):
        make(as_words([5]), [1, 2])
    with pytest.raises(BadQueries):
        words([b"short"])


@pytest.mark.parametrize("make", INDEXES)
def test_entry_numbers_may_come_from_anything_and_may_repeat(make: Make) -> None:
    hashes = as_words([9, 9, 2**250 - 1, 9])
    numbers: Iterable[int] = (number for number in (7, 3, 1, 7))
    assert pairs(make(hashes, numbers).search(as_words([8]))) == [(0, 3, 1), (0, 7, 1), (0, 7, 1)]


@given(st.lists(st.binary(min_size=32, max_size=32), max_size=5))
def test_words_put_the_most_significant_word_first(hashes: list[bytes]) -> None:
    assert [as_number(row) for row in words(hashes)] == [int.from_bytes(pdq) for pdq in hashes]
    assert words(hashes).shape == (len(hashes), 4)


@pytest.mark.parametrize("make", INDEXES)
def test_an_index_never_prints_a_hash(make: Make) -> None:
    hashes = as_words([0xABCDEF << 200])
    assert "abcdef" not in repr(make(hashes)).lower().replace("0x", "")
    assert str(int(hashes[0][0])) not in repr(make(hashes))


@pytest.mark.parametrize("make", FAST)
@pytest.mark.parametrize("matches", [63, 64, 65, 66, 67, 68, 69])
def test_matches_that_just_fill_the_room_are_all_found(make: Make, matches: int) -> None:
    """Room for 64 of a query alone, and for 2 more for each that is asked with others."""
    index = make(as_words([1 << bit for bit in range(matches)]))
    alone = [(number, 1) for number in range(matches)]
    assert pairs(index.search(as_words([0]))) == [(0, *each) for each in alone]
    together = pairs(index.search(as_words([0, 0])))
    assert together == [(row, *each) for row in (0, 1) for each in alone]
