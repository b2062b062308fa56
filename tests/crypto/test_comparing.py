"""Thresholds of shared distances: exact for all of them, and nothing to be seen by either party."""

from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softfall.crypto import comparing
from softfall.crypto.columns import U16Array, U64Array, bits_of, words_of
from softfall.crypto.comparing import MODULUS, PART_ROWS, Tables, Triple


class Dealt(NamedTuple):
    """Both parties' halves, drawn here: masks, tables, triples."""

    masks: tuple[U16Array, U16Array]
    tables: tuple[Tables, Tables]
    triples: tuple[Triple, Triple]


def dealt(whole: U16Array, source: np.random.Generator) -> Dealt:
    """Halves whose masks add up to `whole`, a number a row."""
    rows = len(whole)
    one = source.integers(0, MODULUS, rows).astype(np.uint16)
    other = (whole - one) % np.uint16(MODULUS)
    tables = Tables(
        source.integers(0, 2**32, rows, np.uint32), source.integers(0, 2**16, rows, np.uint16)
    )
    planes = [source.integers(0, 2**64, words_of(rows), np.uint64) for _ in range(5)]
    first, left, right = Triple(*planes[:3]), planes[3], planes[4]
    completed, product = comparing.complete(one, other, tables, first, Triple(left, right, left))
    return Dealt((one, other), (tables, completed), (first, Triple(left, right, product)))


def in_parts(tables: Tables, rows: int) -> list[Tables]:
    return [
        Tables(tables.below[start:stop], tables.equal[start:stop])
        for start, stop in comparing.parts(rows)
    ]


def compared(distances: U16Array, given: Dealt) -> U64Array:
    """The whole comparison: the XOR of both parties' shares of the result."""
    opened = comparing.masked(comparing.masked(distances, given.masks[0]), given.masks[1])
    rows = len(distances)
    found = [comparing.look_up(opened, in_parts(tables, rows)) for tables in given.tables]
    told = [comparing.opening(*each) for each in zip(found, given.triples, strict=True)]
    one = comparing.result(found[0], given.triples[0], told[0], told[1], first=True)
    other = comparing.result(found[1], given.triples[1], told[1], told[0], first=False)
    return one ^ other


def test_it_is_exact_for_each_distance_under_each_mask() -> None:
    """512 distances, 0 to 511, under each of 512 sums of masks: 262,144 rows, several parts."""
    distances, whole = (each.astype(np.uint16).ravel() for each in np.indices((MODULUS, MODULUS)))
    assert len(distances) > 2 * PART_ROWS
    bits = bits_of(compared(distances, dealt(whole, np.random.default_rng(1))), len(distances))
    assert np.array_equal(bits, distances <= 31)


@settings(max_examples=60, deadline=None)
@given(
    distances=st.lists(st.sampled_from([0, 1, 30, 31, 32, 33, 62, 255, 256, 511]), max_size=150),
    seed=st.integers(0, 2**32),
)
def test_the_shares_of_any_number_of_rows_are_shares_of_the_bits(
    distances: list[int], seed: int
) -> None:
    source = np.random.default_rng(seed)
    rows = np.array(distances, np.uint16)
    whole = source.integers(0, MODULUS, len(rows)).astype(np.uint16)
    result = compared(rows, dealt(whole, source))
    assert np.array_equal(result, comparing.within(rows))  # unused bits are shares of zero


@settings(max_examples=40, deadline=None)
@given(rows=st.integers(0, 200), seed=st.integers(0, 2**32))
def test_the_kernels_agree_with_plain_numpy(rows: int, seed: int) -> None:
    source = np.random.default_rng(seed)
    given = dealt(source.integers(0, MODULUS, rows).astype(np.uint16), source)
    opened = source.integers(0, MODULUS, rows).astype(np.uint16)
    for tables in given.tables:
        kernel = comparing.look_up(opened, in_parts(tables, rows))
        for mine, plain in zip(kernel, comparing.looked_up_plain(opened, tables), strict=True):
            assert np.array_equal(mine, plain)
    completed = comparing.completed_plain(*given.masks, given.tables[0])
    assert np.array_equal(given.tables[1].below, completed.below)
    assert np.array_equal(given.tables[1].equal, completed.equal)


@pytest.mark.parametrize("rows", [9, 11])
def test_tables_of_more_or_fewer_rows_are_refused(rows: int) -> None:
    given = dealt(np.zeros(rows, np.uint16), np.random.default_rng(2))
    with pytest.raises(ValueError, match=f"tables of {rows} rows, for 10"):
        comparing.look_up(np.zeros(10, np.uint16), in_parts(given.tables[0], rows))
