"""Clocks, randomness and sleep, as a device is given them; tests hand it others."""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Surroundings:
    """now_ms: Unix time. monotonic_ms: never goes back. random_bytes(count): cryptographic."""

    now_ms: Callable[[], int]
    monotonic_ms: Callable[[], float]
    random_bytes: Callable[[int], bytes]
    sleep_seconds: Callable[[float], None]


REAL = Surroundings(
    now_ms=lambda: time.time_ns() // 1_000_000,
    monotonic_ms=lambda: time.monotonic_ns() / 1_000_000,
    random_bytes=secrets.token_bytes,
    sleep_seconds=time.sleep,
)
