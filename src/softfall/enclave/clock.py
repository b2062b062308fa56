"""The enclave's clock: its host's, so it proves nothing; verifiers hold documents to their own."""

import time


def wall_ms() -> int:
    """Milliseconds since 1970 by this machine's clock, which may be set."""
    return time.time_ns() // 1_000_000
