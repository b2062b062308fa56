"""The provider's clock, as an argument: Unix milliseconds, and how durations become them."""

import time
from collections.abc import Callable

Clock = Callable[[], int]

_SECOND_MS = 1000
_DAY_SECONDS = 86_400


def system_clock() -> int:
    """Now, in Unix milliseconds."""
    return time.time_ns() // 1_000_000


def seconds_ms(seconds: float) -> int:
    """A duration in milliseconds."""
    return round(seconds * _SECOND_MS)


def hours_ms(hours: float) -> int:
    """A duration in milliseconds."""
    return seconds_ms(hours * 3600)


def days_ms(days: float) -> int:
    """A duration in milliseconds."""
    return seconds_ms(days * _DAY_SECONDS)
