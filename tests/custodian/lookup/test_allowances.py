"""What a tool may look up in an hour: counted on disk, for all workers, over restarts."""

import contextlib

import pytest

from softfall.custodian.lookup.allowances import Allowances, ToolLookupsSpent, ToolMatchesSpent
from softfall.custodian.store import open_quota_database
from tests.custodian.keeping import HOUR_MS, Clocks

MINUTE_MS = 60_000


@pytest.fixture
def clocks():
    return Clocks()


@pytest.fixture
def worker(tmp_path, clocks):
    engines = []

    def make(hashes: int = 100, matches: int = 10) -> Allowances:
        engines.append(open_quota_database(tmp_path))
        return Allowances(
            engines[-1], hashes, matches, lambda: clocks.wall_ms, lambda: clocks.steady_ms
        )

    yield make
    for engine in engines:
        engine.dispose()


def used_up(worker: Allowances, tool: str, step: int = 1) -> int:
    """How many hashes it is answered until it is refused."""
    count = 0
    try:
        while True:
            worker.admit(tool, step)
            count += step
    except ToolLookupsSpent:
        return count


def test_a_tool_is_answered_its_hour_and_no_more(worker):
    assert used_up(worker(), "scanner") == 100


def test_one_tools_hour_is_not_anothers(worker):
    one = worker()
    used_up(one, "scanner")
    assert used_up(one, "avatars") == 100


def test_several_workers_together_answer_one_hour(worker):
    crew = [worker() for _ in range(3)]
    answered = 0
    while crew:
        for each in list(crew):
            try:
                each.admit("scanner", 1)
                answered += 1
            except ToolLookupsSpent:
                crew.remove(each)
    assert answered == 100


def test_a_restart_gives_nothing_back(worker):
    first = worker()
    first.admit("scanner", 90)
    assert used_up(worker(), "scanner") <= 10


def test_after_an_hour_it_is_answered_again_and_never_more_in_any_hour(worker, clocks):
    one, times = worker(), []
    for _ in range(4 * 60):
        clocks.pass_ms(MINUTE_MS)
        for _ in range(used_up(one, "scanner")):
            times.append(clocks.steady_ms)
    for start in times:
        assert sum(start <= at < start + HOUR_MS for at in times) <= 100
    assert len(times) >= 300


def test_what_was_held_and_not_used_is_given_back_once_its_time_is_over(worker, clocks):
    one, other = worker(hashes=100_000), worker(hashes=100_000)
    one.admit("scanner", 1)  # holds a hundred
    assert used_up(other, "scanner") == 100_000 - 100
    clocks.pass_ms(MINUTE_MS)
    one.settle()
    assert used_up(other, "scanner") == 99


def test_what_was_held_is_not_used_later(worker, clocks):
    one = worker(hashes=100_000)
    one.admit("scanner", 1)
    clocks.pass_ms(HOUR_MS + MINUTE_MS)
    assert used_up(one, "scanner") == 100_000
    assert used_up(worker(hashes=100_000), "scanner") == 0


def test_who_is_told_to_stop_gives_back_what_it_held(worker):
    one = worker(hashes=100_000)
    one.admit("scanner", 1)
    one.close()
    assert used_up(worker(hashes=100_000), "scanner") == 100_000 - 1


@pytest.mark.parametrize("workers", [1, 2, 8])
def test_slow_use_that_matches_nothing_is_never_refused(worker, clocks, workers):
    crew = [worker(hashes=1_000_000, matches=workers) for _ in range(workers)]
    for _ in range(90):
        clocks.pass_ms(MINUTE_MS)
        for each in crew:
            each.settle()
            each.admit("scanner", 1)
            each.tell("scanner", 0)


@pytest.mark.parametrize("workers", [1, 2, 8])
def test_who_stays_a_hundredth_under_the_limit_is_never_refused(worker, clocks, workers):
    crew = [worker(hashes=72_000) for _ in range(workers)]
    for second in range(2 * 3600 // 5):
        clocks.pass_ms(5000)
        for each in crew:
            each.settle()
        crew[second % workers].admit("scanner", 99)


def test_a_batch_is_counted_whole_or_not_at_all(worker):
    one = worker()
    one.admit("scanner", 60)
    with pytest.raises(ToolLookupsSpent):
        one.admit("scanner", 60)
    assert used_up(worker(), "scanner") == 100 - 60


def test_a_tool_whose_matches_are_used_up_is_answered_nothing_at_all(worker):
    one = worker(hashes=10_000, matches=10)
    for _ in range(10):
        one.admit("scanner", 1)
        one.tell("scanner", 1)
    for hashes in (1, 50):
        with pytest.raises(ToolMatchesSpent) as refused:
            one.admit("scanner", hashes)
        assert refused.value.what == "10 matches an hour are used up"
        assert 0 < refused.value.retry_after_seconds <= 3660
    with pytest.raises(ToolMatchesSpent):
        worker(hashes=10_000, matches=10).admit("scanner", 1)


def test_what_matches_too_often_is_not_told_and_uses_up_the_rest(worker):
    one, other = worker(matches=10), worker(matches=10)
    for each in (one, other):
        each.admit("scanner", 11)
    with pytest.raises(ToolMatchesSpent) as first:
        one.tell("scanner", 11)
    with pytest.raises(ToolMatchesSpent) as second:
        one.admit("scanner", 1)
    assert second.value.retry_after_seconds == first.value.retry_after_seconds
    with pytest.raises(ToolMatchesSpent):
        worker(matches=10).admit("scanner", 1)
    with pytest.raises(ToolMatchesSpent):  # it may have seen that some were left; none is
        other.tell("scanner", 1)


@pytest.mark.parametrize("copies", [1, 2, 7, 50])
def test_no_way_of_asking_learns_more_often_that_something_matches(worker, clocks, copies):
    """By an answer or by a refusal, with as many copies of one hash as one likes."""
    one, learned = worker(hashes=10**9, matches=10), 0
    for _ in range(100):
        clocks.pass_ms(10)
        try:
            one.admit("scanner", copies)
        except ToolMatchesSpent:
            continue
        learned += 1
        with contextlib.suppress(ToolMatchesSpent):
            one.tell("scanner", copies)
    assert learned == -(-10 // copies)


def test_of_lookups_under_way_none_is_answered_once_the_matches_are_used_up(worker):
    one = worker(matches=1)
    for _ in range(4):
        one.admit("scanner", 1)
    one.tell("scanner", 1)
    for matches in (0, 1, 0):
        with pytest.raises(ToolMatchesSpent):
            one.tell("scanner", matches)


def test_matches_come_back_after_an_hour(worker, clocks):
    one = worker(matches=10)
    one.admit("scanner", 1)
    with pytest.raises(ToolMatchesSpent):
        one.tell("scanner", 11)
    clocks.pass_ms(HOUR_MS + MINUTE_MS)
    one.admit("scanner", 1)
    one.tell("scanner", 10)


def test_a_refusal_is_repeated_for_a_moment_without_the_disk_and_then_looked_at_again(
    worker, clocks
):
    one = worker()
    used_up(one, "scanner")
    clocks.pass_ms(HOUR_MS + MINUTE_MS)
    assert used_up(one, "scanner") == 100
