"""The custodian's own limit on OPRF evaluations: global, whoever asks, kept on disk.

Guarantees: in any 60 minutes at most `per_hour` evaluations are answered. They are counted on disk
before the answer leaves, so a restart or a kill -9 hands nothing out twice; a clock that is set
back frees nothing. While the service runs, time is measured by the monotonic clock; the wall clock
only tells how long it was off.
Why: whoever may call the OPRF without limit can invert tags and rebuild the list's hashes.
Limit: who can set the custodian's clock ahead and restart it, or write its files, gains quota; the
quota is the whole service's, so one greedy provider can use it up for all its users.
"""

import math
from collections.abc import Callable

from sqlalchemy import (
    BigInteger,
    Column,
    Engine,
    MetaData,
    Table,
    delete,
    func,
    insert,
    select,
)
from sqlalchemy.exc import DBAPIError

from softfall.errors import RefusedError, UnavailableError

metadata = MetaData()

# How many evaluations were used in the minute that began then; `quota_migrations/` makes it.
evaluations = Table(
    "evaluations",
    metadata,
    Column("window_start_ms", BigInteger, primary_key=True, autoincrement=False),
    Column("used", BigInteger, nullable=False),
)

WINDOW_MS = 60_000
# A window counts until an hour after its very end: so never less than the last 60 minutes.
COUNTED_MS = 3_600_000 + WINDOW_MS


class QuotaSpent(RefusedError):
    """The custodian's hourly evaluations are used up."""

    remedy = "Wait as long as Retry-After says; the keeper sets custodian.evaluations_per_hour."

    def __init__(self, what: str, retry_after_seconds: int) -> None:
        super().__init__(what)
        self.retry_after_seconds = retry_after_seconds


class QuotaNotCounted(UnavailableError):
    """The evaluations can't be counted on disk, so they are not answered."""

    remedy = "Check the custodian's disk; the same question may be asked again."


class Quota:
    """The quota as kept in its own database; one object per running service.

    wall_ms: milliseconds since 1970. monotonic_ms: any origin, never runs back.
    """

    def __init__(
        self,
        engine: Engine,
        per_hour: int,
        wall_ms: Callable[[], int],
        monotonic_ms: Callable[[], int],
    ) -> None:
        self._engine = engine
        self._per_hour = per_hour
        self._monotonic_ms = monotonic_ms
        with engine.connect() as connection:
            newest_ms = connection.scalar(select(func.max(evaluations.c.window_start_ms))) or 0
        self._offset_ms = max(wall_ms(), newest_ms) - monotonic_ms()

    def take(self, count: int) -> None:
        """Count `count` evaluations, on disk. Raises QuotaSpent, QuotaNotCounted: then none is."""
        try:
            self._take(count)
        except DBAPIError as error:
            raise QuotaNotCounted(f"no evaluations can be counted: {error.orig}") from None

    def _take(self, count: int) -> None:
        now_ms = self._offset_ms + self._monotonic_ms()
        window_ms = now_ms - now_ms % WINDOW_MS
        start = evaluations.c.window_start_ms
        with self._engine.begin() as connection:
            # A write comes first: it takes the lock, so what is read next is the truth.
            connection.execute(delete(evaluations).where(start <= now_ms - COUNTED_MS))
            used: dict[int, int] = {
                row.window_start_ms: row.used for row in connection.execute(select(evaluations))
            }
            if sum(used.values()) + count > self._per_hour:
                raise QuotaSpent(
                    f"{self._per_hour} evaluations an hour are used up",
                    self._wait_seconds(used, count, now_ms),
                )
            total = used.get(window_ms, 0) + count
            connection.execute(delete(evaluations).where(start == window_ms))
            connection.execute(insert(evaluations).values(window_start_ms=window_ms, used=total))

    def used(self) -> int:
        """How many evaluations count at present."""
        now_ms = self._offset_ms + self._monotonic_ms()
        recent = evaluations.c.window_start_ms > now_ms - COUNTED_MS
        with self._engine.connect() as connection:
            return int(connection.scalar(select(func.sum(evaluations.c.used)).where(recent)) or 0)

    def _wait_seconds(self, used: dict[int, int], count: int, now_ms: int) -> int:
        excess = sum(used.values()) + count - self._per_hour
        for window_ms in sorted(used):
            excess -= used[window_ms]
            if excess <= 0:
                return max(1, math.ceil((window_ms + COUNTED_MS - now_ms) / 1000))
        return COUNTED_MS // 1000  # more than a whole hour's quota in one question
