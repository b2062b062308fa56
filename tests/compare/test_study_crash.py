"""A process of a study that dies is an error with a name."""

import os
import signal

import pytest

from softfall.compare.robustness import StudyCrashed, in_parallel


def _die(_: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_process_that_dies_ends_the_study_by_name():
    with pytest.raises(StudyCrashed):
        list(in_parallel(_die, range(4), 2))
