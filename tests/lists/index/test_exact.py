"""Every index finds exactly what the plain scan finds; the scan, what counting bits finds."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softfall.lists.index.choose import SCAN_UP_TO_ENTRIES, SCAN_UP_TO_QUERIES, build_index
from softfall.lists.index.hamming import BadQueries, Matches, RadiusTooLarge, U64Array, words
from softfall.lists.index.multi_index import MultiIndex
from softfall.lists.index.pieces import Piece, choose, cut, flips, is_exact, keys
from softfall.lists.index.scan import BLOCK_ROWS, Scan

INDEXES = [Scan, MultiIndex]


def pairs(matches: Matches) -> list[tuple[int, int, int]]:
    return list(
        zip(
            matches.query_rows.tolist(),
            matches.entry_numbers.tolist(),
            matches.distances_bits.tolist(),
            strict=True,
        )
    )


def as_number(row: U64Array) -> int:
    return sum(int(word) << (64 * (3 - place)) for place, word in enumerate(row))


def as_words(numbers: list[int]) -> U64Array:
    return words([number.to_bytes(32) for number in numbers])


def random_hashes(rng: np.random.Generator, count: int) -> U64Array:
    return rng.integers(0, 2**64, (count, 4), dtype=np.uint64)


def flip_bits(rng: np.random.Generator, hashes: U64Array, most: int) -> U64Array:
    """Each hash with 0 to `most` of its bits flipped."""
    flipped = [
        as_number(row)
        ^ sum(1 << int(bit) for bit in rng.choice(256, rng.integers(0, most + 1), replace=False))
        for row in hashes
    ]
    return as_words(flipped)


def uniform(rng: np.random.Generator, count: int) -> U64Array:
    return random_hashes(rng, count)


def clustered(rng: np.random.Generator, count: int) -> U64Array:
    centres = random_hashes(rng, 3)
    return flip_bits(rng, centres[rng.integers(0, 3, count)], 40)


def skewed(rng: np.random.Generator, count: int) -> U64Array:
    """Most bits are the same everywhere: a few buckets hold nearly everything."""
    return random_hashes(rng, count) & np.uint64(0x8001000000010001)


def repeated(rng: np.random.Generator, count: int) -> U64Array:
    return random_hashes(rng, 2)[rng.integers(0, 2, count)]


KINDS = [uniform, clustered, skewed, repeated]


@pytest.mark.parametrize("kind", KINDS)
@given(
    seed=st.integers(0, 2**32),
    entries=st.integers(0, 120),
    radius_bits=st.sampled_from([0, 1, 2, 15, 30, 31]),
    count=st.sampled_from([None, 15, 16, 19, 20, 24]),
)
@settings(max_examples=25, deadline=None)
def test_the_multi_index_finds_what_the_scan_finds(
    kind: object, seed: int, entries: int, radius_bits: int, count: int | None
) -> None:
    rng = np.random.default_rng(seed)
    hashes = kind(rng, entries)  # type: ignore[operator]
    queries = np.concatenate([flip_bits(rng, hashes[:20], 34), random_hashes(rng, 2)])
    numbers = rng.permutation(10 * entries + 1)[:entries]
    index = MultiIndex(hashes, numbers, cut(count) if count else None)
    expected = pairs(Scan(hashes, numbers).search(queries, radius_bits))
    assert pairs(index.search(queries, radius_bits)) == expected


@given(st.integers(0, 2**32), st.integers(0, 12), st.integers(0, 5), st.integers(0, 31))
@settings(max_examples=25, deadline=None)
def test_the_scan_finds_what_counting_bits_finds(
    seed: int, entries: int, asked: int, radius_bits: int
) -> None:
    rng = np.random.default_rng(seed)
    hashes = clustered(rng, entries)
    queries = flip_bits(rng, random_hashes(rng, 1).repeat(asked, axis=0), 31)
    queries[: min(asked, entries)] = flip_bits(rng, hashes[:asked], 40)
    expected = [
        (row, number, bits)
        for row, query in enumerate(queries)
        for number, entry in enumerate(hashes)
        if (bits := (as_number(query) ^ as_number(entry)).bit_count()) <= radius_bits
    ]
    assert pairs(Scan(hashes).search(queries, radius_bits)) == expected


@pytest.mark.parametrize("count", [12, 16, 19, 24])
def test_a_match_that_only_one_piece_can_find_is_found(count: int) -> None:
    """The worst case: 31 bits differ, so spread that every piece but one is over its radius."""
    pieces = cut(count)
    entry = as_number(random_hashes(np.random.default_rng(7), 1)[0])
    for finder in pieces:
        spread = [
            bit
            for piece in pieces
            for bit in piece.bits[: piece.radius_bits + (0 if piece is finder else 1)]
        ]
        assert len(spread) == 31
        query = entry ^ sum(1 << (255 - bit) for bit in spread)
        index = MultiIndex(as_words([entry]), pieces=pieces)
        assert pairs(index.search(as_words([query]))) == [(0, 0, 31)]


def test_thirty_two_bits_are_no_match() -> None:
    entry, query = 0, (1 << 32) - 1
    for kind in INDEXES:
        index = kind(as_words([entry]))
        assert len(index.search(as_words([query]))) == 0
        assert pairs(index.search(as_words([query >> 1]))) == [(0, 0, 31)]


@pytest.mark.parametrize("kind", INDEXES)
def test_an_empty_list_and_no_queries_give_no_matches(kind: type[Scan] | type[MultiIndex]) -> None:
    nothing = np.empty((0, 4), np.uint64)
    one = as_words([5])
    for hashes, queries in ((nothing, nothing), (nothing, one), (one, nothing)):
        index = kind(hashes)
        assert len(index) == len(hashes)
        assert pairs(index.search(queries)) == []
    assert pairs(kind(one).search(one)) == [(0, 0, 0)]


def test_more_matches_than_the_kernels_first_buffer() -> None:
    hashes = as_words([3] * 3000)
    found = pairs(MultiIndex(hashes).search(as_words([3, 7])))
    assert found == [(row, number, row) for row in (0, 1) for number in range(3000)]


def test_the_scan_looks_beyond_its_first_block() -> None:
    hashes = np.full((BLOCK_ROWS + 2, 4), np.uint64(2**64 - 1))
    hashes[[0, BLOCK_ROWS - 1, BLOCK_ROWS, BLOCK_ROWS + 1]] = 0
    found = Scan(hashes).search(np.zeros((1, 4), np.uint64)).entry_numbers
    assert found.tolist() == [0, BLOCK_ROWS - 1, BLOCK_ROWS, BLOCK_ROWS + 1]


def test_both_agree_on_a_list_of_many_entries() -> None:
    rng = np.random.default_rng(3)
    hashes = np.concatenate([uniform(rng, 30_000), clustered(rng, 3_000), skewed(rng, 3_000)])
    queries = np.concatenate([flip_bits(rng, hashes[::700], 33), skewed(rng, 5)])
    expected = pairs(Scan(hashes).search(queries))
    assert len(expected) > 1000
    assert pairs(MultiIndex(hashes).search(queries)) == expected


@pytest.mark.parametrize("kind", INDEXES)
def test_a_radius_over_31_is_refused_by_name(kind: type[Scan] | type[MultiIndex]) -> None:
    with pytest.raises(RadiusTooLarge):
        kind(as_words([5])).search(as_words([5]), 32)


@pytest.mark.parametrize("kind", INDEXES)
def test_queries_of_another_shape_are_refused_by_name(
    kind: type[Scan] | type[MultiIndex],
) -> None:
    index = kind(as_words([5]))
    for queries in (
        np.zeros(4, np.uint64),
        np.zeros((1, 3), np.uint64),
        np.zeros((1, 4), np.int64),
    ):
        with pytest.raises(BadQueries):
            index.search(queries)
        with pytest.raises(BadQueries):
            kind(queries)
    with pytest.raises(BadQueries):
        index.search(as_words([5]), -1)
    with pytest.raises(BadQueries):
        kind(as_words([5]), [1, 2])
    with pytest.raises(BadQueries):
        words([b"short"])


@given(st.lists(st.binary(min_size=32, max_size=32), max_size=5))
def test_words_put_the_most_significant_word_first(hashes: list[bytes]) -> None:
    assert [as_number(row) for row in words(hashes)] == [int.from_bytes(pdq) for pdq in hashes]
    assert words(hashes).shape == (len(hashes), 4)


@pytest.mark.parametrize("entries", [0, 1, 1_000, 100_000, 1_000_000, 100_000_000])
def test_every_cut_that_may_be_chosen_is_exact_and_uses_every_bit(entries: int) -> None:
    pieces = choose(entries)
    assert is_exact(pieces, 31)
    assert sorted(bit for piece in pieces for bit in piece.bits) == list(range(256))


@given(st.integers(1, 64), st.integers(0, 31))
def test_a_cut_is_exact_for_its_radius_and_no_looser_than_need_be(count: int, radius: int) -> None:
    pieces = cut(count, radius)
    assert is_exact(pieces, radius)
    assert not is_exact(pieces, radius + 1)
    if radius and len(pieces) > 1:
        assert not is_exact(pieces[1:], radius)


def test_overlapping_pieces_are_not_exact() -> None:
    assert not is_exact((Piece((0, 1), 15), Piece((1, 2), 15)), 31)


def test_a_piece_reads_its_bits_and_flips_up_to_its_radius() -> None:
    piece = Piece((0, 63, 64, 255), 2)
    hashes = as_words([1 << 255 | 1, 1 << 192, 1 << 191])
    assert keys(hashes, piece).tolist() == [0b1001, 0b0100, 0b0010]
    masks = flips(piece).tolist()
    assert masks[0] == 0
    assert len(masks) == len(set(masks)) == piece.lookups == 11
    assert max(mask.bit_count() for mask in masks) == 2


def test_few_entries_or_few_queries_are_scanned() -> None:
    few = random_hashes(np.random.default_rng(1), 10)
    many = random_hashes(np.random.default_rng(1), SCAN_UP_TO_ENTRIES + 1)
    assert isinstance(build_index(few), Scan)
    assert isinstance(build_index(many, expected_queries=SCAN_UP_TO_QUERIES), Scan)
    assert isinstance(build_index(many), MultiIndex)


def test_no_kernel_is_compiled_before_a_search_needs_it() -> None:
    program = (
        "import sys; from softfall.lists.index.choose import build_index; import numpy as np;"
        "build_index(np.zeros((9000, 4), np.uint64)); assert 'numba' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_an_index_never_prints_a_hash() -> None:
    hashes = as_words([0xABCDEF << 200])
    for kind in INDEXES:
        assert "abcdef" not in repr(kind(hashes)).lower().replace("0x", "")
        assert str(int(hashes[0][0])) not in repr(kind(hashes))
