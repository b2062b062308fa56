"""The console's clock: Unix time in milliseconds, given as an argument wherever time counts."""

import time
from collections.abc import Callable

Clock = Callable[[], int]


def system_clock() -> int:
    """This machine's time."""
    return time.time_ns() // 1_000_000
