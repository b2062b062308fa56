"""All matches are gathered, however little room there is at first."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softfall.compiled.native import Pinned
from softfall.lists.index import gathering
from softfall.lists.index.gathering import NEEDED, NEXT, gathered
from tests.lists.index.hashes import as_words


class Counted:
    """A kernel that finds a given number of matches for each query, and keeps to its room."""

    def __init__(self, matches: list[int]) -> None:
        self.matches = matches
        self.calls = 0

    def __call__(
        self, index: Any, queries: Any, first: int, last: int, radius_bits: int,
        scratch: Any, out: Any, capacity: int,
    ) -> int:  # fmt: skip
        self.calls += 1
        told, room = gathering._WORKSPACE.scratch, out if isinstance(out, np.ndarray) else None
        room = gathering._WORKSPACE.out if room is None else room
        assert room.shape == (3, capacity)
        count = 0
        for row in range(first, last):
            if count + self.matches[row] > capacity:
                told[NEXT], told[NEEDED] = row, self.matches[row]
                return count
            for entry in range(self.matches[row]):
                room[:, count] = row, entry, row + entry
                count += 1
        told[NEXT] = last
        return count


@given(st.lists(st.integers(0, 3) | st.sampled_from([63, 64, 65, 66, 200, 1000]), max_size=12))
@settings(deadline=None, max_examples=60)
def test_every_match_of_every_query_comes_out_once_and_in_order(matches: list[int]) -> None:
    kernel = Counted(matches)
    index = Pinned(np.zeros(1, np.int64))
    found = gathered(kernel, index, as_words([0] * len(matches)), 31)
    expected = [
        (row, entry, row + entry) for row, count in enumerate(matches) for entry in range(count)
    ]
    assert list(map(tuple, found.T.tolist())) == expected
    assert kernel.calls <= 1 + sum(count > 2 for count in matches)


@pytest.mark.parametrize(("count", "calls"), [(0, 1), (64, 1), (65, 2), (100_000, 2)])
def test_a_single_query_is_asked_for_once_more_at_most(count: int, calls: int) -> None:
    kernel = Counted([count])
    found = gathered(kernel, Pinned(np.zeros(1, np.int64)), as_words([0]), 31)
    assert found.shape == (3, count)
    assert kernel.calls == calls


def test_what_was_gathered_is_not_written_over_by_the_next_search() -> None:
    index = Pinned(np.zeros(1, np.int64))
    first = gathered(Counted([3]), index, as_words([0]), 31)
    kept = first.copy()
    gathered(Counted([5]), index, as_words([0]), 31)
    assert (first == kept).all()
