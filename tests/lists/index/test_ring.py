"""What a ring index is made of, and that it is refused where it is not whole."""

import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softfall.compiled.native import Native
from softfall.lists.index.gathering import NEXT, SCRATCH
from softfall.lists.index.pieces import keys, yields
from softfall.lists.index.ring import NoIndex, RingIndex
from softfall.lists.index.ring_kernel import COMPARED, FETCHED, PASSES
from softfall.lists.index.ring_parts import parts, plain_parts
from softfall.lists.index.scan import Scan
from tests.lists.index.hashes import (
    KINDS,
    Kind,
    alike_in_pieces,
    as_words,
    flipped,
    pairs,
    repeated,
    uniform,
)

Array = np.ndarray[Any, Any]


@pytest.mark.parametrize("kind", KINDS)
@given(seed=st.integers(0, 2**32), entries=st.integers(0, 300))
@settings(max_examples=10, deadline=None)
def test_its_parts_are_those_that_plain_numpy_makes(kind: Kind, seed: int, entries: int) -> None:
    rng = np.random.default_rng(seed)
    hashes, numbers = kind(rng, entries), rng.permutation(entries)
    made, expected = parts(hashes, numbers), plain_parts(hashes, numbers)
    assert made.keys() == expected.keys()
    for name, array in made.items():
        assert array.dtype == expected[name].dtype, name
        assert np.array_equal(array, expected[name]), name


@pytest.mark.parametrize("kind", [uniform, repeated])
def test_an_index_put_together_from_read_only_arrays_finds_the_same(kind: Kind) -> None:
    rng = np.random.default_rng(1)
    hashes = kind(rng, 400)
    index = RingIndex.build(hashes)
    stored = {name: array.copy() for name, array in index.arrays.items()}
    for array in stored.values():
        array.setflags(write=False)
    again = RingIndex.from_arrays(stored)
    queries = flipped(rng, hashes[:50], 33)
    assert len(again) == 400
    assert pairs(again.search(queries)) == pairs(index.search(queries))


def test_hashes_that_are_the_same_take_room_once() -> None:
    index = RingIndex.build(as_words([7] * 5000 + [9]))
    assert len(index) == 5001
    assert len(index.arrays["hashes"]) == 2
    found = pairs(index.search(as_words([7, 8])))
    assert found[:5001] == [*((0, number, 0) for number in range(5000)), (0, 5000, 3)]
    assert len(found) == 10_002


def test_an_index_tells_what_it_was_built_from() -> None:
    rng = np.random.default_rng(2)
    hashes, numbers = repeated(rng, 90), rng.permutation(90)
    told = {(number, *row) for row, number in zip(hashes.tolist(), numbers.tolist(), strict=True)}
    back, back_numbers = RingIndex.build(hashes, numbers).entries()
    assert told == {
        (number, *row) for row, number in zip(back.tolist(), back_numbers.tolist(), strict=True)
    }


def test_more_matches_than_the_search_has_room_for_at_first() -> None:
    rng = np.random.default_rng(3)
    centre = uniform(rng, 1)
    hashes = np.concatenate([flipped(rng, centre.repeat(5000, axis=0), 12), uniform(rng, 100)])
    queries = np.concatenate([hashes[-3:], centre, hashes[-2:], centre])
    expected = pairs(Scan(hashes).search(queries))
    index = RingIndex.build(hashes)
    assert len(expected) > 10_000
    assert pairs(index.search(queries)) == expected
    assert pairs(index.search(centre)) == [(0, *rest) for row, *rest in expected if row == 3]


def test_a_crowd_just_beyond_the_radius_is_passed_over_exactly() -> None:
    """So many candidates that the tables are given up in the middle of a query."""
    rng = np.random.default_rng(4)
    centre = uniform(rng, 1)
    crowd = flipped(rng, centre.repeat(60_000, axis=0), 52)
    queries = np.concatenate([centre, uniform(rng, 1), flipped(rng, centre, 3)])
    expected = pairs(Scan(crowd).search(queries))
    assert 1000 < len(expected) < 100_000
    assert pairs(RingIndex.build(crowd).search(queries)) == expected


def work(index: RingIndex, queries: Array) -> dict[str, int]:
    """What the kernel says that it did."""
    scratch, out = np.zeros(SCRATCH, np.int64), np.zeros((3, 200_000), np.int64)
    find = Native("softfall.lists.index.ring_kernel", "find")
    find(index._index, queries, 0, len(queries), 31, scratch, out, out.shape[1])
    assert scratch[NEXT] == len(queries)
    places = {"compared": COMPARED, "fetched": FETCHED, "passes": PASSES}
    return {name: int(scratch[place]) for name, place in places.items()}


def test_a_search_compares_what_lies_in_its_buckets_and_fetches_what_is_near() -> None:
    rng = np.random.default_rng(6)
    hashes, queries = uniform(rng, 30_000), uniform(rng, 20)
    pieces, asked = keys(hashes), keys(queries)
    alone = np.bitwise_count(pieces[None] ^ asked[:, None]).astype(np.int64)
    near = sum(int(yields(query, hashes, 31).sum()) for query in queries)
    done = work(RingIndex.build(hashes), queries)
    assert near > 0
    assert done == {"compared": int((alone <= 1).sum()), "fetched": near, "passes": 0}


def test_a_query_among_a_crowd_fetches_no_more_than_a_fraction_of_it_before_the_pass() -> None:
    """Whatever the list, a search does little more than the plain pass would."""
    rng = np.random.default_rng(4)
    crowd = flipped(rng, uniform(rng, 1).repeat(60_000, axis=0), 52)
    queries = flipped(rng, crowd[:1].repeat(5, axis=0), 3)
    tabled = sum(int(yields(query, crowd, 31).sum()) for query in queries)
    assert tabled > len(queries) * len(crowd) // 4  # so many would be fetched without the bound
    done = work(RingIndex.build(crowd), queries)
    assert done["passes"] == len(queries)
    assert 0 < done["fetched"] <= len(queries) * len(crowd) // 20


def test_where_the_buckets_hold_more_than_the_bound_nothing_of_them_is_compared() -> None:
    rng = np.random.default_rng(7)
    alike = alike_in_pieces(rng, 20_000)
    done = work(RingIndex.build(alike), alike[:5])
    assert done == {"compared": 0, "fetched": 0, "passes": 5}


def test_threads_search_one_index_at_once() -> None:
    rng = np.random.default_rng(5)
    hashes = np.concatenate([repeated(rng, 300), uniform(rng, 30_000)])
    index, queries = RingIndex.build(hashes), flipped(rng, hashes[:3000], 31)
    expected = pairs(index.search(queries))
    found: list[object] = []

    def look() -> None:
        found.extend([pairs(index.search(queries)) == expected for _ in range(3)])

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 12


@pytest.mark.parametrize(
    ("name", "spoilt"),
    [
        ("hashes", lambda array: array[:, :3]),
        ("hashes", lambda array: array[::2]),
        ("hashes", lambda array: array.astype(np.int64)),
        ("starts", lambda array: array + np.uint32(1)),
        ("starts", lambda array: np.ascontiguousarray(array[:, ::-1])),
        ("signatures", lambda array: array[:, :-1]),
        ("rows", lambda array: array[:-1]),
        ("order", np.zeros_like),
        ("numbers", lambda array: array[:-1]),
        ("numbers_at", lambda array: array[:-1]),
        ("numbers_at", lambda array: array + np.uint32(1)),
    ],
)
def test_arrays_that_are_no_index_are_refused_by_name(
    name: str, spoilt: Callable[[Array], Array]
) -> None:
    arrays = dict(RingIndex.build(as_words([1, 2, 3, 3])).arrays)
    assert len(RingIndex.from_arrays(arrays)) == 4
    with pytest.raises(NoIndex):
        RingIndex.from_arrays({**arrays, name: spoilt(arrays[name])})
    del arrays[name]
    with pytest.raises(NoIndex, match=f"{name} is missing"):
        RingIndex.from_arrays(arrays)


def test_a_search_loads_no_compiler_once_its_kernels_are_kept() -> None:
    program = (
        "import sys; import numpy as np; from softfall.lists.index.ring import RingIndex;"
        "i = RingIndex.build(np.zeros((9, 4), np.uint64)); i.search(np.zeros((1, 4), np.uint64));"
        "assert 'numba' not in sys.modules"
    )
    RingIndex.build(as_words([1])).search(as_words([1]))  # now they are
    subprocess.run([sys.executable, "-c", program], check=True)
