"""What a tool may look up in an hour: counted on disk, for all workers, over restarts."""

import pytest

from softfall.custodian.lookup.allowances import Allowances, ToolLookupsSpent
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


def test_a_share_that_was_counted_in_an_earlier_minute_is_not_used_later(worker, clocks):
    one = worker(hashes=100)
    one.admit("scanner", 1)  # counts a share of 5
    clocks.pass_ms(2 * MINUTE_MS)
    assert used_up(one, "scanner") == 95


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
        with pytest.raises(ToolLookupsSpent) as refused:
            one.admit("scanner", hashes)
        assert refused.value.what == "10 matches an hour are used up"
        assert 0 < refused.value.retry_after_seconds <= 3660
    with pytest.raises(ToolLookupsSpent):
        worker(hashes=10_000, matches=10).admit("scanner", 1)


def test_what_matches_too_often_is_not_told(worker):
    one = worker(matches=10)
    one.admit("scanner", 50)
    with pytest.raises(ToolLookupsSpent):
        one.tell("scanner", 50)


def test_a_refusal_is_repeated_for_a_moment_without_the_disk_and_then_looked_at_again(
    worker, clocks
):
    one = worker()
    used_up(one, "scanner")
    clocks.pass_ms(HOUR_MS + MINUTE_MS)
    assert used_up(one, "scanner") == 100
