"""Keeping the stock filled with what the lists at hand need: by mode and by size.

Guarantees: material is fetched for the newest version of each epoch that goes on, the scarcest kind
first; what comes is on the disk before more is asked for. Where the provider is ahead, as after an
outage, fetching goes on until the serial that it named has come, `CHASED` serials at most; for one
that lies further ahead, as after a change of the dealer's store, one answer of the dealer's is
fetched, and then none for `EXPECTED_SECONDS`. So no question throws the stock away. The dealer is
told how much of which kind, and nothing else.
"""

import time
from collections.abc import Callable, Iterable
from typing import Final

from softfall.config import KeyholderSettings
from softfall.edge.logs import Logger
from softfall.edge.stock_keeping import Batch, StockKeeper
from softfall.keyholder.lists import ListBook
from softfall.keyholder.stock import Kind, Stock
from softfall.options.homomorphic.dealt_wire import capacity_of
from softfall.options.homomorphic.listing import ListVersion
from softfall.options.homomorphic.parameters import HomomorphicParameters, Mode

PLENTY: Final = 2**31
EXPECTED_SECONDS: Final = 30.0
CHASED: Final = 512

Fetch = Callable[[Kind, int], Batch]
"""The dealer's next serials of a kind, one at least, at most so many. Raises DealerUnavailable."""


class Filling:
    """Fills one keyholder's stock, in a thread of its own."""

    def __init__(
        self,
        settings: KeyholderSettings,
        stock: Stock,
        book: ListBook,
        log: Logger,
        fetch: Fetch,
    ) -> None:
        self._stock = stock
        self._book = book
        self._fetch = fetch
        self._fetched: Kind | None = None
        self._expected: dict[Kind, tuple[int, float]] = {}  # serial, and until when
        self._far: dict[Kind, float] = {}  # when the last one was fetched for that lies too far
        self._keeper = StockKeeper(self, self._next, settings.stock, log)

    def start(self) -> None:
        """Begin."""
        self._keeper.start()

    def stop(self) -> None:
        """End with what is being fetched."""
        self._keeper.stop()

    def look(self) -> None:
        """The stock has shrunk, or other material is needed: look at it now."""
        self._keeper.look()

    def expect(self, serial: int, mode: Mode, rows: int) -> bool:
        """A question names this serial, which is yet to come: fetch until it has, within reason.

        False where nothing is fetched for it.
        """
        kind, now = Kind(mode, capacity_of(max(1, rows))), time.monotonic()
        newest = self._stock.newest(kind)
        if serial > newest + CHASED:
            if self._is_awaited(kind, newest):
                return True
            if now < self._far.get(kind, -EXPECTED_SECONDS) + EXPECTED_SECONDS:
                return False
            self._far[kind] = now
            serial = newest + 1
        # A serial that nobody deals is given up.
        self._expected[kind] = (serial, now + EXPECTED_SECONDS)
        self._keeper.look()
        return True

    def needed(self) -> set[Kind]:
        """What every list at hand needs."""
        return set(_kinds(self._book.living()))

    def count(self) -> int:
        """How many serials there are of the kind that is scarcest; plenty where none is needed."""
        return min(map(self._count, self._wanted()), default=PLENTY)

    def put(self, batch: Batch) -> None:
        """Keep what `_next` fetched, with its kind."""
        assert self._fetched is not None
        self._stock.put(self._fetched, batch)

    def _next(self, count: int) -> Batch:
        wanted = self._wanted()
        if not wanted:
            return ()
        self._fetched = min(wanted, key=self._count)
        return self._fetch(self._fetched, count)

    def _count(self, kind: Kind) -> int:
        """How many there are; none, while what was named has not come."""
        if self._is_awaited(kind, self._stock.newest(kind)):
            return 0
        return self._stock.count(kind)

    def _is_awaited(self, kind: Kind, newest: int) -> bool:
        serial, until = self._expected.get(kind, (-1, 0.0))
        return serial > newest and time.monotonic() < until

    def _wanted(self) -> list[Kind]:
        return list(dict.fromkeys(_kinds(self._book.newest())))


def _kinds(lists: Iterable[tuple[ListVersion, HomomorphicParameters]]) -> Iterable[Kind]:
    for version, parameters in lists:
        if version.rows:  # nothing is asked about an empty list
            yield Kind(parameters.mode, capacity_of(version.rows))
