"""A goal is judged by a run's own figures, and never by what the run did not measure."""

import time

import pytest
from bench.figures import Check, processor_ms, shown
from bench.goals import (
    Goal,
    Record,
    every,
    experiment,
    figure,
    judge,
    ratio,
    row,
)

EMPTY: Record = {"rows": [], "figures": []}


def record(**values: float) -> Record:
    figures = [{"key": key.replace("_", "."), "value": value} for key, value in values.items()]
    return {
        "rows": [{"work": "scanning, twice", "our_median_ms": 4.0, "ratio": 6.0}],
        "figures": figures,
    }


def test_a_goal_is_met_up_to_its_bound_and_missed_beyond() -> None:
    most = Goal("an option", "small", 10, "ms", figure("a.b"), missed="it is large")
    least = Goal("an option", "fast", 10, "/s", figure("a.b"), at_most=False, missed="slow")
    for value, small, fast in ((9.9, True, False), (10, True, True), (10.1, False, True)):
        first, second = judge(record(a_b=value), [most, least])
        assert (first["met"], second["met"]) == (small, fast)
        assert first["missed"] == ("" if small else "it is large")
        assert first["measured"] == value
        assert (first["asked"], second["asked"]) == ("at most", "at least")


def test_what_a_run_did_not_measure_is_not_judged() -> None:
    assert judge(EMPTY) == []
    assert judge(record(a_b=1), [Goal("an option", "both", 1, "", figure("a.b", "a.c"))]) == []


def test_a_measure_takes_the_largest_of_its_figures_in_the_goals_unit() -> None:
    assert figure("a.b", "a.c", scale=0.5)(record(a_b=3, a_c=8)) == 4


def test_a_row_is_found_by_how_its_work_begins_unless_two_begin_so() -> None:
    assert row("scanning", lambda ms: 1000 / ms)(record()) == 250
    two = {**EMPTY, "rows": record()["rows"] * 2}
    assert row("scanning")(two) is None
    assert row("sorting")(record()) is None


def test_a_ratio_is_that_of_the_one_row_whose_work_begins_so() -> None:
    assert ratio("scanning")(record()) == 6
    assert ratio("sorting")(record()) is None


def test_the_experiments_figures_count_only_beside_a_list_that_was_measured() -> None:
    measure = experiment("recall", "recovered", scale=100)
    assert measure(EMPTY) is None
    measured = {**EMPTY, "figures": [{"key": "on_device.download", "value": 1.0}]}
    recovered = measure(measured)
    assert recovered is not None
    assert 90 < recovered <= 100


def test_each_goal_says_what_to_do_where_it_is_missed() -> None:
    goals = every()
    assert len({(goal.area, goal.what) for goal in goals}) == len(goals)
    for goal in goals:
        assert goal.missed


def test_processor_time_counts_work_and_not_waiting() -> None:
    def spin() -> None:
        end_ns = time.thread_time_ns() + 20_000_000
        while time.thread_time_ns() < end_ns:
            pass

    times_ms = processor_ms({"spin": spin, "sleep": lambda: time.sleep(0.05)}, rounds=3)
    assert times_ms["spin"] >= 20
    assert times_ms["sleep"] < times_ms["spin"]


@pytest.mark.parametrize("holds", [True, False])
def test_a_figure_says_what_its_check_has_shown(holds: bool) -> None:
    made = Check(holds, "the sum is right").figure("a.b", "adding", 2, "ms")
    assert made.exact == holds
    assert made.exactness == ("the sum is right" if holds else "not so: the sum is right")


def test_values_are_shown_in_three_digits_and_whole_from_a_thousand_on() -> None:
    assert shown(0.123456, "ms") == "0.123 ms"
    assert shown(12_345.6, "bytes") == "12,346 bytes"
    assert shown(1.1351, "") == "1.14"
    assert shown(0, "pictures") == "0 pictures"
