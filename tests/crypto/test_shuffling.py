"""A fresh order: exact, uniform, and seen by one party only."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softfall.crypto import shuffling
from softfall.crypto.columns import U16Array
from softfall.crypto.comparing import MODULUS, masked
from softfall.crypto.shuffling import ABSENT, Hiding, Shuffling, draws_of


def draws(count: int, source: np.random.Generator) -> shuffling.U32Array:
    return source.integers(0, 2**32, count, np.uint32)


def residues(count: int, source: np.random.Generator) -> U16Array:
    return source.integers(0, MODULUS, count).astype(np.uint16)


def dealt(capacity: int, source: np.random.Generator) -> tuple[Shuffling, Hiding]:
    order = shuffling.permutation(draws(draws_of(capacity), source), capacity)
    half = Shuffling(order, residues(capacity, source))
    taken_off = residues(capacity, source)
    return half, Hiding(shuffling.completing(half, taken_off), taken_off)


@settings(max_examples=60, deadline=None)
@given(rows=st.integers(0, 60), spare=st.integers(0, 20), seed=st.integers(0, 2**32))
def test_the_keyholder_gets_the_very_distances_in_the_providers_order(
    rows: int, spare: int, seed: int
) -> None:
    source = np.random.default_rng(seed)
    provider, keyholder = dealt(max(1, rows + spare), source)
    distances, masks = residues(rows, source), residues(rows, source)
    sent = shuffling.hidden(masked(distances, masks), keyholder)
    back = shuffling.shuffled(sent, masks, provider)
    assert np.array_equal(back, shuffling.shuffled_plain(sent, masks, provider))
    whole = np.full(max(1, rows + spare), ABSENT, np.uint16)
    whole[:rows] = distances
    assert np.array_equal(shuffling.distances(back, keyholder), whole[provider.order])


@settings(max_examples=60, deadline=None)
@given(
    capacity=st.integers(1, 80),
    seed=st.integers(0, 2**32),
    rejected=st.lists(st.integers(0, 79), max_size=4),
)
def test_an_order_has_each_row_once_and_is_the_plain_one(
    capacity: int, seed: int, rejected: list[int]
) -> None:
    """Zero is drawn again wherever the number of places is no power of two."""
    numbers = draws(draws_of(capacity), np.random.default_rng(seed))
    numbers[[each for each in rejected if each < len(numbers)]] = 0
    order = shuffling.permutation(numbers, capacity)
    assert np.array_equal(np.sort(order), np.arange(capacity))
    assert np.array_equal(order, shuffling.permutation_plain(numbers, capacity))


def test_nothing_but_rejected_draws_ends_and_still_gives_an_order() -> None:
    order = shuffling.permutation(np.zeros(draws_of(3000), np.uint32), 3000)
    assert np.array_equal(np.sort(order), np.arange(3000))


def test_all_orders_of_four_rows_are_equally_likely() -> None:
    source = np.random.default_rng(3)
    runs = 24_000
    counts = dict.fromkeys(itertools.permutations(range(4)), 0)
    for _ in range(runs):
        counts[tuple(shuffling.permutation(draws(draws_of(4), source), 4).tolist())] += 1
    expected = runs / 24
    statistic = sum((count - expected) ** 2 / expected for count in counts.values())
    assert statistic < 23 + 10 * (2 * 23) ** 0.5


@pytest.mark.parametrize("row", [0, 17, 46])
def test_each_row_comes_to_each_place_equally_often(row: int) -> None:
    source = np.random.default_rng(row)
    runs, capacity = 9400, 47
    orders = (
        shuffling.permutation(draws(draws_of(capacity), source), capacity) for _ in range(runs)
    )
    places = [int(np.flatnonzero(order == row)[0]) for order in orders]
    counts = np.bincount(places, minlength=capacity)
    statistic = float(((counts - runs / capacity) ** 2 / (runs / capacity)).sum())
    assert statistic < 46 + 10 * (2 * 46) ** 0.5


def seen_by_provider(distances: U16Array, masks: U16Array, rounds: int) -> U16Array:
    """What the provider receives, less its own mask, over fresh material: (rounds, rows)."""
    source = np.random.default_rng(9)
    received = []
    for _ in range(rounds):
        _, keyholder = dealt(len(distances), source)
        sent = shuffling.hidden(masked(distances, masks), keyholder)
        received.append((sent - masks) % np.uint16(MODULUS))
    return np.stack(received)


def test_what_the_provider_receives_is_uniform_whatever_the_distances() -> None:
    rows, rounds = 64, 640
    masks = residues(rows, np.random.default_rng(8))
    for distance in (0, 200):
        seen = seen_by_provider(np.full(rows, distance, np.uint16), masks, rounds)
        counts = np.bincount(seen.ravel(), minlength=MODULUS)
        expected = rows * rounds / MODULUS
        assert float(((counts - expected) ** 2 / expected).sum()) < 511 + 10 * 1022**0.5


@pytest.mark.parametrize("size", [9, 11])
def test_a_message_of_another_capacity_is_refused(size: int) -> None:
    provider, _ = dealt(10, np.random.default_rng(4))
    with pytest.raises(ValueError, match="a capacity of 10"):
        shuffling.shuffled(np.zeros(size, np.uint16), np.zeros(3, np.uint16), provider)
