"""What the provider says of itself: its option, and the epoch of its list.

Guarantees: asked at most once in `KEPT_MS`, with little patience, so that a page never waits for
long; what was not answered is unknown (None), never "off".
"""

import threading
from dataclasses import dataclass
from typing import Final

import httpx

from softfall.console.clock import Clock

KEPT_MS: Final = 30_000
PATIENCE_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class ProviderNow:
    """The provider's own words. epoch: 0 where it has no list yet."""

    option: str
    epoch: int


class ProviderHealth:
    """The last answer, asked again when it is old."""

    def __init__(self, client: httpx.Client, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._lock = threading.Lock()
        self._asked_at_ms: int | None = None
        self._last: ProviderNow | None = None

    def now(self) -> ProviderNow | None:
        """What it says; None where it does not answer, or makes no sense."""
        with self._lock:
            now_ms = self._clock()
            if self._asked_at_ms is None or now_ms - self._asked_at_ms >= KEPT_MS:
                self._last = self._ask()
                self._asked_at_ms = now_ms
            return self._last

    def _ask(self) -> ProviderNow | None:
        try:
            told = self._client.get("/v1/health", timeout=PATIENCE_SECONDS).json()
        except (httpx.HTTPError, ValueError):
            return None
        if not isinstance(told, dict):
            return None
        option, epoch = told.get("option"), told.get("epoch")
        if not isinstance(option, str) or not isinstance(epoch, int):
            return None
        return ProviderNow(option, epoch)
