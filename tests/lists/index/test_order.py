"""Bits may come in any order: distances stay, and the order is chosen for what it saves."""

import numpy as np
import pytest

from softfall.lists.index.order import (
    AS_IT_IS,
    CHOSEN_FROM_HASHES,
    ORDERS,
    back,
    bytes_in_order,
    choose,
    reordered,
    to_compare,
)
from softfall.lists.index.pieces import PIECES, keys
from softfall.lists.index.ring import RingIndex
from softfall.lists.index.scan import Scan
from tests.lists.index.hashes import flipped, pairs, uniform


def alike_in_rows(rng: np.random.Generator, count: int) -> np.ndarray:
    """Every piece is all zeros or all ones, but for a few bits: as pictures of stripes."""
    words = np.zeros((count, 4), np.uint64)
    for piece in range(PIECES):
        bits = np.where(rng.integers(0, 2, count), np.uint64(0xFFFF), np.uint64(0))
        words[:, piece // 4] |= bits << np.uint64(48 - 16 * (piece % 4))
    return flipped(rng, words, 24)


@pytest.mark.parametrize("name", ORDERS)
def test_an_order_takes_every_bit_once_and_can_be_undone(name: str) -> None:
    order = ORDERS[name]
    assert sorted(order) == list(range(256))
    hashes = uniform(np.random.default_rng(1), 40)
    there = reordered(hashes, order)
    assert (reordered(there, back(order)) == hashes).all()
    assert (there == hashes).all() == (name == "rows")


@pytest.mark.parametrize("name", ORDERS)
def test_the_bytes_rows_sum_to_the_reordered_hash(name: str) -> None:
    hashes = uniform(np.random.default_rng(2), 40)
    rows = bytes_in_order(ORDERS[name])
    raw = hashes.astype(">u8").view(np.uint8).reshape(-1, 32)
    joined = np.bitwise_or.reduce(rows[np.arange(32) * 256 + raw], axis=1)
    assert (joined == reordered(hashes, ORDERS[name])).all()


def test_what_is_to_be_compared_is_counted_as_the_tables_would() -> None:
    rng = np.random.default_rng(3)
    hashes = flipped(rng, uniform(rng, 2).repeat(3, axis=0), 9)
    pieces = keys(hashes)
    near = np.bitwise_count(pieces[:, None] ^ pieces[None]) <= 1
    assert to_compare(hashes) == near.sum()


def test_random_hashes_are_left_as_they_are_and_striped_ones_are_not() -> None:
    rng = np.random.default_rng(5)
    assert choose(uniform(rng, CHOSEN_FROM_HASHES)) is AS_IT_IS
    striped = alike_in_rows(rng, CHOSEN_FROM_HASHES)
    chosen = choose(striped)
    assert chosen is not AS_IT_IS
    sample = striped[:4000]
    assert to_compare(reordered(sample, chosen)) < to_compare(sample) / 10
    assert choose(striped[:-1]) is AS_IT_IS  # too few to be worth a choice


def test_an_index_in_another_order_finds_the_same_and_gives_its_hashes_back() -> None:
    rng = np.random.default_rng(6)
    hashes = alike_in_rows(rng, CHOSEN_FROM_HASHES)
    index = RingIndex.build(hashes)
    assert (index.arrays["order"] != AS_IT_IS).any()
    queries = flipped(rng, hashes[:40], 33)
    expected = pairs(Scan(hashes).search(queries))
    assert pairs(index.search(queries)) == expected
    assert len(expected) > 40
    back_again, numbers = index.entries()
    assert (back_again == hashes[numbers]).all()
