"""Steps side by side: in order, none begun after a failure, no process started after the end."""

import threading
from pathlib import Path

import pytest

from softfall.compare.abreast import abreast
from softfall.compare.processes import PartyFailed, Stage


def test_results_come_in_the_order_of_what_was_given_whoever_is_done_first():
    last_done = threading.Event()

    def work(number: int) -> int:
        if number == 2:
            last_done.set()
        else:
            assert last_done.wait(30)
        return number * 10

    assert abreast(work, [0, 1, 2], 3) == [0, 10, 20]


def test_a_failure_is_raised_and_what_had_not_begun_never_does():
    begun, raised = [], threading.Event()

    def work(number: int) -> None:
        if number == 0:
            raise PartyFailed("number 0")
        begun.append(number)
        assert raised.wait(30)

    with pytest.raises(PartyFailed, match="number 0"):
        abreast(work, list(range(100)), 1)
    raised.set()
    assert begun in ([], [1])  # what was under way when the failure was noticed, and no more


def test_nothing_given_is_nothing_done():
    assert abreast(str, [], 0) == []


def test_a_step_in_the_midst_starts_no_process_once_the_stage_is_left(tmp_path: Path):
    with Stage(tmp_path) as stage:
        pass
    with pytest.raises(PartyFailed, match="the run is over"):
        stage.start("late", "device", {})
