"""The keyholder's clocks: one that tells the date, one that never runs back."""

import time


def wall_ms() -> int:
    """Milliseconds since 1970 by this machine's clock, which may be set."""
    return time.time_ns() // 1_000_000


def steady_ms() -> int:
    """Milliseconds from some beginning; never runs back."""
    return time.monotonic_ns() // 1_000_000
