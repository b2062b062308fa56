import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from softfall.compare.statistics import Share, upper_bound


@given(st.integers(1, 2000), st.data())
def test_at_the_bound_so_few_would_be_seen_one_time_in_twenty(total: int, data: st.DataObject):
    count = data.draw(st.integers(0, total - 1))
    bound = upper_bound(Share(count, total))
    assert binom.cdf(count, total, bound) == pytest.approx(0.05, rel=1e-6)


def test_none_of_a_hundred_is_under_three_per_cent():
    assert upper_bound(Share(0, 100)) == pytest.approx(1 - 0.05 ** (1 / 100))


def test_nothing_drawn_tells_nothing():
    assert upper_bound(Share(0, 0)) == 1.0
    assert Share(0, 0).value is None


def test_all_of_all_bounds_nothing():
    assert upper_bound(Share(5, 5)) == 1.0


def test_a_share_reads_as_people_say_it():
    assert str(Share(3, 8)) == "3 of 8"
