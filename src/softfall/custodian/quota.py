"""The custodian's own limit on OPRF evaluations: global, whoever asks, kept on disk.

Guarantees: in any 60 minutes at most `per_hour` evaluations are answered, counted as `counting`
says, before the answer leaves.
Why: whoever may call the OPRF without limit can invert tags and rebuild the list's hashes.
Limit: the quota is the whole service's, so one greedy provider can use it up for all its users.
"""

import contextlib
from collections.abc import Callable, Iterator

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from softfall.custodian.counting import Allowance, Counting
from softfall.custodian.quota_tables import evaluations, metadata
from softfall.errors import RefusedError, UnavailableError

__all__ = ["Quota", "QuotaNotCounted", "QuotaSpent", "evaluations", "metadata"]

WINDOW_MS = 60_000
HOUR_MS = 3_600_000


class QuotaSpent(RefusedError):
    """The custodian's hourly evaluations are used up."""

    remedy = "Wait as long as Retry-After says; the keeper sets custodian.evaluations_per_hour."

    def __init__(self, what: str, retry_after_seconds: int) -> None:
        super().__init__(what)
        self.retry_after_seconds = retry_after_seconds


class QuotaNotCounted(UnavailableError):
    """What is asked for can't be counted on disk, so it is not answered."""

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
        allowance = Allowance(
            evaluations, per_hour, "evaluations an hour", WINDOW_MS, HOUR_MS, QuotaSpent
        )
        self._counting = Counting(engine, allowance, wall_ms, monotonic_ms)

    def take(self, count: int) -> None:
        """Count `count` evaluations, on disk. Raises QuotaSpent, QuotaNotCounted: then none is."""
        with self.counted(count):
            pass

    @contextlib.contextmanager
    def counted(self, count: int) -> Iterator[Connection]:
        """A transaction of this database that has counted; if its block raises, none is counted.

        Raises QuotaSpent, QuotaNotCounted.
        """
        with on_disk(), self._counting.counted(count) as connection:
            yield connection

    def used(self) -> int:
        """How many evaluations count at present."""
        return self._counting.used()


@contextlib.contextmanager
def on_disk() -> Iterator[None]:
    """Name what a database that can't be written raises: QuotaNotCounted."""
    try:
        yield
    except DBAPIError as error:
        raise QuotaNotCounted(f"nothing can be counted: {error.orig}") from None
