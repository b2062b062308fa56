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
from typing import Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Table,
    and_,
    delete,
    func,
    insert,
    select,
    update,
)

from softfall.errors import RefusedError

Clock = Callable[[], int]

_HELD_OF_WHAT_IS_LEFT: Final = 64  # so a dozen workers never hold much of what is left


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


@dataclass(frozen=True, slots=True)
class Held:
    """So much is counted in advance, in the window that began then, and must be used within it."""

    count: int
    window_start_ms: int


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
        now_ms = self._now_ms()
        with self._engine.begin() as connection:
            used = self._used(connection, now_ms)
            if sum(used.values()) + count > self._allowance.limit:
                raise self._spent(used, count, now_ms)
            self._count(connection, used, count, now_ms)
            yield connection

    def held(self, least: int, usual: int, back: Held | None = None) -> Held:
        """Count in advance: `usual` or what is wise of what is left, but never under `least`.

        The shorter it is, the less is held, so that several who hold some leave each other enough.
        back: given back in the same transaction. Raises what `spent` makes: then nothing changed.
        """
        now_ms = self._now_ms()
        with self._engine.begin() as connection:
            used = self._used(connection, now_ms, back)
            left = self._allowance.limit - sum(used.values())
            if least > left:
                raise self._spent(used, least, now_ms)
            count = max(least, min(usual, left // _HELD_OF_WHAT_IS_LEFT))
            return Held(count, self._count(connection, used, count, now_ms))

    def give_back(self, held: Held) -> None:
        """Take from the count what was held and not used."""
        with self._engine.begin() as connection:
            self._used(connection, self._now_ms(), held)

    def see(self) -> RefusedError | None:
        """The refusal, if nothing is left; counts nothing and writes nothing."""
        now_ms = self._now_ms()
        recent = self._allowance.table.c.window_start_ms > now_ms - self._allowance.counted_ms
        with self._engine.connect() as connection:
            used = self._read(connection, recent)
        return self._spent(used, 1, now_ms) if sum(used.values()) >= self._allowance.limit else None

    def use_up(self, back: Held | None = None) -> RefusedError:
        """Count all that is left; the refusal, which is the same however much that was."""
        now_ms = self._now_ms()
        with self._engine.begin() as connection:
            used = self._used(connection, now_ms, back)
            left = self._allowance.limit - sum(used.values())
            self._count(connection, used, max(0, left), now_ms)
        return self._spent(used, 1, now_ms)

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

    def _used(
        self, connection: Connection, now_ms: int, back: Held | None = None
    ) -> dict[int, int]:
        """What counts, by window, once `back` is given back; what counts no more is removed."""
        table, start = self._allowance.table, self._allowance.table.c.window_start_ms
        # A write comes first: it takes the lock, so what is read next is the truth.
        connection.execute(delete(table).where(start <= now_ms - self._allowance.counted_ms))
        if back is not None:
            its = and_(start == back.window_start_ms, self._own)
            connection.execute(update(table).where(its).values(used=table.c.used - back.count))
        return self._read(connection, self._own)

    def _read(self, connection: Connection, which: ColumnElement[bool]) -> dict[int, int]:
        rows = connection.execute(select(self._allowance.table).where(which, self._own))
        return {row.window_start_ms: row.used for row in rows}

    def _count(self, connection: Connection, used: dict[int, int], count: int, now_ms: int) -> int:
        """Count in the present window, whose beginning is returned; `used` is changed with it."""
        table = self._allowance.table
        window_ms = now_ms - now_ms % self._allowance.window_ms
        used[window_ms] = used.get(window_ms, 0) + count
        connection.execute(delete(table).where(table.c.window_start_ms == window_ms, self._own))
        row = {"window_start_ms": window_ms, "used": used[window_ms], **self._allowance.of}
        connection.execute(insert(table).values(row))
        return window_ms

    @property
    def _own(self) -> ColumnElement[bool]:
        of = self._allowance.of.items()
        return and_(True, *(self._allowance.table.c[name] == value for name, value in of))

    def _spent(self, used: dict[int, int], count: int, now_ms: int) -> RefusedError:
        told = f"{self._allowance.limit} {self._allowance.what} are used up"
        return self._allowance.spent(told, self._wait_seconds(used, count, now_ms))

    def _wait_seconds(self, used: dict[int, int], count: int, now_ms: int) -> int:
        allowance = self._allowance
        excess = sum(used.values()) + count - allowance.limit
        for window_ms in sorted(used):
            excess -= used[window_ms]
            if excess <= 0:
                return max(1, math.ceil((window_ms + allowance.counted_ms - now_ms) / 1000))
        return allowance.counted_ms // 1000  # more than the whole allowance at once
