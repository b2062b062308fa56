"""The rule: whatever lies within the radius, some table must yield it."""

from math import comb
from operator import mul
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softfall.lists.index import ring
from softfall.lists.index.pieces import MOST_SHARE, PIECE_BITS, PIECES, keys, shares, yields
from tests.lists.index.hashes import as_words, flipped, uniform

PAGE = Path(__file__).parents[3] / "docs" / "search.md"


@pytest.mark.parametrize("radius_bits", range(32))
def test_the_shares_sum_to_the_radius_and_one_and_no_bucket_is_too_far(radius_bits: int) -> None:
    may = shares(radius_bits)
    assert len(may) == PIECES
    assert may.sum() == radius_bits + 1
    assert may.min() >= 0
    assert may.max() <= MOST_SHARE


@given(st.integers(0, 2**32), st.integers(0, 31))
@settings(max_examples=60, deadline=None)
def test_some_table_must_yield_whatever_lies_within_the_radius(seed: int, radius_bits: int) -> None:
    rng = np.random.default_rng(seed)
    query = uniform(rng, 1)
    near = flipped(rng, query.repeat(400, axis=0), radius_bits)
    assert yields(query[0], near, radius_bits).any(axis=1).all()


@given(st.lists(st.integers(0, 4), min_size=PIECES, max_size=PIECES))
@settings(max_examples=300)
def test_however_the_bits_are_spread_over_the_pieces(differing: list[int]) -> None:
    """Bits that crowd into pieces are what random flips don't try."""
    number = 0
    for count in differing:
        number = number << 16 | ((1 << count) - 1)
    total = sum(differing)
    if total <= 31:
        assert yields(as_words([0])[0], as_words([number]), total).any()


def test_a_share_less_would_lose_matches() -> None:
    """The rule is tight: with one bit in one piece less, a pair within the radius escapes."""
    may = shares(31)
    may[5] -= 1
    differing = may.copy()  # no piece is below its share, and the distance is 31
    assert differing.sum() == 31
    assert not (differing < may).any()


def test_the_page_and_the_module_say_how_much_of_random_hashes_a_search_visits_and_fetches() -> (
    None
):
    values = [comb(PIECE_BITS, bits) for bits in range(PIECE_BITS + 1)]
    (may,) = set(shares(31).tolist())
    next_to = [sum(values[: 2 * may - bits]) for bits in range(may)]
    visited = PIECES * sum(values[:may]) / 2**PIECE_BITS
    passes = sum(map(mul, values, next_to)) / sum(values[:may]) / 2**PIECE_BITS
    page = " ".join(PAGE.read_text("utf-8").split())
    assert f"one entry in {round(1 / visited, -1):.0f} of the list" in page
    assert f"one in {round(1 / passes, -1):.0f} of what is visited" in page
    assert f"about one in {round(1 / visited / passes, -3):,.0f} of the list" in page
    module = " ".join(str(ring.__doc__).split())
    assert f"one in {round(1 / passes, -1):.0f} of what is visited" in module


def test_a_piece_is_sixteen_bits_the_most_significant_first() -> None:
    number = sum((piece + 1) << (240 - 16 * piece) for piece in range(PIECES))
    assert keys(as_words([number])).tolist() == [[*range(1, PIECES + 1)]]
    assert keys(np.empty((0, 4), np.uint64)).shape == (0, PIECES)
