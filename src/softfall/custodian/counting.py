"""A limit on how much may be used in any stretch of time, counted on disk.

Guarantees: in any `span_ms` at most `limit` is used. It is counted on disk, in the transaction of
whatever else must last with it, before anything leaves: a restart or a kill -9 hands nothing out
twice; a clock that is set back frees nothing. While the service runs, time is measured by the
monotonic clock; the wall clock only tells how long it was off.
Limit: who can set the clock ahead and restart the service, or write its files, gains.
"""

import contextlib
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection, Engine, Table, and_, delete, func, insert, select

from softfall.errors import RefusedError

Clock = Callable[[], int]


@dataclass(frozen=True, slots=True)
class Allowance:
    """How much of what, in which time.

    table: columns `window_start_ms` and `used`, and those of `of`. A window counts until `span_ms`
    after its very end. spent: makes the refusal from (what happened, the seconds to wait).
    of: whose allowance it is, by column, where the table holds several.
    """

    table: Table
    limit: int
    what: str
    window_ms: int
    span_ms: int
    spent: Callable[[str, int], RefusedError]
    of: Mapping[str, str] = field(default_factory=dict)

    @property
    def counted_ms(self) -> int:
        """How long a window counts from its beginning: so never less than the last `span_ms`."""
        return self.span_ms + self.window_ms


class Counting:
    """One allowance as kept in its database.

    wall_ms: milliseconds since 1970. monotonic_ms: any origin, never runs back.
    """

    def __init__(
        self, engine: Engine, allowance: Allowance, wall_ms: Clock, monotonic_ms: Clock
    ) -> None:
        self._engine = engine
        self._allowance = allowance
        self._monotonic_ms = monotonic_ms
        start = allowance.table.c.window_start_ms
        with engine.connect() as connection:
            newest_ms = connection.scalar(select(func.max(start))) or 0
        self._offset_ms = max(wall_ms(), newest_ms) - monotonic_ms()

    @contextlib.contextmanager
    def counted(self, count: int) -> Iterator[Connection]:
        """A transaction that has counted `count`; if the block raises, nothing was counted.

        Raises what the allowance's `spent` makes.
        """
        allowance = self._allowance
        table, start = allowance.table, allowance.table.c.window_start_ms
        own = and_(True, *(table.c[name] == value for name, value in allowance.of.items()))
        now_ms = self._now_ms()
        window_ms = now_ms - now_ms % allowance.window_ms
        with self._engine.begin() as connection:
            # A write comes first: it takes the lock, so what is read next is the truth.
            connection.execute(delete(table).where(start <= now_ms - allowance.counted_ms))
            used: dict[int, int] = {
                row.window_start_ms: row.used
                for row in connection.execute(select(table).where(own))
            }
            if sum(used.values()) + count > allowance.limit:
                told = f"{allowance.limit} {allowance.what} are used up"
                raise allowance.spent(told, self._wait_seconds(used, count, now_ms))
            total = used.get(window_ms, 0) + count
            connection.execute(delete(table).where(start == window_ms, own))
            row = {"window_start_ms": window_ms, "used": total, **allowance.of}
            connection.execute(insert(table).values(row))
            yield connection

    def left_ms(self) -> int:
        """How long the present window lasts: what was counted in it may be used until then."""
        return self._allowance.window_ms - self._now_ms() % self._allowance.window_ms

    def used(self) -> int:
        """How much counts at present."""
        table = self._allowance.table
        recent = table.c.window_start_ms > self._now_ms() - self._allowance.counted_ms
        own = [table.c[name] == value for name, value in self._allowance.of.items()]
        with self._engine.connect() as connection:
            return int(connection.scalar(select(func.sum(table.c.used)).where(recent, *own)) or 0)

    def _now_ms(self) -> int:
        return self._offset_ms + self._monotonic_ms()

    def _wait_seconds(self, used: dict[int, int], count: int, now_ms: int) -> int:
        allowance = self._allowance
        excess = sum(used.values()) + count - allowance.limit
        for window_ms in sorted(used):
            excess -= used[window_ms]
            if excess <= 0:
                return max(1, math.ceil((window_ms + allowance.counted_ms - now_ms) / 1000))
        return allowance.counted_ms // 1000  # more than the whole allowance at once
