"""Prepared lists and products: kernels, plain numpy and the schoolbook agree."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softfall.crypto.lattice.parameters import COLUMNS, PREPARED_WORDS, SLOTS, Q
from softfall.crypto.lattice.prepared import (
    prepare,
    prepare_into,
    prepare_plain,
    products,
    products_plain,
)
from softfall.crypto.lattice.query import packed, read_query
from softfall.crypto.lattice.transform import from_slots
from tests.crypto.lattice import schoolbook


def random_rows(seed: int, blocks: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (blocks, SLOTS, 32), np.uint8)


def random_queries(seed: int, count: int) -> np.ndarray:
    numbers = np.random.default_rng(seed).integers(0, Q, (count, SLOTS * COLUMNS), np.int64)
    made = [read_query(packed(each)) for each in numbers]
    return np.stack(made) if made else np.empty((0, SLOTS, COLUMNS), np.uint32)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), blocks=st.sampled_from([0, 1, 2, 5, 33]))
def test_preparing_by_the_kernel_and_by_plain_numpy_agree(seed: int, blocks: int) -> None:
    rows = random_rows(seed, blocks)
    made = prepare(rows)
    assert made.shape == (SLOTS, blocks, PREPARED_WORDS)
    assert np.array_equal(made, prepare_plain(rows))


@settings(max_examples=14, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    blocks=st.sampled_from([0, 1, 2, 7, 33]),
    count=st.integers(1, 9),
    threads=st.integers(1, 3),
)
def test_products_by_the_kernel_and_by_plain_numpy_agree(
    seed: int, blocks: int, count: int, threads: int
) -> None:
    prepared, queries = prepare(random_rows(seed, blocks)), random_queries(seed, count)
    made = products(prepared, queries, threads)
    assert made.shape == (count, blocks, SLOTS)
    assert np.array_equal(made, products_plain(prepared, queries))


@pytest.mark.parametrize("value", [0, 1, Q - 1, Q // 2, Q // 2 + 1])
def test_extreme_numbers_do_not_overflow(value: int) -> None:
    """Each query number at its greatest residues, each row all ones or all zeros."""
    rows = np.zeros((3, SLOTS, 32), np.uint8)
    rows[1] = 255
    rows[2, ::2] = 255
    query = read_query(packed(np.full(SLOTS * COLUMNS, value, np.int64)))[None]
    prepared = prepare(rows)
    assert np.array_equal(products(prepared, query), products_plain(prepared, query))


def test_the_greatest_sum_that_residues_can_have_is_reduced_right() -> None:
    """No list prepares to this: every residue at its greatest, every query's at either end."""
    prepared = np.full((SLOTS, 2, PREPARED_WORDS), 0, np.uint32)
    octets = prepared.view(np.uint8)
    octets[:, :, :256], octets[:, :, 256:512] = 3328 & 255, 3456 & 255
    octets[:, :, 512:] = 3328 >> 8 | 3456 >> 8 << 4
    for low in (False, True):
        ends = (-1664, -1728) if low else (1664, 1728)
        query = np.empty((1, SLOTS, 2, COLUMNS), np.int16)
        query[:, :, 0], query[:, :, 1] = ends
        asked = query.view(np.uint32).reshape(1, SLOTS, COLUMNS)
        for each in (asked, np.repeat(asked, 4, axis=0)):
            assert np.array_equal(products(prepared, each), products_plain(prepared, each))


@pytest.mark.parametrize("blocks", [127, 128, 129, 131, 300, 600])
def test_tiles_and_threads_meet_without_a_gap(blocks: int) -> None:
    prepared, queries = prepare(random_rows(blocks, blocks)), random_queries(blocks, 4)
    expected = products(prepared, queries, threads=1)
    assert np.array_equal(products(prepared, queries, threads=3), expected)
    assert np.array_equal(products(prepared, queries[1:2]), expected[1:2])
    last = np.ascontiguousarray(prepared[:, -2:])
    assert np.array_equal(products_plain(last, queries), expected[:, -2:])


def test_a_product_is_what_the_large_ring_gives() -> None:
    rows, queries = random_rows(4, 1), random_queries(4, 1)
    parts = queries.view(np.int16).reshape(SLOTS, 2, COLUMNS).astype(np.int64)
    coefficients = from_slots([parts[:, 0], parts[:, 1]])  # row r, column 16 i + f
    elements = [
        coefficients[:, 16 * element : 16 * element + 16].reshape(-1).astype(object)
        for element in range(16)
    ]
    expected = schoolbook.product(np.unpackbits(rows[0], axis=1), elements)
    assert products(prepare(rows), queries)[0, 0].tolist() == expected


def test_a_mapped_file_serves_as_well(tmp_path: object) -> None:
    rows, queries = random_rows(8, 70), random_queries(8, 2)
    place = f"{tmp_path}/prepared"
    mapped = np.memmap(place, np.uint32, "w+", shape=(SLOTS, 70, PREPARED_WORDS))
    prepare_into(mapped, rows)
    mapped.flush()
    read = np.memmap(place, np.uint32, "r", shape=(SLOTS, 70, PREPARED_WORDS))
    assert np.array_equal(products(read, queries), products(prepare(rows), queries))


def test_nobody_asking_gets_nothing() -> None:
    assert products(prepare(random_rows(1, 2)), random_queries(1, 0)).shape == (0, 2, SLOTS)
