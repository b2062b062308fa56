"""For tests in which the server goes: pg8000 grumbles when a broken connection is collected."""

import gc

import pytest

# Its buffer still holds a farewell that it can't send any more; nothing is lost with it.
GOING_SERVER = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


def forget_broken_connections() -> None:
    """Collect them here, not in another test."""
    gc.collect()
