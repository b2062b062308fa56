"""The custodian's two clocks: what time it is, and how much time has passed."""

import time


def wall_ms() -> int:
    """Milliseconds since 1970 by this machine's clock, which may be set."""
    return time.time_ns() // 1_000_000


def steady_ms() -> int:
    """Milliseconds since no particular time; never runs back."""
    return time.monotonic_ns() // 1_000_000
